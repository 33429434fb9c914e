import { describe, expect, it } from 'vitest';
import { mendEdits } from '../../console/engine/mend.js';
import { readConfiguration } from '../../functions/deid/readConfiguration.js';

const read = (text: string) => readConfiguration(text, { fhirVersion: 'R4', coverage: 'warning' });

/** A text with the first gap mended that a rule path names. */
function mended(text: string, about: RegExp): string {
  const gap = read(text).coverage?.gaps.find(({ suggestion }) => about.test(suggestion.path));
  if (gap === undefined) throw new Error('There is no such gap');
  const { suggestion: rule, parameters } = gap;
  const edits = mendEdits({ configuration: text, rule, parameters }, 'R4');
  expect(edits.length).toBeGreaterThan(0);
  const now = [...edits]
    .sort((one, other) => other.from - one.from)
    .reduce((all, { from, to, insert }) => all.slice(0, from) + insert + all.slice(to), text);
  const after = read(now);
  expect(after.issues.filter(({ severity }) => severity === 'error')).toEqual([]);
  expect(after.coverage?.gaps.some(({ suggestion }) => suggestion.path === rule.path)).toBe(false);
  return now;
}

const TEXTS: Readonly<Record<string, string>> = {
  'an empty list': '{ "fhirPathRules": [] }',
  'a list': '{\n  "fhirPathRules": [\n    { "path": "Patient.birthDate", "method": "redact" }\n  ]\n}',
  'a rule that keeps':
    '{ "fhirPathRules": [{ "path": "nodesByType(\'HumanName\')", "method": "keep" }, { "path": "nodesByType(\'Reference\')", "method": "keep" }] }',
  comments:
    '// one\n{ /* } ] */ "fhirPathRules" : // two\n [ { "path": "Patient.id", /* } */ "method": "redact" }, ] , }',
  'single quotes, another case': "{ 'FhirPathRules': [{ 'path': 'Patient.id', 'method': 'redact' }] }",
  parameters: '{ "parameters": { "shouldAddSecurityTag": false }, "fhirPathRules": [] }',
  'empty parameters': '{ "fhirPathRules": [], "Parameters": {} }',
  YAML: 'fhirPathRules:\n  - path: Patient.id\n    method: redact\n',
  'YAML with more after it':
    'fhirPathRules:\n- path: Patient.id\n  method: redact\n\n# more\nprocessingErrors: skip',
  'YAML in brackets, as JSON': '{ fhirPathRules: [] }'.replace('fhirPathRules', '"fhirPathRules"'),
};

describe('the rule that mends coverage is added to', () => {
  it.each(Object.entries(TEXTS))('%s', (_, text) => {
    const now = mended(text, /HumanName/);
    expect(now).toContain("nodesByType('HumanName')");
  });

  it.each(['comments', 'parameters', 'YAML'])('%s, with the parameters that it needs', (name) => {
    expect(mended(TEXTS[name] ?? '', /Reference'\)\.reference/)).toMatch(/"?referenceServers"?: "hash"/);
  });

  it('a text that has no list, since it extends a sample', () => {
    const configuration = '{ "extends": "hipaa-safe-harbor-r4@1" }';
    const rule = { path: "nodesByType('HumanName')", method: 'redact' };
    const [edit] = mendEdits({ configuration, rule, parameters: {} }, 'R4');
    const now = configuration.slice(0, edit?.from) + edit?.insert + configuration.slice(edit?.to);
    expect(read(now).configuration?.rules[0]?.path).toBe(rule.path);
    expect(now).toContain('HumanName');
  });

  it('the end where that suffices, so that rules before it stay as they are', () => {
    const text = mended(TEXTS['a list'] ?? '', /HumanName/);
    expect(text.indexOf('birthDate')).toBeLessThan(text.indexOf('HumanName'));
  });

  it.each(['', '[]', '{', 'fhirPathRules: [', '{ "fhirPathRules": 3 }', 'fhirPathRules: []'])(
    'nothing where a text cannot be changed: %s',
    (configuration) => {
      const rule = { path: "nodesByType('HumanName')", method: 'redact' };
      expect(mendEdits({ configuration, rule, parameters: {} }, 'R4')).toEqual([]);
    },
  );
});
