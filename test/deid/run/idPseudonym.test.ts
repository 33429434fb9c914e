import { describe, expect, it } from 'vitest';
import { readConfiguration } from '../../../functions/deid/readConfiguration.js';
import { objectEngine } from '../bothWays.js';
import { hasLastingIds } from '../../../functions/deid/run/idPseudonym.js';

const KEY = { cryptoHashKey: 'a key of the configuration' };

function lasting(rules: Array<[path: string, method: string]>, parameters: object = KEY): boolean {
  const fhirPathRules = rules.map(([path, method]) => ({ path, method }));
  const { configuration } = readConfiguration(JSON.stringify({ fhirPathRules, parameters }), {
    fhirVersion: 'R4',
  });
  if (configuration === undefined) throw new Error('the configuration of the test is wrong');
  const isLasting = hasLastingIds(configuration, 'Patient');
  if (isLasting) {
    // What is said to be so, is so: whatever else the resource holds, and whatever the secret of the job.
    const ids = [1, 2].map((secret) => {
      const engine = objectEngine(configuration, {
        fhirVersion: 'R4',
        now: 0,
        jobSecret: new Uint8Array(32).fill(secret),
        randomBytes: (size) => new Uint8Array(size),
        validation: 'off',
      });
      const rest = secret === 1 ? {} : { active: true, gender: 'male', name: [{ family: 'x' }] };
      const made = engine.anonymize({ resourceType: 'Patient', id: 'p1', ...rest });
      return made.outcome === 'failed' ? 'failed' : (JSON.parse(made.line) as { id: string }).id;
    });
    expect(ids[0]).toBe(ids[1]);
    expect(ids[0]).toMatch(/^[0-9a-f]{64}$/);
  }
  return isLasting;
}

describe('an id has one pseudonym in every export', () => {
  it.each([
    ['by its type', [['Patient.id', 'cryptoHash']]],
    ['by any resource', [['Resource.id', 'cryptoHash']]],
    ['by the type of ids', [["nodesByType('id')", 'cryptoHash']]],
    ['by the name of ids', [["Patient.nodesByName('id')", 'cryptoHash']]],
    ['by the type of the element', [['Patient.id.ofType(id)', 'cryptoHash']]],
    ['as a part of the resource', [['Patient', 'cryptoHash']]],
    ['as one of all elements', [['Resource.descendants()', 'cryptoHash']]],
    ['in a union', [['Patient.name | Patient.id', 'cryptoHash']]],
    [
      'behind rules for other things',
      [
        ['Patient.name', 'redact'],
        ['Observation.id', 'redact'],
        ["nodesByType('HumanName')", 'redact'],
        ['Patient.id', 'cryptoHash'],
      ],
    ],
    [
      'before others for ids',
      [
        ['Patient.id', 'cryptoHash'],
        ['Resource.id', 'redact'],
      ],
    ],
  ] satisfies Array<[string, Array<[string, string]>]>)('%s', (_name, rules) => {
    expect(lasting(rules)).toBe(true);
  });

  it.each([
    ['no rule', []],
    ['another method', [['Patient.id', 'encrypt']]],
    [
      'a redaction before',
      [
        ['Resource.id', 'redact'],
        ['Patient.id', 'cryptoHash'],
      ],
    ],
    [
      'a rule for the whole resource before',
      [
        ['Patient', 'keep'],
        ['Patient.id', 'cryptoHash'],
      ],
    ],
    [
      'a rule for all elements before',
      [
        ['Patient.descendants()', 'redact'],
        ['Patient.id', 'cryptoHash'],
      ],
    ],
    ['a condition', [['Patient.where(active = true).id', 'cryptoHash']]],
    [
      'a condition of a rule before',
      [
        ["Patient.id.where($this = 'p1')", 'redact'],
        ['Patient.id', 'cryptoHash'],
      ],
    ],
    ['another type', [['Observation.id', 'cryptoHash']]],
    ['ids of elements', [['Patient.name.id', 'cryptoHash']]],
    ['the type of other ids', [["nodesByType('string')", 'cryptoHash']]],
  ] satisfies Array<[string, Array<[string, string]>]>)('not with %s', (_name, rules) => {
    expect(lasting(rules)).toBe(false);
  });

  it("not where the key is the job's own", () => {
    expect(lasting([['Patient.id', 'cryptoHash']], {})).toBe(false);
  });
});
