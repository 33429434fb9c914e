import { describe, expect, it } from 'vitest';
import { coverageOf } from '../../../functions/deid/coverage/coverage.js';
import { randomKeys, keyUseOf } from '../../../functions/deid/configuration/keys.js';
import { ABSTRED } from '../../../functions/deid/methods/labels.js';
import { method } from '../../../functions/deid/methods/method.js';
import { METHODS } from '../../../functions/deid/methods/methods.js';
import { TextResults } from '../../../functions/deid/methods/textResults.js';
import { readConfiguration } from '../../../functions/deid/readConfiguration.js';
import { flag, type Setting } from '../../../functions/deid/reading/settings.js';
import { bothWays, ways } from '../bothWays.js';
import { engineOptions } from '../shared.js';

/** How many letters stay. */
const letters: Setting<number> = (value, site) => {
  if (typeof value === 'number' && value >= 0) return value;
  site.error('Must be a number of letters');
  return 0;
};

/** A method that no list knows: it keeps the first letters of texts. All of it is declared here. */
const INITIAL = method({
  name: 'initial',
  settings: { letters },
  parameters: { upperCaseInitials: flag, cryptoHashKey: METHODS[2].parameters.cryptoHashKey },
  key: { name: 'cryptoHashKey' },
  labels: [ABSTRED],
  changes: { what: 'cuts texts', isOn: ({ name }) => name === 'string' },
  checkParameters: ({ upperCaseInitials }, issues) => {
    if (upperCaseInitials) issues.warn('parameters.upperCaseInitials', 'Loud');
  },
  clears: 'texts in part',
  effect: (settings) => ({
    key: `initial ${settings.letters}`,
    clearsAll: settings.letters === 0,
    clears: (_, { type }) => (settings.letters === 0 ? 'full' : type?.name === 'string' ? 'partial' : 'none'),
  }),
  prepare: ({ parameters }) => ({
    work: (settings) => {
      const cut = (text: string): string => {
        const start = text.slice(0, settings.letters);
        return parameters.upperCaseInitials ? start.toUpperCase() : start;
      };
      const ofText = Object.assign(
        (value: unknown, run: { did(label: number): void }) => {
          run.did(ABSTRED);
          return cut(String(value));
        },
        { results: new TextResults(ABSTRED, cut) },
      );
      return { ofValue: ({ type }) => (type.name === 'string' ? ofText : null) };
    },
  }),
});

function read(fhirPathRules: object[], parameters: object = {}) {
  const text = JSON.stringify({ fhirPathRules, parameters });
  return readConfiguration(text, { fhirVersion: 'R4', methods: [...METHODS, INITIAL] });
}

function issuesOf(rule: object, parameters: object = {}): string[] {
  return read([rule], parameters).issues.map(
    ({ severity, path, message }) => `${severity} ${path}: ${message}`,
  );
}

describe('a method that is declared in one object', () => {
  it('is unknown without it', () => {
    const text = JSON.stringify({ fhirPathRules: [{ path: 'Patient.name', method: 'initial', letters: 1 }] });
    expect(readConfiguration(text, { fhirVersion: 'R4' }).issues[0]?.message).toMatch(
      /Unknown method 'initial'/,
    );
  });

  it.each<[object, object, string]>([
    [{ path: 'Patient.name', method: 'intial', letters: 1 }, {}, "error fhirPathRules[0].method: Unknown method 'intial': did you mean 'initial'?"],
    [{ path: 'Patient.name', method: 'initial' }, {}, 'error fhirPathRules[0].letters: Must be a number of letters'],
    [{ path: 'Patient.name', method: 'initial', letters: 1, leters: 2 }, {}, "warning fhirPathRules[0].leters: Ignored: initial has no such setting; did you mean 'letters'?"],
    [{ path: 'Patient.birthDate', method: 'initial', letters: 1 }, {}, 'warning fhirPathRules[0].method: Does nothing: initial cuts texts, and the path selects only date'],
    [{ path: 'Patient.name', method: 'initial', letters: 1 }, { upperCaseInitials: 'x' }, 'error parameters.upperCaseInitials: Must be true or false'],
    [{ path: 'Patient.name', method: 'initial', letters: 1 }, { upperCaseInitials: true }, 'warning parameters.upperCaseInitials: Loud'],
    [{ path: 'Patient.name', method: 'initial', letters: 1 }, { upperCaseInitial: true }, "warning parameters.upperCaseInitial: Unknown parameter, ignored; did you mean 'upperCaseInitials'?"],
  ])('is checked with the configuration: %j, %j', (rule, parameters, issue) => {
    expect(issuesOf(rule, parameters)).toEqual([issue]);
  }); // prettier-ignore

  it.each<[string, string, boolean]>([
    ['along a plan, on the tape', 'Patient.name.family', true],
    ['by type', "nodesByType('HumanName').family", true],
    ['with a condition', "Patient.name.where(use = 'official').family", true],
    ['in the tree alone', 'Patient.name.repeat(family)', false],
  ])('works %s', (_name, path, isOnTape) => {
    const { configuration } = read([{ path, method: 'initial', letters: 2 }], { upperCaseInitials: true });
    if (configuration === undefined) throw new Error('the configuration of the test is wrong');
    const engine = bothWays(configuration, engineOptions('R4'));
    const patient = '{"resourceType":"Patient","name":[{"use":"official","family":"Chalmers"}]}';
    const before = ways.onTape;
    const result = engine.anonymize(patient);
    const line = result.outcome === 'anonymized' ? result.line : '';
    expect(line).toContain('"name":[{"use":"official","family":"CH"}]');
    expect(line).toContain('"code":"ABSTRED"');
    expect([...engine.takeReport().labels]).toEqual([['ABSTRED', 1]]);
    expect(ways.onTape > before).toBe(isOnTape);
  });

  it('is judged by coverage', () => {
    const left = (count: number): string[] => {
      const rules = [
        { path: "nodesByType('HumanName').family", method: 'initial', letters: count },
        { path: 'Resource', method: 'redact' },
      ];
      const { configuration } = read(rules);
      if (configuration === undefined) throw new Error('the configuration of the test is wrong');
      return coverageOf(configuration).gaps.flatMap(({ paths, reach }) =>
        paths.map((path) => `${path} ${reach}`),
      );
    };
    expect(left(1)).toContain('HumanName.family partial');
    expect(left(0)).toEqual([]);
  });

  it('names the key that it needs', () => {
    const { configuration } = read([{ path: 'Patient.name', method: 'initial', letters: 1 }]);
    if (configuration === undefined) throw new Error('the configuration of the test is wrong');
    expect(randomKeys(keyUseOf(configuration))).toEqual(['cryptoHashKey']);
  });
});
