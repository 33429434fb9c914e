import { describe, expect, test } from 'vitest';
import { FHIR_VERSIONS, type FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { readConfiguration } from '../../functions/deid/readConfiguration.js';
import configurationR4 from '../../configurations/hipaa-safe-harbor-r4.json' with { type: 'json' };
import configurationR4B from '../../configurations/hipaa-safe-harbor-r4b.json' with { type: 'json' };
import configurationR5 from '../../configurations/hipaa-safe-harbor-r5.json' with { type: 'json' };
import configurationSTU3 from '../../configurations/hipaa-safe-harbor-stu3.json' with { type: 'json' };
import { engineOf } from '../deid/shared.js';
import { Elements, type ElementNode } from './elements.js';
import { KEPT } from './kept.js';
import { compileRule, type Rule, type Selection } from './rules.js';

interface SampleConfiguration {
  fhirVersion: string;
  processingErrors: string;
  fhirPathRules: Rule[];
  parameters: typeof configurationR4.parameters;
}

const CONFIGURATIONS: Record<FhirVersion, SampleConfiguration> = {
  STU3: configurationSTU3,
  R4: configurationR4,
  R4B: configurationR4B,
  R5: configurationR5,
};

interface CompiledRule extends Rule {
  index: number;
  selects: (node: ElementNode) => Selection;
}

interface Decision {
  node: ElementNode;
  /** The rule that decides the element whatever the data are; none: it is kept. */
  rule: CompiledRule | undefined;
}

/** Methods that leave nothing of what is no date, age or postal code; `substitute` puts nothing in its place. */
const REMOVING = new Set(['redact', 'substitute']);

/** What a version's configuration decides of every element of every resource type. */
class Decisions {
  readonly elements: Elements;
  readonly rules: CompiledRule[];
  readonly all: Decision[];
  readonly #firstThatKeeps: number;

  constructor(version: FhirVersion) {
    this.elements = new Elements(version);
    this.rules = CONFIGURATIONS[version].fhirPathRules.map((rule, index) => ({
      ...rule,
      index,
      selects: compileRule(rule),
    }));
    this.#firstThatKeeps = this.rules.findIndex(
      (rule) => !REMOVING.has(rule.method) && !rule.path.includes('where(') && !rule.path.includes('ofType('),
    );
    this.all = this.elements.resourceTypes.flatMap((type) => [
      ...this.#decide(this.elements.rootOf(type), undefined, [type]),
    ]);
  }

  /** Walks all elements of a resource type and decides each as the engine does: the first rule on it or above. */
  *#decide(node: ElementNode, inherited: Decision['rule'], above: readonly string[]): Generator<Decision> {
    for (const child of this.elements.childrenOf(node)) {
      const own = this.rules.find((rule) => rule.selects(child) === 'always');
      const rule = own && (!inherited || own.index < inherited.index) ? own : inherited;
      yield { node: child, rule };
      const isDecidedWhole = rule !== undefined && rule.index < this.#firstThatKeeps;
      const { definition, type } = child;
      if (isDecidedWhole || above.includes(definition) || this.elements.resourceTypes.includes(type))
        continue;
      if (type === 'Resource') continue;
      yield* this.#decide(child, rule, [...above, definition]);
    }
  }
}

/** Types whose values can name a person, a place, a time or a thing, or hold free text. */
const IDENTIFYING_PRIMITIVES = new Set([
  'base64Binary',
  'canonical',
  'date',
  'dateTime',
  'id',
  'instant',
  'markdown',
  'oid',
  'string',
  'System.String',
  'time',
  'uri',
  'url',
  'uuid',
  'xhtml',
]);

/** Types that go as a whole, their codes and numbers too. */
const IDENTIFYING_COMPLEX = new Set([
  'Annotation',
  'Attachment',
  'ContactDetail',
  'ContactPoint',
  'Contributor',
  'Extension',
  'HumanName',
  'Identifier',
  'Narrative',
  'RelatedArtifact',
  'Signature',
]);

/** Elements of other types that identify, by `Type.element` of their definition. */
const IDENTIFYING_NUMBERS = new Set([
  'Age.value',
  'Location.position.latitude',
  'Location.position.longitude',
  'Location.position.altitude',
]);

