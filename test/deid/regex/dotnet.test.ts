import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Regex, type RegexEngine } from '../../../functions/deid/regex/regex.js';
import { RegexSteps } from '../../../functions/deid/regex/steps.js';
import { RegexSyntaxError } from '../../../functions/deid/regex/syntax.js';
import { hasShared, readText } from '../shared.js';

/** What `System.Text.RegularExpressions` does with a pattern and an input, without options, in the invariant culture. */
interface Row {
  readonly pattern: string;
  readonly input?: string;
  /** Numbers of the groups. */
  readonly groups?: readonly number[];
  /** Each match; in our own rows its place and what the groups captured. */
  readonly matches?: readonly (string | readonly [number, ...(string | null)[]])[];
  readonly replaced?: Readonly<Record<string, string | { readonly error: string }>>;
  /** Name of the `RegexParseError`. */
  readonly error?: string;
}

function rowsOf(text: string): Row[] {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);
}

/** Invented patterns and inputs, written by hand and generated; results of .NET 10.0.12. */
const OWN = rowsOf(readFileSync(new URL('dotnet.jsonl', import.meta.url), 'utf8'));
const SHARED = hasShared('goldens/regex') ? rowsOf(readText('goldens', 'regex', 'dotnet.jsonl')) : [];

function problemIn(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    if (error instanceof RegexSyntaxError) return { error: error.problem };
    throw error;
  }
}

/** What is made of a row here, in the row's own form. */
function resultOf(row: Row, engine: RegexEngine): unknown {
  const { pattern, input = '', groups, replaced = {} } = row;
  return problemIn(() => {
    const regex = Regex.compile(pattern, engine);
    const matches = [];
    for (const found of regex.matches(input, new RegexSteps())) {
      const whole = input.slice(found.start, found.end);
      if (groups === undefined) matches.push(whole);
      else matches.push([found.start, ...groups.map((group) => found.text(group))]);
    }
    return {
      isMatch: regex.isMatch(input, new RegexSteps()),
      matches,
      replaced: Object.fromEntries(
        Object.keys(replaced).map((text) => [
          text,
          problemIn(() => regex.replace(input, regex.replacement(text), new RegexSteps())),
        ]),
      ),
    };
  });
}

function expectedOf({ matches = [], replaced = {}, error }: Row): unknown {
  if (error !== undefined) return { error };
  // A group without a capture and one that captured nothing give the same text.
  const texts = matches.map((match) => (typeof match === 'string' ? match : match.map((text) => text ?? '')));
  return { isMatch: matches.length > 0, matches: texts, replaced };
}

// A suite without a row is an error of the test runner, where the shared ones are not there.
const TABLES = [
  ['shared', SHARED],
  ['own', OWN],
] as const;

describe.each(TABLES.filter(([, rows]) => rows.length > 0))(
  'regular expressions do what those of .NET do: %s rows',
  (_, rows) => {
    it.each(rows.map((row) => [row.pattern, row] as const))('%j', (_pattern, row) => {
      expect(resultOf(row, 'own'), 'our matcher').toEqual(expectedOf(row));
      expect(resultOf(row, 'any'), 'JavaScript where it is linear').toEqual(expectedOf(row));
    });
  },
);

describe('the rows', () => {
  it('reach both matchers and every error', () => {
    const expressions = OWN.filter(({ error }) => error === undefined).map(
      ({ pattern }) => Regex.compile(pattern).expression,
    );
    expect(expressions.filter((expression) => expression !== null).length).toBeGreaterThan(80);
    expect(expressions.filter((expression) => expression === null).length).toBeGreaterThan(80);
    expect(new Set(OWN.flatMap(({ error }) => error ?? [])).size).toBeGreaterThan(24);
  });
});
