import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FHIR_VERSIONS, type FhirVersion } from '../../../functions/fhir/fhirVersion.js';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import type { FhirType } from '../../../functions/deid/model/types.js';
import { maskedMembers } from '../../../functions/deid/model/masked.js';
import { shapeOf } from '../../../functions/deid/model/shape.js';
import type { JsonObject, JsonValue } from '../../../functions/json/json.js';
import { bothWays, objectEngine } from '../bothWays.js';
import { configurationOf, engineOf, engineOptions, filesIn, hasShared, readText } from '../shared.js';
import { randomly } from '../../random.js';

const PARAMETERS = {
  validOutput: true,
  enablePartialDatesForRedact: true,
  cryptoHashKey: 'key',
  dateShiftFixedOffsetInDays: 1,
  encryptKey: '0123456789abcdef',
};

const MASKED = {
  extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'masked' }],
};

type Rule = JsonObject | string;

function engine(rules: readonly Rule[], version: FhirVersion = 'R4', parameters: JsonObject = PARAMETERS) {
  const fhirPathRules = rules.map((rule) =>
    typeof rule === 'string' ? { path: rule, method: 'redact' } : rule,
  );
  return engineOf(JSON.stringify({ fhirPathRules, parameters }), version);
}

/** What is left of a resource, without its labels; and what is not valid of it. */
function result(
  rules: readonly Rule[],
  resource: JsonObject,
  version: FhirVersion = 'R4',
  parameters: JsonObject = PARAMETERS,
): { after: JsonObject; problems: string[] } {
  const made = engine(rules, version, parameters);
  const anonymized = made.anonymize(resource);
  if (anonymized.outcome === 'failed') throw new Error(anonymized.failure.message);
  const after = JSON.parse(anonymized.line) as JsonObject;
  const meta = after['meta'] as JsonObject | undefined;
  if (meta !== undefined && Object.keys(meta).every((name) => name === 'security')) delete after['meta'];
  const [report] = made.takeReport().types.values();
  return { after, problems: [...(report?.problems.keys() ?? [])] };
}

interface Case {
  readonly name: string;
  readonly rules: readonly Rule[];
  readonly before: JsonObject;
  readonly after: JsonObject;
  readonly version?: FhirVersion;
}

const OBSERVATION = { resourceType: 'Observation', status: 'final', code: { text: 'Weight' } };

