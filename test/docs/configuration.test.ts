import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readConfiguration } from '../../functions/deid/readConfiguration.js';
import { type JsonObject } from '../../functions/json/json.js';
import { engineOf } from '../deid/shared.js';

const text = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');

interface Example {
  heading: string;
  /** A whole configuration instead of rules and parameters. */
  configuration: string;
  rules: string;
  parameters: string;
  before: string;
  after: string;
}

/** The examples of the page: rules, perhaps parameters, or a configuration, then a resource before and after. */
function examplesOf(markdown: string): Example[] {
  const examples: Example[] = [];
  let heading = '';
  let blocks: Partial<Record<string, string>> = {};
  for (const [, title, kind, content] of markdown.matchAll(
    /^#+ (.+)$|^```(?:json|yaml) (\w+)\n([\s\S]*?)```$/gm,
  )) {
    if (title !== undefined) heading = title;
    if (kind === undefined || content === undefined) continue;
    blocks[kind] = content;
    if (kind !== 'after') continue;
    const { configuration = '', rules = '', parameters = '{}', before = '' } = blocks;
    examples.push({ heading, configuration, rules, parameters, before, after: content });
    blocks = {};
  }
  return examples;
}

/** What the engine makes of an example's resource. */
function resultOf({
  configuration,
  rules,
  parameters,
  before,
}: Omit<Example, 'after' | 'heading'>): JsonObject {
  const whole = configuration === '' ? textOf(rules, parameters) : configuration;
  const result = engineOf(whole, 'R4').anonymize(before);
  return result.outcome === 'anonymized'
    ? (JSON.parse(result.line) as JsonObject)
    : { failure: result.failure.message };
}

/** The configuration of rules and parameters. */
function textOf(rules: string, parameters: string): string {
  const keys = { dateShiftKey: 'example', cryptoHashKey: 'example', encryptKey: '0123456789abcdef' };
  return JSON.stringify({
    fhirPathRules: JSON.parse(rules) as unknown,
    parameters: { ...keys, ...(JSON.parse(parameters) as object) },
  });
}

describe('the examples in docs/configuration.md', () => {
  const examples = examplesOf(text);

  it('are there, one for every method that gives the same twice', () => {
    const headings = new Set(examples.map(({ heading }) => heading));
    for (const method of ['redact', 'dateShift', 'cryptoHash', 'substitute', 'perturb', 'generalize'])
      expect(headings).toContain(method);
  });

  it('with a sample leaves no identity', () => {
    const extending = examples.filter(({ configuration }) => configuration.includes('extends:'));
    expect(extending).toHaveLength(1);
    const whole = (extending[0]?.configuration ?? '').replaceAll('Key: example', "Key: ''");
    const { coverage, issues } = readConfiguration(whole, { fhirVersion: 'R4', coverage: 'error' });
    expect([coverage?.isComplete, issues]).toEqual([true, []]);
  });

  it.each(examples)('$heading: $rules', ({ after, ...example }) => {
    const expected = JSON.parse(after) as object;
    const { meta, ...rest } = resultOf(example);
    // Labels are shown in the first example only.
    expect('meta' in expected ? { meta, ...rest } : rest).toEqual(expected);
  });
});
