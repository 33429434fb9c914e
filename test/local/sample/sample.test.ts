import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generateSample, type SampleOptions, type SampleSummary } from '../../../local/sample/sample.js';
import { FHIR_VERSIONS } from '../../../functions/fhir/fhirVersion.js';
import { shapeOf } from './shape.js';

interface Resource {
  resourceType: string;
  id: string;
  meta: { lastUpdated: string };
  contained?: Resource[];
  [name: string]: unknown;
}

let root: string;
let sample: string;
let summary: SampleSummary;
let lines: string[];
let resources: Resource[];

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'sample-'));
  sample = join(root, 'default');
  summary = generateSample({ directory: sample });
  lines = readLines(sample);
  resources = lines.map(parse);
});

afterAll(() => rmSync(root, { recursive: true }));

function generate(
  name: string,
  options: Omit<SampleOptions, 'directory'>,
): { directory: string; made: SampleSummary } {
  const directory = join(root, name);
  return { directory, made: generateSample({ directory, ...options }) };
}

function readLines(directory: string): string[] {
  return readdirSync(directory).flatMap((file) =>
    readFileSync(join(directory, file), 'utf8')
      .split('\n')
      .filter((line) => line !== ''),
  );
}

function parse(line: string): Resource {
  return Object.assign({ resourceType: '', id: '', meta: { lastUpdated: '' } }, JSON.parse(line));
}

function digest(directory: string): string {
  const hash = createHash('sha256');
  for (const file of readdirSync(directory).sort())
    hash.update(file).update(readFileSync(join(directory, file)));
  return hash.digest('hex');
}

/** Every `reference` text in a value, wherever it is. */
function* references(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, child] of Object.entries(value)) {
    if (name === 'reference' && typeof child === 'string') yield child;
    else yield* references(child);
  }
}