const CASES: readonly Case[] = [
  {
    name: 'a required primitive that is removed',
    rules: ['Observation.status'],
    before: OBSERVATION,
    after: { resourceType: 'Observation', _status: MASKED, code: { text: 'Weight' } },
  },
  {
    name: 'a required primitive whose value and extensions are removed',
    rules: ['Observation.status'],
    before: { ...OBSERVATION, _status: { extension: [{ url: 'https://example.org/a', valueString: 'x' }] } },
    after: { resourceType: 'Observation', _status: MASKED, code: { text: 'Weight' } },
  },
  {
    name: 'a required primitive whose extension stays',
    rules: [{ path: 'Observation.status.extension', method: 'keep' }, 'Observation.status'],
    before: { ...OBSERVATION, _status: { extension: [{ url: 'https://example.org/a', valueString: 'x' }] } },
    after: {
      ...OBSERVATION,
      status: undefined as unknown as JsonValue,
      _status: { extension: [{ url: 'https://example.org/a', valueString: 'x' }] },
    },
  },
  {
    name: 'a required complex element that is removed',
    rules: ['Observation.code'],
    before: OBSERVATION,
    after: { resourceType: 'Observation', status: 'final', code: MASKED },
  },
  {
    name: 'a required element of an element that stays, and of one that goes',
    rules: ['Patient.communication.language', 'Patient.link'],
    before: {
      resourceType: 'Patient',
      communication: [{ language: { text: 'Frisian' }, preferred: true }, { language: { text: 'Welsh' } }],
      link: [{ other: { reference: 'Patient/2' }, type: 'seealso' }],
    },
    after: { resourceType: 'Patient', communication: [{ language: MASKED, preferred: true }] },
  },
  {
    name: 'a required list of which an item has to have one of two elements',
    rules: ['Appointment.participant'],
    before: {
      resourceType: 'Appointment',
      status: 'booked',
      start: '2015-02-07T13:28:17Z',
      end: '2015-02-07T13:58:17Z',
      participant: [{ actor: { reference: 'Patient/1' }, status: 'accepted' }],
    },
    after: {
      resourceType: 'Appointment',
      status: 'booked',
      start: '2015-02-07T13:28:17Z',
      end: '2015-02-07T13:58:17Z',
      participant: [{ ...MASKED, actor: MASKED, _status: MASKED }],
    },
  },
  {
    name: 'a required list, with what its items have to have',
    rules: ['Claim.insurance'],
    before: {
      resourceType: 'Claim',
      status: 'active',
      type: { text: 'a' },
      use: 'claim',
      patient: { reference: 'Patient/1' },
      created: '2015',
      provider: { reference: 'Organization/1' },
      priority: { text: 'b' },
      insurance: [{ sequence: 1, focal: true, coverage: { reference: 'Coverage/1' } }],
    },
    after: {
      resourceType: 'Claim',
      status: 'active',
      type: { text: 'a' },
      use: 'claim',
      patient: { reference: 'Patient/1' },
      created: '2015',
      provider: { reference: 'Organization/1' },
      priority: { text: 'b' },
      insurance: [{ ...MASKED, _sequence: MASKED, _focal: MASKED, coverage: MASKED }],
    },
  },
  {
    name: 'a required choice, under the type that it had',
    rules: ['MedicationRequest.medication'],
    before: {
      resourceType: 'MedicationRequest',
      status: 'active',
      intent: 'order',
      medicationReference: { reference: 'Medication/1' },
      subject: { reference: 'Patient/1' },
    },
    after: {
      resourceType: 'MedicationRequest',
      status: 'active',
      intent: 'order',
      subject: { reference: 'Patient/1' },
      medicationReference: MASKED,
    },
  },
  {
    name: 'an element that the source lacked is not marked',
    rules: ['Observation.code'],
    before: { resourceType: 'Observation', code: { text: 'Weight' }, valueString: 'x' },
    after: { resourceType: 'Observation', code: MASKED, valueString: 'x' },
  },
  {
    name: 'an instant of which the year stays',
    rules: ['Observation.issued', 'Observation.effective'],
    before: {
      ...OBSERVATION,
      effectiveInstant: '2016-05-06T07:08:09Z',
      issued: '2015-02-07T13:28:17.239+02:00',
    },
    after: {
      ...OBSERVATION,
      effectiveInstant: '2016-01-01T00:00:00+00:00',
      issued: '2015-01-01T00:00:00+00:00',
    },
  },
  {
    name: 'an instant of which nothing may stay',
    rules: ['Observation.issued'],
    before: { ...OBSERVATION, issued: '1900-02-07T13:28:17.239+02:00' },
    after: OBSERVATION,
  },
  {
    name: 'an extension without its url, and one without a value',
    rules: ["Patient.extension.where(url = 'https://example.org/a').url", 'Patient.extension.value'],
    before: {
      resourceType: 'Patient',
      extension: [
        { url: 'https://example.org/a', valueDate: '2015' },
        { url: 'https://example.org/b', valueString: 'x' },
        { url: 'https://example.org/c', extension: [{ url: 'd', valueString: 'y' }] },
      ],
    },
    after: {
      resourceType: 'Patient',
      extension: [{ url: 'https://example.org/c', extension: [{ url: 'd', valueString: 'y' }] }],
    },
  },
  {
    name: 'a reference of which only the type is left, and one that came so',
    rules: ['Patient.generalPractitioner.reference'],
    before: {
      resourceType: 'Patient',
      generalPractitioner: [
        { reference: 'Practitioner/1', type: 'Practitioner' },
        { reference: 'Practitioner/2', display: 'Ann' },
        { type: 'Practitioner' },
      ],
    },
    after: { resourceType: 'Patient', generalPractitioner: [{ display: 'Ann' }, { type: 'Practitioner' }] },
  },
  {
    name: 'a contact of a patient without anything to contact',
    rules: ['Patient.contact.name', 'Patient.contact.telecom'],
    before: {
      resourceType: 'Patient',
      contact: [
        { relationship: [{ text: 'sister' }], name: { family: 'Doe' }, telecom: [{ system: 'phone' }] },
        { name: { family: 'Doe' } },
      ],
    },
    after: { resourceType: 'Patient', contact: [{ relationship: [{ text: 'sister' }], name: MASKED }] },
  },
  {
    name: 'a code of a quantity without its system',
    rules: ['Observation.value.system'],
    before: { ...OBSERVATION, valueQuantity: { value: 1, system: 'http://unitsofmeasure.org', code: 'kg' } },
    after: { ...OBSERVATION, valueQuantity: { value: 1, code: 'kg', _system: MASKED } },
  },
  {
    name: 'a narrative without its text',
    rules: ['Patient.text.div'],
    before: {
      resourceType: 'Patient',
      text: { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml">x</div>' },
      active: true,
    },
    after: { resourceType: 'Patient', active: true },
  },
  {
    name: 'a code that a method made of a code of a required value set',
    rules: [
      { path: 'Patient.gender', method: 'cryptoHash' },
      { path: 'Patient.name.use', method: 'substitute', replaceWith: 'secret' },
    ],
    before: { resourceType: 'Patient', gender: 'female', name: [{ use: 'official', family: 'Doe' }] },
    after: { resourceType: 'Patient', name: [{ family: 'Doe' }] },
  },
  {
    name: 'values that methods made, which their elements cannot have',
    rules: [
      { path: 'Patient.active', method: 'substitute', replaceWith: false },
      { path: 'Patient.multipleBirth', method: 'substitute', replaceWith: '3' },
      { path: 'Patient.birthDate', method: 'cryptoHash' },
    ],
    before: { resourceType: 'Patient', active: true, multipleBirthInteger: 2, birthDate: '2015-02-07' },
    after: { resourceType: 'Patient', active: false, multipleBirthInteger: 3 },
  },
  {
    name: 'repeated primitives and their siblings, which stay beside each other',
    rules: [
      "Patient.name.given.where($this = 'Bob')",
      { path: 'Patient.name.given.extension', method: 'keep' },
    ],
    before: {
      resourceType: 'Patient',
      name: [
        {
          given: ['Ann', 'Bob', 'Cid'],
          _given: [null, { extension: [{ url: 'https://example.org/a', valueString: 'x' }] }, null],
        },
      ],
    },
    after: { resourceType: 'Patient', name: [{ given: ['Ann', 'Cid'] }] },
  },
  {
    name: 'what is contained, as any other resource',
    rules: ["nodesByType('CodeableConcept')"],
    before: { ...OBSERVATION, contained: [{ ...OBSERVATION, id: 'a' }] },
    after: {
      resourceType: 'Observation',
      status: 'final',
      code: MASKED,
      contained: [{ resourceType: 'Observation', status: 'final', id: 'a', code: MASKED }],
    },
  },
  {
    name: 'a resource whose rules only the tree engine can apply',
    rules: ['Observation.code.where(%resource.status = %context.status)', 'Observation.issued'],
    before: { ...OBSERVATION, issued: '2015-02-07T13:28:17.239+02:00' },
    after: {
      resourceType: 'Observation',
      status: 'final',
      issued: '2015-01-01T00:00:00+00:00',
      code: MASKED,
    },
  },
  {
    name: 'an element that is substituted, with what it has to have',
    rules: [
      {
        path: 'Patient.extension',
        method: 'substitute',
        replaceWith: { valueString: 'nothing' },
      },
      { path: 'Patient.communication', method: 'substitute', replaceWith: { preferred: true } },
    ],
    before: {
      resourceType: 'Patient',
      extension: [{ url: 'https://example.org/a', valueString: 'x' }],
      communication: [{ language: { text: 'Frisian' } }],
    },
    after: { resourceType: 'Patient', communication: [{ preferred: true, language: MASKED }] },
  },
  {
    name: 'the second of two values of a choice',
    rules: [{ path: 'Observation.value', method: 'keep' }],
    before: { ...OBSERVATION, valueString: 'x', valueInteger: 1 },
    after: { ...OBSERVATION, valueString: 'x' },
  },
  {
    name: 'a required element in STU3',
    version: 'STU3',
    rules: ['Observation.status', 'Observation.issued'],
    before: { ...OBSERVATION, issued: '2015-02-07T13:28:17Z' },
    after: {
      resourceType: 'Observation',
      code: { text: 'Weight' },
      issued: '2015-01-01T00:00:00+00:00',
      _status: MASKED,
    },
  },
  {
    name: 'a required element in R5',
    version: 'R5',
    rules: ['MedicationRequest.medication', 'MedicationRequest.subject'],
    before: {
      resourceType: 'MedicationRequest',
      status: 'active',
      intent: 'order',
      medication: { concept: { text: 'a' } },
      subject: { reference: 'Patient/1' },
    },
    after: {
      resourceType: 'MedicationRequest',
      status: 'active',
      intent: 'order',
      medication: MASKED,
      subject: MASKED,
    },
  },
];

describe('with validOutput, what rules leave is valid', () => {
  it.each(CASES)('$name', ({ rules, before, after, version }) => {
    const made = result(rules, before, version);
    expect(made.after).toEqual(JSON.parse(JSON.stringify(after)));
    if (version === undefined && 'status' in before) expect(made.problems).toEqual([]);
  });

  it.each(CASES)('without it the problem is reported or the result is the same: $name', (row) => {
    const { validOutput: _, ...parameters } = PARAMETERS;
    const strict = result(row.rules, row.before, row.version);
    const plain = result(row.rules, row.before, row.version, parameters);
    const isSame = JSON.stringify(plain.after) === JSON.stringify(strict.after);
    // A Reference of a type alone, and a text in the place of a boolean are the reference's, too.
    if (!isSame && !row.name.startsWith('a reference of which')) expect(plain.problems).not.toEqual([]);
  });
});

describe('with validOutput, on both engines', () => {
  it('the second value of a choice is counted once, also inside of a sibling of a primitive', () => {
    const extension = [{ url: 'a', valueDecimal: 1.5, valueString: 'b' }];
    const made = engine([]);
    made.anonymize({ resourceType: 'Patient', active: true, _active: { extension } });
    expect([...made.takeReport().dropped]).toEqual([['Extension.valueString', 1]]);
  });

  it('a sibling of what is no primitive is no element that was there', () => {
    const { after } = result([], { resourceType: 'Organization', _identifier: {}, active: true });
    expect(after).toEqual({ resourceType: 'Organization', active: true });
  });
});

describe('what is taken back of one resource', () => {
  it('is not counted for the next one', () => {
    const both = engine([{ path: 'Observation.value', method: 'substitute', replaceWith: '1' }]);
    // The second choice has no value of its own, so that one is put beside its sibling, and taken back with it.
    both.anonymize({ ...OBSERVATION, valueString: 'a', _valueInteger: { id: 'b' } });
    both.takeReport();
    both.anonymize(OBSERVATION);
    const [report] = both.takeReport().types.values();
    expect(report?.elements).toEqual(
      new Map([
        ['status', 1],
        ['code', 1],
      ]),
    );
  });
});

describe('what is not valid', () => {
  const refused = (resource: JsonObject): string[] =>
    result([], resource, 'R4', { ...PARAMETERS, validOutput: false }).problems;

  it.each([
    [{ resourceType: 'Observation', code: { text: 'a' } }, 'Observation.status required'],
    [{ ...OBSERVATION, status: 'done' }, 'Observation.status format'],
    [{ ...OBSERVATION, issued: '2015' }, 'Observation.issued format'],
    [{ ...OBSERVATION, effectiveDateTime: '2015-02-07T13:28' }, 'Observation.effectiveDateTime format'],
    [{ ...OBSERVATION, id: 'a_b' }, 'Observation.id format'],
    [{ ...OBSERVATION, id: 'a'.repeat(65) }, 'Observation.id format'],
    [{ ...OBSERVATION, language: ' de' }, 'Observation.language format'],
    [{ ...OBSERVATION, implicitRules: 'a b' }, 'Observation.implicitRules format'],
    [{ ...OBSERVATION, valueString: 'a', valueInteger: 1 }, 'Observation.value choice'],
    [{ ...OBSERVATION, valueString: 'a\u0000b' }, 'Observation.valueString format'],
    [{ ...OBSERVATION, extension: [{ valueString: 'a' }] }, 'Extension.url required'],
    [{ ...OBSERVATION, extension: [{ url: 'https://example.org/a' }] }, 'Extension.value ext-1'],
    [{ ...OBSERVATION, valueQuantity: { code: 'kg' } }, 'Quantity.system qty-3'],
    [
      { ...OBSERVATION, referenceRange: [{ appliesTo: [{ text: 'a' }] }] },
      'Observation.referenceRange.low obs-3',
    ],
  ])('%j', (resource, problem) => {
    expect(refused(resource)).toContain(problem);
  });

  it('is found where a value that stays was spelled with escapes', () => {
    const resource = '{"resourceType":"Patient","name":[{"family":"\\u0000","use":"offici\\u0061"}]}';
    const both = engine([], 'R4');
    expect(both.anonymize(resource).outcome).toBe('anonymized');
    const [report] = both.takeReport().types.values();
    expect([...(report?.problems.keys() ?? [])].sort()).toEqual([
      'HumanName.family format',
      'HumanName.use format',
    ]);
  });

  it('does not fail a resource that has two values of a choice, one of them with a sibling', () => {
    const extension = [{ url: 'a', valueInteger: 1, _valueString: { id: 'b' }, valueString: 'c' }];
    const before = { resourceType: 'Patient', extension };
    const made = result([], before, 'R4', { ...PARAMETERS, validOutput: false });
    expect(made).toEqual({ after: before, problems: ['Extension.value choice'] });
  });

  it('is an error of the resource where the engine refuses it; the message has no value', () => {
    const fhirPathRules = [
      { path: 'Observation.status', method: 'redact' },
      // Works on a value, and is not to blame.
      { path: 'Observation.code.text', method: 'encrypt' },
    ];
    const text = JSON.stringify({ fhirPathRules, parameters: { encryptKey: '0123456789abcdef' } });
    const options = { ...engineOptions('R4'), validation: 'refuse' } as const;
    const both = bothWays(configurationOf(text, 'R4'), options);
    const refusal = both.anonymize({ ...OBSERVATION, id: 'a_b', issued: '2015' });
    expect(refusal).toEqual({
      outcome: 'failed',
      failure: {
        code: 'not-valid',
        message:
          'The result is not valid FHIR: Observation.id format, Observation.issued format, Observation.status required',
      },
    });
    expect(both.takeReport().types.size).toBe(0);
    expect(both.anonymize({ resourceType: 'Patient' }).outcome).toBe('anonymized');
  });
});

describe.each(FHIR_VERSIONS)('the shapes of %s', (version) => {
  const types: FhirType[] = [];
  const visit = (type: FhirType): void => {
    if (types.includes(type)) return;
    types.push(type);
    for (const element of type.elements.values()) if (element.type !== null) visit(element.type);
  };
  for (const type of FhirModel.of(version).resourceTypes()) visit(type);

  it('have a bit for each element that they ask for', () => {
    expect(types.length).toBeGreaterThan(400);
    for (const type of types) expect(() => shapeOf(type)).not.toThrow();
  });

  it('are met by what is marked as masked, and by all that is marked in it', () => {
    const lacking = (type: FhirType, json: JsonObject): string[] => {
      const elements = Object.keys(json).flatMap((key) => type.elements.get(key.replace(/^_/, '')) ?? []);
      const bits = elements.reduce((all, { name }) => all | shapeOf(type).bit(name), 0);
      const own = shapeOf(type)
        .problems(bits)
        .map(({ element, reason }) => `${type.path}.${element} ${reason}`);
      const below = elements.flatMap(({ key, type: inner }) => {
        const objects = [json[key] ?? []].flat() as JsonObject[];
        return inner === null || inner.primitive !== null
          ? []
          : objects.flatMap((object) => lacking(inner, object));
      });
      return [...own, ...below];
    };
    const found = types.flatMap((type) =>
      [...type.elements.values()].flatMap(({ name }) =>
        maskedMembers(type, shapeOf(type).bit(name), () => true).flatMap(({ element, key, value }) => {
          const objects = key.startsWith('_') ? [] : ([value].flat() as JsonObject[]);
          return objects.flatMap((object) => lacking(element.type as FhirType, object));
        }),
      ),
    );
    expect([...new Set(found)]).toEqual([]);
  });

  it('are met by an object that says of all it has to have that it is masked', () => {
    const all = result(
      ['Resource'],
      { resourceType: 'Observation', status: 'final', code: { text: 'a' } },
      version,
    );
    expect(all.problems).toEqual([]);
  });
});

describe('whatever a rule does to whichever element', () => {
  const METHODS: readonly JsonObject[] = [
    { method: 'redact' },
    { method: 'cryptoHash' },
    { method: 'encrypt' },
    { method: 'dateShift' },
    { method: 'substitute', replaceWith: 'x' },
    { method: 'substitute', replaceWith: { text: 'x', value: '1' } },
    { method: 'generalize', cases: { true: "'19'" }, otherValues: 'redact' },
  ];
  const NAMES = [
    'status', 'code', 'system', 'value', 'url', 'reference', 'display', 'text', 'div', 'id', 'issued', 'subject',
    'coding', 'unit', 'effective', 'referenceRange', 'low', 'extension', 'contained', 'name', 'contact', 'use', 'type',
  ]; // prettier-ignore
  const EXAMPLES: readonly JsonObject[] = [
    {
      ...OBSERVATION,
      id: 'a',
      contained: [{ resourceType: 'Patient', id: 'p', name: [{ use: 'usual', text: 'Ann' }] }],
      text: { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml">x</div>' },
      extension: [{ url: 'https://example.org/a', valueReference: { reference: '#p', display: 'Ann' } }],
      subject: { reference: 'Patient/1', type: 'Patient' },
      issued: '2015-02-07T13:28:17Z',
      effectivePeriod: { start: '2015-02-07', end: '2015' },
      valueQuantity: { value: 70, unit: 'kg', system: 'http://unitsofmeasure.org', code: 'kg' },
      referenceRange: [{ low: { value: 1 }, text: 'more' }],
    },
    {
      resourceType: 'Patient',
      name: [{ use: 'official', text: 'Ann', given: ['Ann', null], _given: [null, { id: 'g', extension: [{ url: 'https://example.org/b', valueCode: 'x' }] }] }],
      contact: [{ name: { text: 'Bob' }, gender: 'male' }],
      telecom: [{ system: 'phone', value: '1', use: 'home' }],
      link: [{ other: { reference: 'Patient/2' }, type: 'seealso' }],
    },
  ]; // prettier-ignore
  const rule = fc.record({ name: fc.constantFrom(...NAMES), method: fc.constantFrom(...METHODS) });

  it('both engines leave the same, and it is valid', () => {
    fc.assert(
      fc.property(fc.array(rule, { minLength: 1, maxLength: 4 }), (rules) => {
        const made = rules.map(({ name, method }) => ({ path: `nodesByName('${name}')`, ...method }));
        for (const example of EXAMPLES) {
          let problems: string[];
          try {
            ({ problems } = result(made, example));
          } catch (error) {
            // A method for primitives that meets a complex element fails the resource.
            expect(String(error)).toMatch(/is for primitive elements|fhirPathRules/);
            return;
          }
          expect(problems, JSON.stringify(made)).toEqual([]);
        }
      }),
      randomly(100),
    );
  });
});

const SAMPLES = hasShared('samples') ? filesIn('samples', 'synthea-r4') : [];

describe.runIf(SAMPLES.length > 0)('real resources, under the rules of the samples', () => {
  it.each(SAMPLES)('%s', (file) => {
    const rules = ["nodesByType('Identifier')", "nodesByType('Reference').display", "nodesByName('status')"];
    const both = engine([...rules, "nodesByType('instant')", "nodesByType('CodeableConcept').text"]);
    const lines = readText('samples', 'synthea-r4', file).split('\n').filter(Boolean);
    for (const line of lines.slice(0, 40)) expect(both.anonymize(line).outcome).toBe('anonymized');
    const [report] = both.takeReport().types.values();
    expect([...(report?.problems ?? [])]).toEqual([]);
  });
});

const GOLDENS = hasShared('goldens')
  ? (['r4', 'stu3'] as const).flatMap((folder) =>
      filesIn('goldens', folder, 'configs').map((file) => [folder, file] as const),
    )
  : [];

/** What is not valid of each resource that an engine leaves; undefined for one that fails. */
function problemsOf(text: string, version: FhirVersion): (resource: string) => string[] | undefined {
  const made = objectEngine(configurationOf(text, version), engineOptions(version));
  return (resource) => {
    if (made.anonymize(resource).outcome === 'failed') return undefined;
    const [report] = made.takeReport().types.values();
    return [...(report?.problems.keys() ?? [])];
  };
}

describe.runIf(GOLDENS.length > 0)('configurations of the reference, with validOutput added', () => {
  it.each(GOLDENS)('%s %s: what was valid stays valid', (folder, file) => {
    const version = folder === 'r4' ? 'R4' : 'STU3';
    const configuration = JSON.parse(readText('goldens', folder, 'configs', file)) as JsonObject;
    const parameters = { ...(configuration['parameters'] as JsonObject), validOutput: true };
    const after = problemsOf(JSON.stringify({ ...configuration, parameters }), version);
    const before = problemsOf('{"fhirPathRules": [{"path": "Resource", "method": "keep"}]}', version);
    let compared = 0;
    for (const input of filesIn('goldens', folder, 'inputs')) {
      const text = readText('goldens', folder, 'inputs', input);
      for (const resource of input.endsWith('.ndjson') ? text.split('\n').filter(Boolean) : [text]) {
        const came = before(resource);
        const left = after(resource);
        if (came === undefined || left === undefined) continue;
        compared++;
        expect(
          left.filter((problem) => !came.includes(problem)),
          input,
        ).toEqual([]);
      }
    }
    expect(compared).toBeGreaterThan(150);
  });
});
