import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Regex } from '../../../functions/deid/regex/regex.js';
import { RegexLimitError, RegexSteps } from '../../../functions/deid/regex/steps.js';
import { RegexSyntaxError } from '../../../functions/deid/regex/syntax.js';
import { PATTERNS, PLAIN_PATTERNS, TEXTS } from './patterns.js';
import { randomly } from '../../random.js';

/** A pattern for a matcher; null where it is malformed. */
function compile(pattern: string, engine: 'any' | 'own'): Regex | null {
  try {
    return Regex.compile(pattern, engine);
  } catch (error) {
    if (error instanceof RegexSyntaxError) return null;
    throw error;
  }
}

function matchesOf(regex: Regex, text: string): unknown[] {
  const matches = [];
  for (const found of regex.matches(text, new RegexSteps()))
    matches.push([found.start, found.end, found.text(0), found.text(1), found.text(2)]);
  return matches;
}

/** Steps that our own matcher takes to find all matches; it searches as plainly as JavaScript does. */
function stepsOf(pattern: string, text: string): number {
  const steps = new RegexSteps();
  steps.left = 1e9;
  // What begins with nothing has none of the shortcuts of a search.
  const regex = Regex.compile(pattern.replace(/^(\(\?m\))?/, '$1(?:)'), 'own');
  steps.left -= text.length * 50;
  for (const _ of regex.matches(text, steps)) void _;
  return 1e9 - steps.left;
}

/** Texts of one or two characters, in which what backtracks finds the most places to go back to. */
const REPEATED = ['a', 'b', 'ab', 'a1', 'a ', '-', 'é', '1', '\n', 'abc', 'a\n'];

describe('a pattern that JavaScript runs', () => {
  it('matches as our own matcher does', () => {
    let translated = 0;
    fc.assert(
      fc.property(fc.oneof(PATTERNS, PLAIN_PATTERNS), TEXTS, (pattern, text) => {
        const regex = compile(pattern, 'any');
        if (regex === null || regex.expression === null) return;
        translated++;
        expect(matchesOf(regex, text)).toEqual(matchesOf(Regex.compile(pattern, 'own'), text));
      }),
      randomly(4000),
    );
    expect(translated).toBeGreaterThan(500);
  });

  it('is linear: no pattern from outside that could backtrack further reaches JavaScript', () => {
    let translated = 0;
    fc.assert(
      fc.property(PLAIN_PATTERNS, fc.constantFrom(...REPEATED), TEXTS, (pattern, repeated, tail) => {
        const regex = compile(pattern, 'any');
        if (regex === null || regex.expression === null) return;
        translated++;
        const short = stepsOf(pattern, repeated.repeat(500) + tail);
        const long = stepsOf(pattern, repeated.repeat(1500) + tail);
        // Three times the text takes three times the steps; with a square in it, up to nine times.
        expect(long).toBeLessThan(3.5 * short + 10_000);
      }),
      randomly(1500),
    );
    expect(translated).toBeGreaterThan(200);
  });

  it.each([
    '(a+)+$', '(a|a)*', '(a|a)*b', '.*.*.*x', '\\w+@', '.*x', 'a*b', '(?:a?){30}a{30}', '(?:a|aa)+$', '^(.*)-(.*)-(.*)$',
    '(?:$|$)(?:$|$)(?:$|$)(?:$|$)(?:$|$)(?:$|$)(?:$|$)(?:$|$)(?:$|$)(?:$|$)x', '(\\w)\\1', '(?>a+)b', '(?=a*)b', '(?<=a*)b',
    '(?:a{0,30}){0,30}b', '(x+x+)+y', '\\d+\\d+\\d+$', '(?:(a)|b)*', '(?<x>a)|(?<x>b)', '\\bx', '\\Gx', '(?<-x>a)|(?<x>b)',
  ])('is not %s', (pattern) => {
    expect(Regex.compile(pattern).expression).toBeNull();
  }); // prettier-ignore

  it.each([
    '(?<year>\\d{4})-(?<month>\\d{2})(-\\d{2})?', '^\\w+$', '\\w', '\\w+', '^[A-Z]{2}\\d{6}$', '(?<first>.).*', '^(.{3}).*$', '(?i)kade',
    '^(\\d{3})\\d{2}(?:-\\d{4})?$', '[^0-9]', '\\s+', 'a{2,4}b', '(?!000)\\d{3}', '\\AKa', 'da\\z', '[a-z-[aeiou]]',
  ])('may be %s', (pattern) => {
    expect(Regex.compile(pattern).expression).not.toBeNull();
  }); // prettier-ignore
});

