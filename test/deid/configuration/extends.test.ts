import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { readConfiguration, pinnedText, versionsOfText } from '../../../functions/deid/readConfiguration.js';
import { sampleNamed } from '../../../functions/deid/configuration/samples.js';
import { configurationDigest } from '../../../functions/export/request/pinnedConfiguration.js';
import { randomKeys, keyUseOf } from '../../../functions/deid/configuration/keys.js';
import type { FhirVersion } from '../../../functions/fhir/fhirVersion.js';
import { objectEngine, type ObjectEngine } from '../bothWays.js';
import { engineOptions } from '../shared.js';

const R4 = 'hipaa-safe-harbor-r4@2';
const SAMPLE = JSON.parse(
  readFileSync(new URL('../../../configurations/hipaa-safe-harbor-r4.json', import.meta.url), 'utf8'),
) as { fhirPathRules: object[]; parameters: Record<string, unknown> };

const BEFORE = [
  { path: 'Patient.birthDate', method: 'keep' },
  { path: 'Patient.name.family', method: 'keep' },
];
const AFTER = [
  // The sample leaves the one, and decides the other.
  { path: 'Patient.gender', method: 'redact' },
  { path: 'Patient.name.given', method: 'keep' },
];
const PATIENT = {
  resourceType: 'Patient',
  id: 'p1',
  name: [{ family: 'Doe', given: ['Jane'] }],
  gender: 'female',
  birthDate: '1980-04-05',
  maritalStatus: { coding: [{ system: 'http://loinc.org', code: 'M' }] },
};

function read(configuration: object | string, fhirVersion: FhirVersion = 'R4', isPinned = false) {
  const text = typeof configuration === 'string' ? configuration : JSON.stringify(configuration);
  return readConfiguration(text, { fhirVersion, isPinned });
}

function resultOf(text: object | string, isPinned = false): ReturnType<ObjectEngine['anonymize']> {
  const { configuration, issues } = read(text, 'R4', isPinned);
  if (configuration === undefined) throw new Error(JSON.stringify(issues));
  return objectEngine(configuration, engineOptions('R4')).anonymize({ ...PATIENT });
}

const errorsOf = (...given: Parameters<typeof read>): string[] =>
  read(...given)
    .issues.filter(({ severity }) => severity === 'error')
    .map(({ path, message }) => `${path}: ${message}`);

describe('a configuration that extends a sample', () => {
  const extending = { extends: R4, fhirPathRules: BEFORE, fhirPathRulesAfter: AFTER };

  it('has its own rules before and after those of the sample, of which the first decides', () => {
    const whole = { ...SAMPLE, fhirPathRules: [...BEFORE, ...SAMPLE.fhirPathRules, ...AFTER] };
    expect(resultOf(extending)).toEqual(resultOf(whole));
    const result = resultOf(extending);
    const { meta: _meta, ...resource } = JSON.parse(result.outcome === 'anonymized' ? result.line : '{}') as {
      meta: object;
    };
    expect(resource).toEqual({
      resourceType: 'Patient',
      id: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown,
      name: [{ family: 'Doe' }],
      birthDate: '1980-04-05',
      maritalStatus: PATIENT.maritalStatus,
    });
  });

  it.each<[string, object]>([
    ['only rules before', { fhirPathRules: BEFORE }],
    ['only rules after', { fhirPathRulesAfter: AFTER }],
    ['no rules', {}],
  ])('may have %s', (_name, more: { fhirPathRules?: object[]; fhirPathRulesAfter?: object[] }) => {
    const { fhirPathRules = [], fhirPathRulesAfter = [] } = more;
    const whole = {
      ...SAMPLE,
      fhirPathRules: [...fhirPathRules, ...SAMPLE.fhirPathRules, ...fhirPathRulesAfter],
    };
    expect(resultOf({ extends: R4, ...more })).toEqual(resultOf(whole));
  });

  it('is the same in YAML, with the same digest', () => {
    const yaml = stringify(extending);
    expect(resultOf(yaml)).toEqual(resultOf(extending));
    expect(pinnedText(yaml)).toBe(pinnedText(JSON.stringify(extending)));
    // How it is written says nothing of a dialect: the sample is of this project.
    expect(read(yaml).issues).toEqual([]);
  });

  it('has the parameters of the sample, but for its own, whatever their case', () => {
    const own = { UnMatched: 'redact', restrictedZipCodeTabulationAreas: ['000'], strictZipCodes: null };
    const { configuration } = read({ extends: R4, parameters: own });
    const { configuration: sample } = read({ extends: R4 });
    expect(sample?.parameters).toMatchObject({ validOutput: true, strictZipCodes: true, unmatched: 'keep' });
    expect(configuration?.parameters).toEqual({
      ...sample?.parameters,
      unmatched: 'redact',
      restrictedZipCodeTabulationAreas: ['000'],
      strictZipCodes: false,
    });
  });

  it('has keys of its own or of the job, never of the sample', () => {
    const text = JSON.stringify({ extends: R4, parameters: { cryptoHashKey: 'mine' } });
    expect(read(text).configuration?.parameters.cryptoHashKey).toEqual({ kind: 'text', text: 'mine' });
    const keyed = {
      extends: { sample: R4, configuration: { ...SAMPLE, parameters: { cryptoHashKey: 'theirs' } } },
    };
    const { configuration } = read(keyed, 'R4', true);
    if (configuration === undefined) throw new Error('cannot be read');
    expect(randomKeys(keyUseOf(configuration))).toEqual(['cryptoHashKey']);
  });

  it.each([
    [{}, 'skip'],
    [{ processingErrors: 'raise' }, 'raise'],
    [{ processingError: 'raise' }, 'raise'],
  ])('treats errors as %j says, or the sample: %s', (own, treated) => {
    expect(read({ extends: R4, ...own }).configuration?.processingErrors).toBe(treated);
  });

  it('is for the FHIR version of the sample', () => {
    expect(versionsOfText(`extends: ${R4}`)).toEqual(['R4']);
    expect(versionsOfText('extends: hipaa-safe-harbor-stu3@1')).toEqual(['STU3']);
  });
});