/** Rules that keep something on a condition, and why what they keep is harmless. */
const KEPT_SOMETIMES: [startsWith: string, reason: string][] = [
  [
    "Patient.extension.where(url = 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-race')",
    'coded race',
  ],
  [
    "Patient.extension.where(url = 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity')",
    'coded ethnicity',
  ],
  [
    "Patient.extension.where(url = 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex')",
    'coded sex at birth',
  ],
  ['Resource.meta.tag.where(', "HL7's own tags, as SUBSETTED"],
  ["nodesByType('Coding').where(", 'public terminologies, with displays where they are clinical'],
  [
    "nodesByType('Quantity').where(",
    'units by the names of UCUM, codes of public systems, and these systems',
  ],
  ["nodesByType('Age').where(", 'units of time, and the public systems of these'],
  ["nodesByType('Duration').where(", 'units of time, and the public systems of these'],
  ["nodesByType('Distance').where(", 'units of length, and the public systems of these'],
  ["nodesByType('Count').where(", 'units of counts, and the public systems of these'],
];

/** A quantity whose unit is a currency; later versions have a code of its own for that. */
const MONEY_OF_STU3: (typeof KEPT_SOMETIMES)[number] = ["nodesByType('Money').where(", 'currencies'];

function elementName({ node }: Decision): string {
  return `${node.parentType}.${node.path.at(-1)}`;
}

function isRemoved({ rule }: Decision): boolean {
  return rule !== undefined && (REMOVING.has(rule.method) || rule.method === 'cryptoHash');
}

const decided = Object.fromEntries(
  FHIR_VERSIONS.map((version) => [version, new Decisions(version)]),
) as unknown as Record<FhirVersion, Decisions>;

describe.each(FHIR_VERSIONS)('every element of every resource type of %s', (version) => {
  const { all, elements } = decided[version];

  test('is looked at: the definitions are read', () => {
    expect(elements.resourceTypes.length).toBeGreaterThan(110);
    expect(all.length).toBeGreaterThan(8000);
    const paths = new Set(all.map(({ node }) => node.path.join('.')));
    for (const path of [
      'Patient.address.line',
      'Observation.component.value.unit',
      'Claim.item.detail.subDetail.udi',
    ]) {
      expect(paths, path).toContain(path);
    }
  });

  test.each(elements.resourceTypes)('%s: identifying elements are removed or kept for a reason', (type) => {
    const left = all
      .filter(({ node }) => node.path[0] === type && IDENTIFYING_PRIMITIVES.has(node.type))
      .filter((decision) => !isRemoved(decision) && !(elementName(decision) in KEPT))
      .map(({ node }) => node.path.join('.'));
    expect(left).toEqual([]);
  });

  test('goes as a whole where its type identifies', () => {
    const left = all
      .filter(({ node }) => IDENTIFYING_COMPLEX.has(node.type))
      .filter((decision) => decision.rule?.method !== 'redact')
      .map(({ node }) => node.path.join('.'));
    expect(left).toEqual([]);
  });

  test('is removed where it is a number that identifies', () => {
    const numbers = all.filter((decision) => IDENTIFYING_NUMBERS.has(elementName(decision)));
    expect(new Set(numbers.map(elementName))).toEqual(IDENTIFYING_NUMBERS);
    expect(numbers.filter((decision) => !isRemoved(decision)).map(({ node }) => node.path.join('.'))).toEqual(
      [],
    );
  });

  test('has a hash instead of an id', () => {
    for (const path of ['Patient.id', 'Observation.id', 'Observation.subject.reference', 'Binary.id']) {
      const decision = all.find(({ node }) => node.path.join('.') === path);
      expect(decision?.rule?.method, path).toBe('cryptoHash');
    }
  });
});

test('what is kept is kept in some version', () => {
  const kept = new Set(
    Object.values(decided)
      .flatMap(({ all }) => all)
      .filter((decision) => IDENTIFYING_PRIMITIVES.has(decision.node.type) && !isRemoved(decision))
      .map(elementName),
  );
  expect(Object.keys(KEPT).filter((name) => !kept.has(name))).toEqual([]);
});

