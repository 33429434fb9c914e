import { describe, expect, it } from 'vitest';
import { readConfiguration } from '../../../functions/deid/readConfiguration.js';
import { type JsonObject } from '../../../functions/json/json.js';
import { engineOf, hasShared, readText } from '../shared.js';

type Cases = Readonly<Record<string, string>>;

function generalize(path: string, cases: Cases): object {
  return { path, method: 'generalize', cases };
}

function configuration(...rules: object[]): string {
  return JSON.stringify({ fhirVersion: 'R4', fhirPathRules: rules });
}

/** What becomes of a resource, without labels. */
function resultOf(config: string, resource: object): unknown {
  const result = engineOf(config, 'R4').anonymize(JSON.stringify(resource));
  if (result.outcome === 'failed') return result.failure;
  const { meta: _, ...rest } = JSON.parse(result.line) as JsonObject;
  return rest;
}

describe('matches() and replaceMatches() in rules', () => {
  it.each<[string, object, object, object]>([
    [
      'named groups make a year and a month of a date',
      generalize('Patient.birthDate', {
        $this: "$this.toString().replaceMatches('(?<y>\\\\d{4})-(?<m>\\\\d{2})-\\\\d{2}', '${m}.${y}')",
      }),
      { birthDate: '1987-03-09' },
      { birthDate: '03.1987' },
    ],
    [
      '\\w takes the letters of every script',
      generalize('Patient.name.family', { true: "$this.replaceMatches('\\\\w', '*')" }),
      { name: [{ family: 'Żółć' }, { family: 'Иванов' }, { family: "O'Néill" }] },
      { name: [{ family: '****' }, { family: '******' }, { family: "*'*****" }] },
    ],
    [
      'a condition selects names of every script',
      { path: "Patient.name.where(family.matches('^\\\\w+$'))", method: 'redact' },
      { name: [{ family: 'Øye' }, { family: 'Wróbel' }, { family: '-' }] },
      { name: [{ family: '-' }] },
    ],
    [
      'options, anchors and what is subtracted from a class',
      generalize('Patient.name.family', {
        "$this.matches('(?i)^MÜLLER\\\\z')": "'x'",
        "$this.matches('^[a-z-[aeiou]]+$')": "'y'",
      }),
      { name: [{ family: 'Müller' }, { family: 'brrr' }, { family: 'bar' }] },
      { name: [{ family: 'x' }, { family: 'y' }] },
    ],
    [
      'a pattern that is a part of the resource',
      { path: 'Patient.name.where(family.matches(text))', method: 'redact' },
      {
        name: [
          { family: 'abc', text: '\\Ab|c\\z' },
          { family: 'abc', text: 'x' },
        ],
      },
      { name: [{ family: 'abc', text: 'x' }] },
    ],
    [
      'half of a character outside of the basic plane leaves no half behind',
      generalize('Patient.name.family', { true: "$this.replaceMatches('^.', '')" }),
      { name: [{ family: '\u{1d538}b' }] },
      { name: [{ family: '\ufffdb' }] },
    ],
  ])('%s', (_, rule, input, expected) => {
    const resource = { resourceType: 'Patient', ...input };
    expect(resultOf(configuration(rule), resource)).toEqual({ resourceType: 'Patient', ...expected });
  });
});

describe.runIf(hasShared('cases'))('cases that went wrong', () => {
  it.each(['01-named-group-substitution', '02-word-class-non-ascii', '04-anchors-and-class-subtraction'])(
    '%s',
    (name) => {
      const { meta: _, ...expected } = JSON.parse(readText('cases', name, 'expected.json')) as JsonObject;
      const input = JSON.parse(readText('cases', name, 'input.json')) as JsonObject;
      expect(resultOf(readText('cases', name, 'config.json'), input)).toEqual(expected);
    },
  );

  it('06-inline-options-refused-at-run-time', () => {
    const folder = ['cases', '06-inline-options-refused-at-run-time'] as const;
    const config = readText(...folder, 'config.json');
    expect(readConfiguration(config, { fhirVersion: 'R4' }).issues).toContainEqual(
      expect.objectContaining({ severity: 'error', rule: 1, path: 'fhirPathRules[1].path' }),
    );
    const { fhirPathRules, ...rest } = JSON.parse(config) as { fhirPathRules: object[] };
    const first = JSON.stringify({ ...rest, fhirPathRules: fhirPathRules.slice(0, 1) });
    const input = JSON.parse(readText(...folder, 'input.json')) as JsonObject;
    expect(resultOf(first, input)).toEqual({ resourceType: 'Patient' });
  });
});