describe('the default sample', () => {
  test('is a small hospital', () => {
    expect(summary.patients).toBe(40);
    expect(summary.resources).toBe(lines.length);
    expect(summary.resources).toBeGreaterThan(2000);
    expect(summary.resources).toBeLessThan(3000);
    expect([...summary.counts.keys()].sort()).toEqual(
      (
        'AllergyIntolerance Appointment CarePlan CareTeam Claim Condition Coverage Device DiagnosticReport ' +
        'DocumentReference Encounter ExplanationOfBenefit Group Immunization Location MedicationRequest Observation ' +
        'Organization Patient Practitioner PractitionerRole Procedure Provenance QuestionnaireResponse RelatedPerson'
      ).split(' '),
    );
    for (const [type, count] of summary.counts) {
      expect(
        resources.filter(({ resourceType }) => resourceType === type),
        type,
      ).toHaveLength(count);
    }
  });

  test('is valid R4 in its elements and primitives', () => {
    expect(resources.flatMap(shapeOf('R4'))).toEqual([]);
  });

  test.each<[Record<string, unknown>, string]>([
    [{ nickname: 'x' }, 'Patient.nickname is not defined'],
    [{ name: { family: 'x' } }, 'Patient.name repeats wrongly'],
    [{ name: [{ valueString: 'x' }] }, 'Patient.name.valueString is not defined'],
    [{ birthDate: 'x' }, 'Patient.birthDate is no date'],
    [{ multipleBirthInteger: '1' }, 'Patient.multipleBirthInteger is no integer'],
    [{ contained: [{ resourceType: 'Device', x: 1 }] }, 'Device.x is not defined'],
  ])('would not be with %o', (elements, problem) => {
    expect(shapeOf('R4')({ resourceType: 'Patient', ...elements })).toEqual([problem]);
  });

  test('has unique ids, and references that resolve', () => {
    const known = new Set(resources.map(({ resourceType, id }) => `${resourceType}/${id}`));
    expect(known.size).toBe(resources.length);
    let count = 0;
    for (const resource of resources) {
      const contained = new Set(resource.contained?.map(({ id }) => `#${id}`));
      for (const reference of references(resource)) {
        count++;
        expect(
          known.has(reference) || contained.has(reference),
          `${resource.resourceType} → ${reference}`,
        ).toBe(true);
      }
    }
    expect(count).toBeGreaterThan(resources.length * 2);
  });

  test('has groups of patients', () => {
    const groups = resources.filter(({ resourceType }) => resourceType === 'Group');
    expect(groups).toHaveLength(3);
    for (const group of groups.filter(({ quantity }) => quantity !== 5)) {
      const members = [...references(group['member'])];
      expect(members.length).toBeGreaterThanOrEqual(10);
      expect(members.every((member) => member.startsWith('Patient/'))).toBe(true);
      expect(new Set(members).size).toBe(members.length);
    }
  });

  test('has a group of a group, of former members and of one who is no patient', () => {
    const group = resources.find(({ quantity }) => quantity === 5);
    expect([...references(group?.['member'])].map((member) => member.split('/')[0])).toEqual(
      'Group Patient Patient Patient Practitioner'.split(' '),
    );
  });

  test.each([
    ['names outside of ASCII', /"family":"[^"\u0020-\u007e]+"/],
    ['social security numbers', /"system":"http:\/\/hl7\.org\/fhir\/sid\/us-ssn","value":"999-\d\d-\d{4}"/],
    ['medical record numbers', /"value":"MRN-\d{7}"/],
    ['license numbers', /"value":"MD\d{6}"/],
    ['plan beneficiary numbers', /"subscriberId":"SUB\d{8}"/],
    ['telephone numbers', /"system":"phone","value":"\(555\)/],
    ['e-mail addresses', /"system":"email","value":"[^"]+@/],
    ['photographs', /"photo":\[\{"contentType":"image\/jpeg","data":"[A-Za-z0-9+/=]+"/],
    ['narratives', /"div":"<div xmlns=[^>]+><p>[^<]+, born \d{4}/],
    ['contact persons', /"contact":\[\{"relationship"/],
    ['deaths', /"deceasedDateTime":"/],
    ['times of birth', /"_birthDate":\{"extension":\[\{"url":"[^"]+birthTime"/],
    ['values that are an extension alone', /"given":\[[^\]]*null\].*"_given":\[[^\]]*null,\{"extension"/],
    ['contained resources', /"contained":\[\{"resourceType":"Medication"/],
    ['coordinates', /"url":"latitude","valueDecimal":\d+\.\d+/],
    ['places', /"position":\{"longitude":-\d+\.\d+,"latitude":\d+\.\d+0\}/],
    ['postal codes with few inhabitants', /"postalCode":"(036|059|821|878|893)\d\d/],
    ['postal codes of nine digits', /"postalCode":"\d{5}-\d{4}"/],
    ['device identifiers', /"carrierHRF":"\(01\)/],
    ['attachments', /"attachment":\{"contentType":"text\/plain/],
    ['notes', /"note":\[\{"text":"/],
    ['answers in words', /"valueString":"[^"]+'s sister"/],
    ['ages over 89', /"onsetAge":\{"value":(9\d|1\d\d)/],
    ['races', /us-core-race/],
    ['names of referenced people', /"reference":"Patient\/[^"]+","display":"/],
    ['origins of data', /"meta":\{[^}]*"source":"http/],
    ['signatures', /"signature":\[/],
    ['decimals with trailing zeros', /"value":\d+\.\d*0[,}]/],
    ['whole numbers with a fraction', /"value":1\.0\}/],
    ['exponents', /"value":\d\.\de\d,/],
    ['series of values', /"valueSampledData":/],
  ])('holds %s', (_name, pattern) => {
    expect(lines.some((line) => pattern.test(line))).toBe(true);
  });

  test('has patients over 89 years', () => {
    const old = lines.filter((line) =>
      /^\{"resourceType":"Patient".*"birthDate":"19[12]\d|3[0-3]/.test(line),
    );
    expect(old.length).toBeGreaterThanOrEqual(3);
  });
});

describe('of another version', () => {
  test.each(FHIR_VERSIONS)(
    '%s, it is valid in its elements, and as many with the same ids',
    (fhirVersion) => {
      const { directory } = generate(`version-${fhirVersion}`, { fhirVersion });
      const all = readLines(directory).map(parse);
      expect([...new Set(all.flatMap(shapeOf(fhirVersion)))]).toEqual([]);
      const ids = (of: Resource[]): string[] => of.map(({ resourceType, id }) => `${resourceType}/${id}`);
      expect(ids(all)).toEqual(ids(resources));
    },
  );

  test.each([
    [
      'STU3',
      'Claim',
      'total',
      { value: expect.any(Number) as number, code: 'USD', system: 'urn:iso:std:iso:4217' },
    ],
    ['STU3', 'Condition', 'clinicalStatus', 'active'],
    ['R5', 'Encounter', 'status', 'completed'],
    ['R5', 'Coverage', 'kind', 'insurance'],
    [
      'R5',
      'Procedure',
      'reason',
      [{ reference: { reference: expect.stringMatching(/^Condition\//) as string } }],
    ],
  ] as const)('%s: %s.%s', (fhirVersion, type, name, value) => {
    const all = readLines(generate(`version-${fhirVersion}`, { fhirVersion }).directory).map(parse);
    const found = all.find((one) => one.resourceType === type && one[name] !== undefined);
    expect(found?.[name]).toEqual(value);
  });
});

describe('a seed', () => {
  test('gives the same bytes again', () => {
    const [one, two] = [generate('one', { seed: 7, patients: 5 }), generate('two', { seed: 7, patients: 5 })];
    expect(digest(one.directory)).toBe(digest(two.directory));
  });

  test('gives others than another seed', () => {
    const [one, two] = [
      generate('seven', { seed: 7, patients: 5 }),
      generate('eight', { seed: 8, patients: 5 }),
    ];
    expect(digest(one.directory)).not.toBe(digest(two.directory));
  });
});

describe('sizes', () => {
  test.each([1000, 4321])('%i resources are that many, whole and resolving', (count) => {
    const { directory, made } = generate(`size${count}`, { resources: count });
    const all = readLines(directory).map(parse);
    expect(made.resources).toBe(count);
    expect(all).toHaveLength(count);
    const known = new Set(all.map(({ resourceType, id }) => `${resourceType}/${id}`));
    const dangling = all.flatMap((resource) =>
      [...references(resource)].filter((reference) => !reference.startsWith('#') && !known.has(reference)),
    );
    expect(dangling).toEqual([]);
  });

  test('below what a hospital takes are refused', () => {
    expect(() => generate('tiny', { resources: 50 })).toThrow('resources must be at least 1000');
  });
});

/** Ascending, in milliseconds since the epoch. */
function times(all: Resource[]): number[] {
  return all.map(({ meta }) => Date.parse(meta.lastUpdated)).sort((a, b) => a - b);
}

describe('meta.lastUpdated', () => {
  test('is spread over years', () => {
    const sorted = times(resources);
    expect(sorted.at(-1)! - sorted[0]!).toBeGreaterThan(4.5 * 365 * 86_400_000);
    expect(sorted.at(-1)!).toBeLessThan(Date.UTC(2024, 5, 1));
  });

  test('is within a second for a bulk import, with many at the same time', () => {
    const { directory } = generate('import', { resources: 3000, importedWithinMs: 1000 });
    const sorted = times(readLines(directory).map(parse));
    expect(sorted.at(-1)! - sorted[0]!).toBeLessThan(1000);
    expect(new Set(sorted).size).toBeGreaterThan(500);
  });

  test('is roughly, not strictly, in the order of the file', () => {
    const observations = resources.filter(({ resourceType }) => resourceType === 'Observation');
    const steps = observations
      .slice(1)
      .map(
        (next, index) =>
          Date.parse(next.meta.lastUpdated) - Date.parse(observations[index]!.meta.lastUpdated),
      );
    const backwards = steps.filter((step) => step < 0).length;
    expect(backwards).toBeGreaterThan(10);
    expect(backwards).toBeLessThan(steps.length / 2);
  });
});

describe('the command', () => {
  const main = fileURLToPath(new URL('../../../dist/local/sample/main.js', import.meta.url));
  const run = (...parameters: string[]) =>
    execFileSync(process.execPath, [main, ...parameters], { encoding: 'utf8', stdio: 'pipe' });

  test('writes what the function writes', () => {
    const directory = join(root, 'command');
    const words = run('--patients', '5', '--seed', '7', '--output', directory);
    expect(words).toMatch(/^\d+ resources of 5 patients, \d\.\d MB, in \d\.\d s$/m);
    expect(digest(directory)).toBe(digest(generate('function', { seed: 7, patients: 5 }).directory));
  });

  test.each([
    ['--output is missing', ['--seed', '1']],
    ['--resources must be a whole number above 0', ['--output', 'x', '--resources', '1e6']],
    [
      '--imported-within must be spread or a number of seconds',
      ['--output', 'x', '--imported-within', 'soon'],
    ],
    ["Unknown option '--size'", ['--output', 'x', '--size', '1']],
  ])('says what is wrong: %s', (message, parameters) => {
    expect(() => run(...parameters)).toThrow(message);
  });
});
