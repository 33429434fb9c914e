/**
 * Stands before a number's digits in a string while `JSON.stringify` does its work. U+007F (delete) is in no text of FHIR
 * and, unlike characters beyond U+00FF, leaves a string at one byte a character; a text that holds it all the same is
 * written by other code.
 */
const MARK = '\x7f#';
let written = 0;

/** A JSON value that is no object, array or null. */
export type JsonScalar = string | number | boolean | JsonNumber;

/** A number that keeps its digits: `1.50`, `1.20e3`, decimals longer than a double holds. */
export class JsonNumber {
  constructor(readonly text: string) {}
  /** Only `stringifyJson` may write one of these: it puts the digits in the place of the mark. */
  toJSON(): string {
    written++;
    return MARK + this.text;
  }
}

/** The number of a JSON number's text: plain where a double gives the same text back, else a `JsonNumber`. */
export function numberFromText(text: string): number | JsonNumber {
  const value = Number(text);
  return String(value) === text ? value : new JsonNumber(text);
}

/** The text of a JSON number, as it came. */
export function numberText(value: number | JsonNumber): string {
  return typeof value === 'number' ? String(value) : value.text;
}

/** Numbers that were written since the last call. */
export function takeWritten(): number {
  const taken = written;
  written = 0;
  return taken;
}
