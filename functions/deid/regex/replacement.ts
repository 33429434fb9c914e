import { PatternCursor } from './cursor.js';
import type { Groups } from './syntax.js';

/** A part of a replacement: a text, what a group captured, or a part of the text that is searched. */
export type ReplacementPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'group'; readonly group: number }
  | { readonly kind: 'before' }
  | { readonly kind: 'after' }
  | { readonly kind: 'whole' };

const SYMBOLS: Readonly<Record<string, ReplacementPart>> = {
  $: { kind: 'text', text: '$' },
  '&': { kind: 'group', group: 0 },
  '`': { kind: 'before' },
  "'": { kind: 'after' },
  _: { kind: 'whole' },
};

/**
 * Reads the substitutions of .NET: `$1 ${1} ${name} $& $$ $_ $+`, `` $` `` and `$'`. A `$` that begins none, or names a
 * group that the pattern does not have, is a text. @throws RegexSyntaxError for a number above 2147483647
 */
export function parseReplacement(replacement: string, groups: Groups): readonly ReplacementPart[] {
  const cursor = new PatternCursor(replacement);
  const parts: ReplacementPart[] = [];
  let text = '';
  while (!cursor.isAtEnd) {
    const character = cursor.next();
    const from = cursor.at;
    const part = character === '$' ? substitution(cursor, groups) : null;
    if (part === null) {
      cursor.at = from;
      text += character;
    } else if (part.kind === 'text') {
      text += part.text;
    } else {
      if (text !== '') parts.push({ kind: 'text', text });
      text = '';
      parts.push(part);
    }
  }
  if (text !== '') parts.push({ kind: 'text', text });
  return parts;
}

/** What comes after a `$`; null where it means nothing. */
function substitution(cursor: PatternCursor, { numbers, names }: Groups): ReplacementPart | null {
  const isBraced = cursor.peek() === '{' && cursor.peek(1) !== '';
  if (isBraced) cursor.at++;
  if (cursor.isDigitAhead()) {
    const group = cursor.decimal();
    if (isBraced && !cursor.take('}')) return null;
    return numbers.includes(group) ? { kind: 'group', group } : null;
  }
  if (isBraced) {
    const group = names.get(cursor.name());
    return group !== undefined && cursor.take('}') ? { kind: 'group', group } : null;
  }
  const symbol = cursor.next();
  // The group with the greatest number, whether it captured or not.
  if (symbol === '+') return { kind: 'group', group: numbers.at(-1) as number };
  return SYMBOLS[symbol] ?? null;
}
