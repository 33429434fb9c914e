import fc from 'fast-check';

/** Patterns of every construct, most of them valid, and texts that they may match. */

const ATOMS = [
  ...['a', 'b', 'c', '1', '-', 'é', '_', ' ', '.', '\\w', '\\d', '\\s', '\\W', '\\p{L}', '\\n', '\\.'],
  ...['[ab]', '[^a]', '[a-c-[b]]', '[\\w-]', '[0-9]', '^', '$', '\\b', '\\A', '\\z', '\\Z', '(?m)^', '(?m)$'],
];
const QUANTIFIERS = ['*', '+', '?', '{2}', '{1,3}', '{2,}', '*?', '+?', '??', '{0,2}?'];
const GROUPS = ['(', '(?:', '(?<n>', '(?=', '(?!', '(?<=', '(?<!', '(?>', '(?i:', '(?(?=a)'];

const item = fc.letrec<{ item: string; sequence: string; alternatives: string }>((tie) => ({
  item: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(...ATOMS),
    fc.tuple(fc.constantFrom(...GROUPS), tie('alternatives')).map(([open, body]) => `${open}${body})`),
    fc
      .tuple(tie('item'), fc.constantFrom(...QUANTIFIERS))
      .map(([body, quantifier]) => `${body}${quantifier}`),
    fc.constantFrom('(a)\\1', '(?<n>b|c)\\k<n>', '(a)?(?(1)b|c)'),
  ),
  sequence: fc.array(tie('item'), { maxLength: 4 }).map((items) => items.join('')),
  alternatives: fc.array(tie('sequence'), { minLength: 1, maxLength: 3 }).map((options) => options.join('|')),
}));

export const PATTERNS: fc.Arbitrary<string> = item.alternatives;

export const TEXTS: fc.Arbitrary<string> = fc.string({
  unit: fc.constantFrom('a', 'b', 'c', '1', '-', 'é', '_', ' ', '\n', 'A', 'ß', '\u{1f600}'),
  maxLength: 30,
});

const pieces = fc
  .tuple(fc.constantFrom(...ATOMS.slice(0, 21)), fc.constantFrom('', '', '', ...QUANTIFIERS))
  .map((piece) => piece.join(''));
const short = fc.array(pieces, { maxLength: 3 }).map((items) => items.join(''));
const grouped = fc
  .tuple(
    fc.constantFrom('(', '(?:', '(?=', '(?!'),
    fc.array(short, { minLength: 1, maxLength: 2 }),
    fc.constantFrom('', '?', '{0,3}', '*'),
  )
  .map(([open, options, quantifier]) => `${open}${options.join('|')})${quantifier}`);

/** Patterns of the constructs that JavaScript has too. */
export const PLAIN_PATTERNS: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom('', '', '^', '\\A'),
    fc.array(fc.oneof(pieces, pieces, pieces, grouped), { maxLength: 5 }),
    fc.constantFrom('', '', '$', '\\z'),
  )
  .map(([start, items, end]) => start + items.join('') + end);