describe.each(FHIR_VERSIONS)('the rules of %s', (version) => {
  const { all, rules } = decided[version];
  const paths = rules.map(({ path }) => path);

  test('are right and of use, as the reader of configurations says', () => {
    const { coverage, issues } = readConfiguration(JSON.stringify(CONFIGURATIONS[version]), {
      fhirVersion: version,
      coverage: 'warning',
    });
    expect(issues).toEqual([]);
    expect(coverage?.isComplete).toBe(true);
  });

  test('keep on a condition only what has a reason', () => {
    const conditional = rules
      .filter(({ path, method }) => method === 'keep' && /where\(|ofType\(/.test(path))
      .map(({ path }) => path);
    const explained = version === 'STU3' ? [...KEPT_SOMETIMES, MONEY_OF_STU3] : KEPT_SOMETIMES;
    const unexplained = conditional.filter((path) => !explained.some(([start]) => path.startsWith(start)));
    expect(unexplained).toEqual([]);
    for (const [start] of explained) {
      expect(
        conditional.some((path) => path.startsWith(start)),
        start,
      ).toBe(true);
    }
  });

  test('each reach an element that the version defines', () => {
    const nodes = all.map(({ node }) => node);
    const patientExtension = /^Patient\.extension\.where/;
    // Every primitive may have these; the definitions do not list them.
    const partOfPrimitive = /^nodesByType\('(?:code|decimal|integer|uri)'\)\.(?:id|extension)$/;
    // The definitions give it the elements of a parameter, which are not followed again.
    const partOfParameter = "nodesByName('part').value";
    const idle = rules
      .filter(
        ({ path }) => path !== partOfParameter && !patientExtension.test(path) && !partOfPrimitive.test(path),
      )
      .filter(({ selects }) => !nodes.some((node) => selects(node) !== 'never'))
      .map(({ path }) => path);
    expect(idle).toEqual([]);
  });

  test('are each there once', () => {
    expect(paths.filter((path, index) => paths.indexOf(path) !== index)).toEqual([]);
  });

  test('use the methods that Safe Harbor can be built of', () => {
    expect(new Set(rules.map(({ method }) => method))).toEqual(
      // substitute takes away what redact with partial postal codes would keep in part.
      new Set(['redact', 'keep', 'cryptoHash', 'substitute']),
    );
  });

  test('and the parameters are those of R4 otherwise', () => {
    const { parameters, processingErrors } = CONFIGURATIONS[version];
    expect({ parameters, processingErrors }).toEqual({
      parameters: configurationR4.parameters,
      processingErrors: configurationR4.processingErrors,
    });
    expect(CONFIGURATIONS[version].fhirVersion).toBe(version);
  });
});

test.each(FHIR_VERSIONS)('%s: what hangs on a code that stays goes', (version) => {
  const core = 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-';
  const hanging = { id: 'Ada', extension: [{ url: 'http://example.org/x', valueString: 'Ada Kade' }] };
  const coding = {
    system: 'urn:oid:2.16.840.1.113883.6.238',
    code: '2106-3',
    _system: hanging,
    _code: hanging,
  };
  const engine = engineOf(JSON.stringify(CONFIGURATIONS[version]), version);
  const result = engine.anonymize({
    resourceType: 'Patient',
    extension: [
      { url: `${core}race`, extension: [{ url: 'ombCategory', valueCoding: coding }] },
      { url: `${core}birthsex`, valueCode: 'F', _valueCode: hanging },
    ],
  });
  const line = result.outcome === 'anonymized' ? result.line : '';
  expect(line).toContain('"code":"2106-3"');
  expect(line).toContain('"valueCode":"F"');
  expect(line).not.toContain('Ada');
});

describe('the parameters', () => {
  test('list the three-digit ZIP codes with 20,000 people or fewer in any of three censuses, each once', () => {
    const censuses = {
      2000: '036 059 063 102 203 556 692 790 821 823 830 831 878 879 884 890 893',
      2010: '036 059 102 202 203 204 205 369 556 692 753 772 821 823 878 879 884 893',
      2020: '036 059 102 202 203 204 205 369 556 692 753 772 821 823 878 879 884 893',
    };
    const areas = new Set(Object.values(censuses).flatMap((census) => census.split(' ')));
    expect(configurationR4.parameters.restrictedZipCodeTabulationAreas).toEqual([...areas].sort());
  });

  test('hold no key, so that each job gets its own', () => {
    const { cryptoHashKey, dateShiftKey, encryptKey } = configurationR4.parameters;
    expect([cryptoHashKey, dateShiftKey, encryptKey]).toEqual(['', '', '']);
  });

  test('keep years, ages up to 89 and three digits of ZIP codes', () => {
    expect(configurationR4.parameters).toMatchObject({
      enablePartialAgesForRedact: true,
      enablePartialDatesForRedact: true,
      enablePartialZipCodesForRedact: true,
      ageLimitByYear: true,
      referenceServers: 'hash',
      strictZipCodes: true,
    });
  });
});
