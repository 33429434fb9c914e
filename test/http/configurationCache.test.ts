import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { keysDigest } from '../../functions/export/request/pinnedConfiguration.js';
import { ConfigurationCache, type CheckedConfiguration } from '../../functions/http/configurationCache.js';
import { costOf } from '../processorTime.js';

const KEY = 'a key that is in the text';

function text(path: string, parameters: object): string {
  return JSON.stringify({ fhirPathRules: [{ path, method: 'cryptoHash' }], parameters });
}

/** Many rules, so that reading them costs more than looking them up. */
const LONG = JSON.stringify({
  fhirPathRules: Array.from({ length: 1000 }, (_, n) => ({
    path: `Patient.name.where(use = 'a${n}')`,
    method: 'redact',
  })),
});

describe('a configuration that was read before', () => {
  it('costs next to nothing, and says the same', () => {
    const cache = new ConfigurationCache('R4', 'warning', false);
    const first = cache.read(LONG);
    expect(costOf(() => cache.read(LONG))).toBeLessThan(10);
    expect(cache.read(LONG)).toEqual(first);
  });

  it.each<[string, object]>([
    ['keys in its text', { cryptoHashKey: KEY, dateShiftKey: KEY }],
    ['names of secrets', { cryptoHashKey: { secretName: 'mine' } }],
    ['no keys', {}],
    ['keys in YAML', { cryptoHashKey: KEY }],
  ])('has the keys that its text gives: %s', (what, parameters) => {
    const cache = new ConfigurationCache('R4', 'warning', false);
    const json = text('id', parameters);
    const given = what.includes('YAML') ? stringify(JSON.parse(json)) : json;
    const [first, second] = [cache.read(given), cache.read(given)];
    expect(second).toEqual(first);
    const secret = Buffer.alloc(32);
    if (first.keys === undefined || second.keys === undefined) throw new Error('no keys');
    expect(keysDigest(second.keys, secret)).toBe(keysDigest(first.keys, secret));
  });

  it('that is wrong is refused again, with the same errors', () => {
    const cache = new ConfigurationCache('R4', 'warning', false);
    const first = cache.read('{"fhirPathRules":[{"path":"id"}]}');
    expect(first.keys).toBeUndefined();
    expect(cache.read('{"fhirPathRules":[{"path":"id"}]}')).toEqual(first);
  });

  it('in YAML is what it is in JSON, under a digest of its own', () => {
    const cache = new ConfigurationCache('R4', 'warning', false);
    const json = text('Patient.id', { cryptoHashKey: KEY });
    const [inJson, inYaml] = [cache.read(json), cache.read(stringify(JSON.parse(json)))];
    const withoutPlaces = ({ keys, coverage, issues }: CheckedConfiguration): unknown => ({
      keys,
      coverage,
      issues: issues.map(({ severity, path, message }) => ({ severity, path, message })),
    });
    expect(inYaml.keys?.parameters.cryptoHashKey).toEqual({ kind: 'text', text: KEY });
    expect(withoutPlaces(inYaml)).toEqual(withoutPlaces(inJson));
    expect(inYaml.digest).not.toBe(inJson.digest);
  });

  it('of another text is another one', () => {
    const cache = new ConfigurationCache('R4', 'warning', false);
    cache.read(text('id', { cryptoHashKey: KEY }));
    const other = cache.read(text('id', { cryptoHashKey: `${KEY}!` }));
    expect(other.keys?.parameters.cryptoHashKey).toEqual({ kind: 'text', text: `${KEY}!` });
  });
});

describe('what is kept of configurations', () => {
  it('has no key that is written in a text', () => {
    const cache = new ConfigurationCache('R4', 'warning', false);
    const keys = { cryptoHashKey: KEY, dateShiftKey: KEY, encryptKey: KEY.slice(0, 16) };
    expect(cache.read(text('id', keys)).keys?.parameters.encryptKey).toEqual({
      kind: 'text',
      text: KEY.slice(0, 16),
    });
    expect(inspect(cache.kept, { depth: null })).not.toContain(KEY.slice(0, 16));
    expect(cache.kept).toHaveLength(1);
  });

  it('is bounded', () => {
    const cache = new ConfigurationCache('R4', 'warning', false);
    for (let n = 0; n < 40; n++) cache.read(`{"fhirPathRules":[],"parameters":{},"a${n}":1}`);
    expect(cache.kept).toHaveLength(32);
  });
});

it('refuses rules that pseudonymize where there is no service', () => {
  const rules = JSON.stringify({ fhirPathRules: [{ path: 'Patient.id', method: 'pseudonymize' }] });
  const { issues, keys } = new ConfigurationCache('R4', 'warning', false).read(rules);
  expect(keys).toBe(undefined);
  expect(issues.find(({ severity }) => severity === 'error')?.message).toMatch(/PSEUDONYM_SERVICE/);
  const usable = new ConfigurationCache('R4', 'warning', true).read(rules);
  expect(usable).toMatchObject({ asksPseudonyms: true, keys: {} });
});