describe('problems name the own list or the sample, and the index in it', () => {
  const at = (configuration: object, coverage?: 'warning') =>
    readConfiguration(JSON.stringify(configuration), {
      fhirVersion: 'R4',
      ...(coverage && { coverage }),
    }).issues.map(({ path, message, line }) => ({ path, message, line }));

  it('before and after', () => {
    const wrong = [{ path: 'Patient.id', method: 'redcat' }];
    const issues = at({ extends: R4, fhirPathRules: wrong, fhirPathRulesAfter: wrong });
    expect(issues).toEqual(
      ['fhirPathRules[0].method', 'fhirPathRulesAfter[0].method'].map((path) => ({
        path,
        message: expect.stringContaining("did you mean 'redact'") as string,
        line: 1,
      })),
    );
  });

  it('in the sample, without a place in the text', () => {
    const issues = at({ extends: R4, fhirPathRules: [{ path: 'Resource', method: 'redact' }] }, 'warning');
    expect(issues[0]).toEqual({
      path: `${R4} fhirPathRules[0].path`,
      message: expect.stringContaining("Never acts: fhirPathRules[0] ('Resource') decides all") as string,
      line: undefined,
    });
  });

  it('that decides, too', () => {
    const fhirPathRulesAfter = [{ path: "nodesByType('HumanName').given", method: 'cryptoHash' }];
    expect(at({ extends: R4, fhirPathRulesAfter }, 'warning')).toEqual([
      {
        path: 'fhirPathRulesAfter[0].path',
        message: expect.stringMatching(
          /^Never acts: hipaa-safe-harbor-r4@2 fhirPathRules\[\d+\] \('/,
        ) as string,
        line: 1,
      },
    ]);
  });

  it('of a resource that cannot be processed, too', () => {
    const failing = [{ path: 'Patient.where(gender.startsWith(name))', method: 'redact' }];
    expect(resultOf({ extends: R4, fhirPathRules: failing })).toMatchObject({
      failure: { rule: 'fhirPathRules[0]' },
    });
  });

  it.each<[string, object, RegExp, FhirVersion?]>([
    ['no version', { extends: 'hipaa-safe-harbor-r4' }, /^extends: There is no sample .*; did you mean 'hipaa-safe-harbor-r4@2'\? The samples are hipaa-safe-harbor-stu3@2, /],
    ['a later version', { extends: 'hipaa-safe-harbor-r4@3' }, /^extends: There is no sample/],
    ['what every object has', { extends: 'toString' }, /^extends: There is no sample/],
    ['an empty name', { extends: '' }, /^extends: There is no sample/],
    ['null', { extends: null }, /^extends: Must be the name of one sample, with its version/],
    ['a list', { extends: [R4] }, /^extends: Must be the name of one sample/],
    ['a sample of the user', { extends: { sample: R4, configuration: SAMPLE } }, /^extends: Must be the name of one sample/],
    ['two', { extends: R4, Extends: R4 }, /^extends: This setting is there twice/],
    ['data of R5', { extends: R4 }, /^extends: hipaa-safe-harbor-r4@2 is for R4, and the data is R5: extend the sample of that version/, 'R5'],
    ['for R5', { extends: R4, fhirVersion: 'R5' }, /^extends: hipaa-safe-harbor-r4@2 is for R4, and fhirVersion names R5/, 'R5'],
    ['for R4 and R4B', { extends: R4, fhirVersion: ['R4', 'R4B'] }, /^extends: .* fhirVersion names R4B/],
    ['rules that are no list', { extends: R4, fhirPathRules: {} }, /^fhirPathRules: An array of rules is required/],
    ['rules after that are no list', { extends: R4, fhirPathRulesAfter: {} }, /^fhirPathRulesAfter: An array of rules is required/],
    ['too many rules', { extends: R4, fhirPathRules: Array.from({ length: 1900 }, () => BEFORE[0]) }, /and this one has \d+ together with hipaa-safe-harbor-r4@2/],
    ['too much text', { extends: R4, comment: 'x'.repeat(900_000) }, /^extends: Together with hipaa-safe-harbor-r4@2 the configuration is larger than 1 MiB/],
    ['rules after nothing', { fhirPathRules: [], fhirPathRulesAfter: [] }, /^fhirPathRulesAfter: .* name the sample in extends/],
  ])('an error: %s', (_name, configuration, message, fhirVersion = 'R4') => {
    expect(errorsOf(configuration, fhirVersion)).toEqual([expect.stringMatching(message)]);
  }); // prettier-ignore
});

describe('what is pinned of a configuration that extends a sample', () => {
  const TEXT = JSON.stringify({ extends: R4, fhirPathRules: BEFORE, fhirPathRulesAfter: AFTER });

  it('has the sample in it, and gives the same', () => {
    const pinned = pinnedText(TEXT);
    expect(JSON.parse(pinned)).toEqual({
      ...(JSON.parse(TEXT) as object),
      extends: { sample: R4, configuration: SAMPLE },
    });
    expect(resultOf(pinned, true)).toEqual(resultOf(TEXT));
    expect(read(pinned, 'R4', true)).toMatchObject({ sample: R4, issues: [] });
  });

  it('does not change with the samples of the app', () => {
    const rules = [{ path: 'Patient.gender', method: 'redact' }];
    const older = {
      extends: { sample: 'gone@7', configuration: { fhirVersion: 'R4', fhirPathRules: rules } },
    };
    const result = resultOf(JSON.stringify(older), true);
    expect(result.outcome === 'anonymized' ? result.line : '').toContain('Jane');
    expect(result.outcome === 'anonymized' ? result.line : '').not.toContain('female');
  });

  it('has a digest that covers both', () => {
    const digestOf = (text: string): string => configurationDigest(pinnedText(text));
    // It is what an approval lists: no version of the app may give another one.
    expect(digestOf(TEXT)).toBe('sha256:2ea77516680210335ff694d4def6c57f05ed34987b3a5f193b71cbf646e69df0');
    expect(digestOf(TEXT.replace('r4@2', 'r4@1'))).toBe(
      'sha256:e2d2ec63122931adc6e46ce353017c21c3cfef624a29ccf64ae8e2a4799321c3',
    );
    const changed = pinnedText(TEXT).replace('"strictZipCodes":true', '"strictZipCodes":false');
    expect(configurationDigest(changed)).not.toBe(digestOf(TEXT));
    expect(digestOf(JSON.stringify({ extends: R4, fhirPathRules: BEFORE }))).not.toBe(digestOf(TEXT));
  });

  it.each([JSON.stringify({ fhirPathRules: BEFORE }), '{"extends":"else@1"}', '{', 'a: 1'])(
    'of any other is its text: %j',
    (text) => {
      expect(pinnedText(text)).toBe(text);
    },
  );

  it('of the sample is what its file has', () => {
    expect(sampleNamed(R4)).toEqual(SAMPLE);
  });
});