describe('a hostile pattern ends in a bounded number of steps', () => {
  it.each<[string, string]>([
    ['(a+)+$', 'a'.repeat(5_000) + 'b'],
    ['(a|a)*$', 'a'.repeat(5_000) + 'b'],
    ['(a|aa)+$', 'a'.repeat(5_000) + 'b'],
    ['(?:(?:a*)*)*b', 'a'.repeat(5_000)],
    ['(.*)(.*)(.*)(.*)x', 'a'.repeat(5_000)],
    ['\\w*\\d*\\w*!', 'a1'.repeat(2_500)],
    ['(?:a?){40}a{40}b', 'a'.repeat(5_000)],
    ['(?=(a+)+b)a', 'a'.repeat(5_000)],
    ['(?<=^(a+)+)b', 'c' + 'a'.repeat(5_000) + 'b'],
    ['(?<n>a*)*\\k<n>c', 'a'.repeat(5_000)],
    ['(?>(a+)+)+b', 'a'.repeat(5_000)],
    ['(?:(?<o>a)|(?<-o>a))*(?(o)b)c', 'a'.repeat(5_000)],
    ['(?:a|b)*', 'ab'.repeat(1_000_000)],
    ['(?:(((((((((a*)*)*)*)*)*)*)*)*)*b)', 'a'.repeat(1_000)],
  ])('%s', (pattern, text) => {
    const steps = new RegexSteps();
    const regex = Regex.compile(pattern);
    expect(regex.expression).toBeNull();
    expect(() => [...regex.matches(text, steps)]).toThrow(RegexLimitError);
  });

  it('and leaves nothing behind for the next match', () => {
    expect(() => Regex.compile('(a+)+$').isMatch('a'.repeat(5000) + 'b', new RegexSteps())).toThrow();
    expect(Regex.compile('(a+)+$').isMatch('aaa', new RegexSteps())).toBe(true);
  });

  it('long texts do not fail for their length: .*x and what ends at once', () => {
    const text = 'a'.repeat(200_000);
    expect(Regex.compile('.*x').isMatch(text, new RegexSteps())).toBe(false);
    expect(Regex.compile('(\\w)\\1\\b').isMatch(text, new RegexSteps())).toBe(true);
    expect(Regex.compile('^(?>a+)b').isMatch(text, new RegexSteps())).toBe(false);
  });
});

describe('a malformed or hostile pattern is an error of its syntax and no other', () => {
  const pieces = fc.constantFrom(
    ...[
      '(',
      ')',
      '[',
      ']',
      '{',
      '}',
      '?',
      '*',
      '+',
      '\\',
      '|',
      '^',
      '$',
      '-',
      '<',
      '>',
      "'",
      '#',
      ':',
      '=',
      '!',
    ],
    ...[
      '(?<',
      '(?(',
      '\\p{',
      '\\k<',
      '\\x',
      '\\c',
      '(?#',
      '(?x)',
      '[^',
      '-[',
      '{1,',
      'a',
      'n',
      '1',
      '0',
      ',',
      ' ',
      'é',
    ],
  );

  it('whatever characters it has', () => {
    fc.assert(
      fc.property(fc.string({ unit: pieces, maxLength: 20 }), TEXTS, (pattern, text) => {
        const regex = compile(pattern, 'any');
        if (regex === null) return;
        try {
          regex.replace(text, regex.replacement(pattern), new RegexSteps());
        } catch (error) {
          expect(error instanceof RegexLimitError || error instanceof RegexSyntaxError).toBe(true);
        }
      }),
      randomly(5000),
    );
  });

  it.each(['(', '[a-[', '(?:', '(?=', '(?(a)'])('nested without end: %s', (open) => {
    expect(() => Regex.compile(open.repeat(100_000))).toThrow(RegexSyntaxError);
  });
});