describe('a malformed pattern or literal is an error of the configuration: which rule, what, and where in it', () => {
  it.each<[object, string, RegExp]>([
    [
      { path: "Patient.name.where(family.matches('('))", method: 'redact' },
      'fhirPathRules[1].path',
      /^The regular expression '\(' of matches\(\) is malformed: '\)' is missing \(at character 2\)$/,
    ],
    [
      generalize('Patient.name.family', { "$this.matches('[z-a]')": "'x'" }),
      'fhirPathRules[1].cases["$this.matches(\'[z-a]\')"]',
      /a range of characters is in reverse order \(at character 5\)/,
    ],
    [
      generalize('Patient.name.family', { true: "$this.replaceMatches('(?<=a){2', '$99999999999')" }),
      'fhirPathRules[1].cases["true"]',
      /^The replacement '\$99999999999' of replaceMatches\(\) is malformed: the number is greater/,
    ],
    [
      generalize('Patient.name.family', { true: "$this.replaceMatches('\\\\p{Greek}', '')" }),
      'fhirPathRules[1].cases["true"]',
      /\.NET knows no category or block of this name/,
    ],
    [
      { path: `Patient.name.where(family.matches('${'('.repeat(300)}'))`, method: 'redact' },
      'fhirPathRules[1].path',
      /nested more than 200 deep, which is not supported/,
    ],
    [
      { path: 'Patient.where(birthDate < @1990-1-1)', method: 'redact' },
      'fhirPathRules[1].path',
      /with two digits \(@1990-01-01\).* at character 32/,
    ],
    [
      { path: 'Patient.where(birthDate < @1990-01-01 - 1)', method: 'redact' },
      'fhirPathRules[1].path',
      /what is added as a quantity \(1 day\)/,
    ],
    [
      { path: 'Patient.where(birthDate < @1990-02-30)', method: 'redact' },
      'fhirPathRules[1].path',
      /'@1990-02-30' is no date, time or date-time/,
    ],
  ])('%j', (rule, path, message) => {
    const config = configuration({ path: 'Patient.id', method: 'keep' }, rule);
    const errors = readConfiguration(config, { fhirVersion: 'R4' }).issues.filter(
      ({ severity }) => severity === 'error',
    );
    expect(errors).toEqual([
      expect.objectContaining({ rule: 1, path, message: expect.stringMatching(message) }),
    ]);
  });

  it('dates and quantities of all forms that are right stay right', () => {
    const path =
      'Patient.where(birthDate < @1990-01-01 - 1 day or birthDate < @1990-1 year or birthDate = @1990)';
    const config = configuration({ path, method: 'redact' });
    expect(
      readConfiguration(config, { fhirVersion: 'R4' }).issues.filter(({ severity }) => severity === 'error'),
    ).toEqual([]);
  });
});

describe('a resource on which a pattern takes too many steps', () => {
  const config = configuration({
    path: "Patient.name.where(family.matches('^(\\\\w+\\\\s?)+$'))",
    method: 'redact',
  });
  const HOSTILE = 'Peter'.repeat(40) + '!';
  const failure = {
    code: 'expression-failed',
    message:
      'matches(): Matching a regular expression took too many steps: repeat less, or anchor the pattern',
    rule: 'fhirPathRules[0]',
  };

  it('fails, without a word of it', () => {
    expect(resultOf(config, { resourceType: 'Patient', name: [{ family: HOSTILE }] })).toEqual(failure);
  });

  it('fails once, however many such texts it has, and the next one has its own steps', () => {
    const engine = engineOf(config, 'R4');
    const anonymize = (families: readonly string[]): unknown => {
      const name = families.map((family) => ({ family }));
      return engine.anonymize({ resourceType: 'Patient', name } as unknown as JsonObject);
    };
    const slow = (place: number): string => `Peter${'x'.repeat(12)}${place}!`;
    expect(anonymize(Array.from({ length: 200 }, (_, place) => slow(place)))).toEqual({
      outcome: 'failed',
      failure,
    });
    expect(anonymize([slow(0)])).toMatchObject({ outcome: 'anonymized' });
  });

  it('a pattern out of the resource that is malformed is in no message', () => {
    const rule = { path: 'Patient.name.where(family.matches(text))', method: 'redact' };
    const resource = { resourceType: 'Patient', name: [{ family: 'a', text: '(Chalmers' }] };
    expect(resultOf(configuration(rule), resource)).toEqual({
      code: 'expression-failed',
      message: "An argument of matches() is malformed: ')' is missing (at character 10)",
      rule: 'fhirPathRules[0]',
    });
  });
});
