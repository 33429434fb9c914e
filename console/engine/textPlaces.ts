import type { Span } from './protocol.js';

/** A name in quotes, and the value after it unless that is an object or a list; or a value in quotes. */
const JSON_PART =
  /(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')(?:\s*:\s*(?:"(?:[^"\\\n]|\\.)*"|[^\s"[\]{},]+))?/y;
/** The rest of a line, without the space at its end. */
const REST_OF_LINE = /[^\n]*?(?=\s*(?:\n|$))/y;

/** Where a line and a column are, both counted from 1. */
export function offsetAt(text: string, line: number, column: number): number {
  let start = 0;
  for (let at = 1; at < line; at++) {
    const end = text.indexOf('\n', start);
    if (end < 0) break;
    start = end + 1;
  }
  return Math.min(start + column - 1, text.length);
}

/** What to mark for a place in the text of a configuration: a name with its value, or the rest of the line. */
export function spanAt(text: string, from: number): Span {
  for (const pattern of [JSON_PART, REST_OF_LINE]) {
    pattern.lastIndex = from;
    if (pattern.test(text) && pattern.lastIndex > from) return { from, to: pattern.lastIndex };
  }
  // At an end there is nothing to mark but what is before.
  return { from: Math.max(0, Math.min(from, text.length) - 1), to: Math.min(from + 1, text.length) };
}
