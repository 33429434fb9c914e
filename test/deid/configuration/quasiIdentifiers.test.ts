import { describe, expect, it } from 'vitest';
import { DEFAULT_QUASI_IDENTIFIERS } from '../../../functions/deid/configuration/quasiIdentifiers.js';
import { readConfiguration } from '../../../functions/deid/readConfiguration.js';
import { FHIR_VERSIONS } from '../../../functions/fhir/fhirVersion.js';

const read = (
  parameters: object,
  more: object = { fhirPathRules: [] },
): ReturnType<typeof readConfiguration> =>
  readConfiguration(JSON.stringify({ ...more, parameters }), { fhirVersion: 'R4' });

const issuesOf = (parameters: object): string[] =>
  read(parameters).issues.map(({ severity, path, message }) => `${severity} ${path}: ${message}`);

describe('quasi-identifiers', () => {
  it('are those of the list, or the default ones', () => {
    expect(read({}).configuration?.parameters.quasiIdentifiers).toEqual(DEFAULT_QUASI_IDENTIFIERS);
    expect(read({ quasiIdentifiers: null }).configuration?.parameters.quasiIdentifiers).toEqual(
      DEFAULT_QUASI_IDENTIFIERS,
    );
    const own = ['Patient.gender', 'birthDate', "nodesByType('Address').city"];
    const { configuration, issues } = read({ quasiidentifiers: own });
    expect(issues).toEqual([]);
    expect(configuration?.parameters.quasiIdentifiers).toEqual(own);
  });

  it.each<[string, unknown, RegExp]>([
    ['no list', 'Patient.gender', /^error parameters\.quasiIdentifiers: Must be a list/],
    ['an empty one', [], /^error parameters\.quasiIdentifiers: Must be a list/],
    ['too many', Array.from({ length: 21 }, () => 'Patient.gender'), /^error .*1 to 20/],
    ['what is no text', [{ path: 'Patient.gender' }], /^error .*Must be a list/],
    ['an empty text', [' '], /^error .*Must be a list/],
    [
      'what is no expression',
      ['Patient.gender', 'Patient.('],
      /^error parameters\.quasiIdentifiers\[1\]: Not a FHIRPath expression/,
    ],
    ['a constant of a wrong type', ["Patient.gender.substring('a')"], /^error .*\[0\]/],
    ['another type', ['Observation.status'], /^error .*\[0\]: Must be about Patient/],
    [
      'an element that no Patient has, which finds nothing',
      ['Patient.gendre'],
      /^warning parameters\.quasiIdentifiers\[0\]: .*did you mean 'gender'/,
    ],
  ])('are not %s', (_, quasiIdentifiers, words) => {
    expect(issuesOf({ quasiIdentifiers })).toEqual([expect.stringMatching(words)]);
  });

  it('of a configuration take the place of those of the sample that it extends', () => {
    const { configuration } = read(
      { quasiIdentifiers: ['Patient.gender'], minClassSize: 3 },
      { extends: 'hipaa-safe-harbor-r4@1' },
    );
    expect(configuration?.parameters).toMatchObject({
      quasiIdentifiers: ['Patient.gender'],
      minClassSize: 3,
    });
  });

  it.each(FHIR_VERSIONS)('by default find something in %s', (fhirVersion) => {
    const text = JSON.stringify({
      fhirPathRules: [],
      parameters: { quasiIdentifiers: [...DEFAULT_QUASI_IDENTIFIERS] },
    });
    expect(readConfiguration(text, { fhirVersion }).issues).toEqual([]);
  });
});

describe('the least size of classes', () => {
  it.each<[unknown, number]>([
    [undefined, 0],
    [null, 0],
    [0, 0],
    [12, 12],
    [1_000_000, 1_000_000],
  ])('%s is %s', (minClassSize, expected) => {
    expect(read({ minClassSize }).configuration?.parameters.minClassSize).toBe(expected);
  });

  it.each([[-1], [1.5], [1_000_001], ['5'], [true], [[5]]])('is never %s', (minClassSize) => {
    expect(issuesOf({ minClassSize })).toEqual([
      expect.stringMatching(/^error parameters\.minClassSize: Must be a whole number/),
    ]);
  });
});
