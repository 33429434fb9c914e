import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_QUASI_IDENTIFIERS } from '../../../functions/deid/configuration/quasiIdentifiers.js';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import { CombinationReader } from '../../../functions/deid/run/combination.js';
import { FHIR_VERSIONS } from '../../../functions/fhir/fhirVersion.js';
import { JsonTape } from '../../../functions/json/jsonTape.js';
import { randomly } from '../../random.js';

const NOW = Date.UTC(2026, 0, 1);

function read(reader: CombinationReader, json: object | string): string | undefined {
  const tape = new JsonTape();
  const text = typeof json === 'string' ? json : JSON.stringify(json);
  expect(tape.read(Buffer.from(text))).toBe(true);
  return reader.read(tape);
}

function readerOf(expressions: readonly string[], version: 'R4' | 'R5' = 'R4'): CombinationReader {
  return new CombinationReader(expressions, FhirModel.of(version), NOW);
}

/** The values of expressions, in their order. */
function valuesOf(expressions: readonly string[], patient: object): unknown {
  return expressions.map((expression) => {
    const [[values]] = JSON.parse(
      `[${read(readerOf([expression]), { resourceType: 'Patient', ...patient })}]`,
    ) as [[unknown]];
    return values;
  });
}

const usCore = (name: string, ...parts: object[]): object => ({
  url: `http://hl7.org/fhir/us/core/StructureDefinition/us-core-${name}`,
  extension: parts,
});

describe('the default quasi-identifiers', () => {
  it.each<[string, object, unknown[]]>([
    ['of nothing', {}, [[], [], [], [], [], [], []]],
    [
      'of what Safe Harbor leaves',
      {
        birthDate: '1970',
        gender: 'female',
        address: [{ state: 'WA', postalCode: '98000' }],
        deceasedDateTime: '2018',
      },
      [['1970'], ['female'], ['980'], ['WA'], [], [], ['2018']],
    ],
    [
      'of whole dates',
      { birthDate: '1970-05-06', deceasedDateTime: '2018-02-03T04:05:06Z' },
      [['1970'], [], [], [], [], [], ['2018']],
    ],
    ['of somebody who is dead', { deceasedBoolean: true }, [[], [], [], [], [], [], ['true']]],
    ['of somebody who is not', { deceasedBoolean: false }, [[], [], [], [], [], [], []]],
    [
      'of several addresses, in any order, each value once',
      {
        address: [
          { state: 'WA', postalCode: '98101' },
          { state: 'MA', postalCode: '02139' },
          { state: 'WA' },
        ],
      },
      [[], [], ['021', '981'], ['MA', 'WA'], [], [], []],
    ],
    [
      'of elements without a value',
      {
        gender: null,
        _gender: { extension: [{ url: 'http://x', valueCode: 'masked' }] },
        address: [{ _state: { id: 'a' } }],
      },
      [[], [], [], [], [], [], []],
    ],
    [
      'of race and ethnicity',
      {
        extension: [
          { url: 'http://example.org/eyes', valueString: 'blue' },
          usCore(
            'race',
            {
              url: 'ombCategory',
              valueCoding: { system: 'urn:oid:2.16.840.1.113883.6.238', code: '2106-3', display: 'White' },
            },
            { url: 'detailed', valueCoding: { code: '1586-7' } },
            { url: 'text', valueString: 'Mixed' },
          ),
          usCore('ethnicity', { url: 'text', valueString: 'Unknown' }),
        ],
      },
      [[], [], [], [], ['1586-7', '2106-3', 'Mixed'], ['Unknown'], []],
    ],
  ])('%s', (_, patient, expected) => {
    expect(valuesOf(DEFAULT_QUASI_IDENTIFIERS, patient)).toEqual(expected);
  });

  it.each(FHIR_VERSIONS)('are of every version: %s', (version) => {
    const reader = new CombinationReader(DEFAULT_QUASI_IDENTIFIERS, FhirModel.of(version), NOW);
    const one = read(reader, { resourceType: 'Patient', birthDate: '1970-05-06', gender: 'male' });
    expect(one).toContain('1970');
    expect(one).not.toContain('-05');
  });
});

describe('quasi-identifiers of a configuration', () => {
  it.each<[string, string, object, unknown]>([
    ['a whole element', 'Patient.maritalStatus', { maritalStatus: { text: 'M' } }, ['{"text":"M"}']],
    ['a number as it is written', 'Patient.multipleBirth', { multipleBirthInteger: 2 }, ['2']],
    ['a computed value', 'Patient.name.count()', { name: [{}, { family: 'A' }] }, ['1']],
    ['without a leading type', 'gender', { gender: 'other' }, ['other']],
    [
      'an age at the time of the export',
      "iif(birthDate <= today() - 90 years, '90 or more', 'less')",
      { birthDate: '1930-01-01' },
      ['90 or more'],
    ],
    [
      'anywhere in the resource',
      "nodesByType('Address').city",
      { contact: [{ address: { city: 'Bonn' } }] },
      ['Bonn'],
    ],
    [
      'another member',
      'Patient.contact.where(%resource.active).gender',
      { active: true, contact: [{ gender: 'male' }] },
      ['male'],
    ],
  ])('%s', (_, expression, patient, expected) => {
    expect(valuesOf([expression], patient)).toEqual([expected]);
  });

  it.each([
    [
      'fails on several items',
      'Patient.name.family.substring(0, 1)',
      { name: [{ family: 'A' }, { family: 'B' }] },
    ],
    ['needs a string', 'Patient.active.substring(0, 1)', { active: true }],
  ])('an expression that %s has no values', (_, expression, patient) => {
    expect(read(readerOf(['Patient.gender', expression]), { resourceType: 'Patient', ...patient })).toBe(
      undefined,
    );
  });
});

describe('what is remembered of members', () => {
  const text = fc.oneof(
    fc.constantFrom('a', 'b', '"', '\\', '\u00e9', '\ud83d\ude00', '', 'x'.repeat(3000)),
    fc.string(),
  );
  const anyPatient = fc.record(
    {
      gender: text,
      birthDate: fc.constantFrom('1970', '1970-02', '1971-03-04', 'no date'),
      address: fc.array(fc.record({ state: text, postalCode: text, city: text }, { requiredKeys: [] }), {
        maxLength: 3,
      }),
      extension: fc.array(fc.record({ url: fc.constantFrom('http://x', 'http://y'), valueString: text }), {
        maxLength: 2,
      }),
      deceasedBoolean: fc.boolean(),
      id: fc.string(),
    },
    { requiredKeys: [] },
  );
  const expressions = [...DEFAULT_QUASI_IDENTIFIERS, 'Patient.extension.value', 'Patient.address'];

  it('changes no result, in any order of members', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyPatient, fc.boolean()), { maxLength: 12 }), (patients) => {
        const shared = readerOf(expressions);
        for (const [patient, isTurned] of patients) {
          const members = Object.entries({ resourceType: 'Patient', ...patient });
          const json = Object.fromEntries(isTurned ? members.reverse() : members);
          expect(read(shared, json)).toBe(
            read(readerOf(expressions), { resourceType: 'Patient', ...patient }),
          );
        }
      }),
      randomly(60),
    );
  });

  it('is found behind names that are written with escapes', () => {
    const reader = readerOf(['Patient.gender']);
    const plain = read(reader, '{"resourceType":"Patient","gender":"male"}');
    expect(read(reader, String.raw`{"resourceType":"Patient","gen\u0064er":"male"}`)).toBe(plain);
    expect(read(reader, '{"resourceType":"Patient"}')).not.toBe(plain);
  });
});
