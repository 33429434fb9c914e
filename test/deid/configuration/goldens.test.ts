import { describe, expect, it } from 'vitest';
import { readConfiguration } from '../../../functions/deid/readConfiguration.js';
import { hasShared, readText } from '../shared.js';

/** Configurations that the reference takes though they cannot mean anything: an error here. */
const REJECTED_HERE: Readonly<Record<string, string>> = {
  '12-method-unknown.json': 'an unknown method would leave the elements as they are',
  '27-gen-casesstr.json': 'a case table that is no object',
  '11-path-19.json': 'a regular expression that is a number, with which every resource fails',
};

/** Configurations that mean something here which they do not to the reference. */
const ACCEPTED_HERE: Readonly<Record<string, string>> = {
  '45-scope-bad.json': 'the scope patient is an extension',
  '67-notjson.json': 'YAML is read, too',
};

const isThere = hasShared('goldens/configs-invalid');
const results = isThere ? readText('goldens', 'configs-invalid', 'RESULTS.tsv').trim().split('\n') : [];

describe.runIf(isThere)('configurations the reference engine takes and rejects', () => {
  for (const [file = '', verdict = ''] of results.map((line) => line.split('\t'))) {
    const isRejected = (verdict === 'rejected' || file in REJECTED_HERE) && !(file in ACCEPTED_HERE);
    it(`${file} is ${isRejected ? 'rejected' : 'accepted'}`, () => {
      const text = readText('goldens', 'configs-invalid', file);
      const { configuration, issues } = readConfiguration(text, { fhirVersion: 'R4' });
      const errors = issues.filter(({ severity }) => severity === 'error');
      expect(errors.length > 0, JSON.stringify(issues)).toBe(isRejected);
      expect(configuration === undefined).toBe(isRejected);
      for (const { message } of issues) expect(message).not.toBe('');
    });
  }
});
