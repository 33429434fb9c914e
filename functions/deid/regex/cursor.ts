import { RegexSyntaxError, type RegexProblem } from './syntax.js';
import { boundaryWordSet } from './unicode.js';

/** Options of a pattern, by their letters: `(?imnsx)`. */
export type Options = Readonly<Record<'i' | 'm' | 'n' | 's' | 'x', boolean>>;

/** .NET's option None. */
const NO_OPTIONS: Options = { i: false, m: false, n: false, s: false, x: false };
const MAX_INTEGER = 2_147_483_647;
const SIMPLE_ESCAPES: Readonly<Record<string, number>> = {
  a: 0x07,
  b: 0x08,
  e: 0x1b,
  f: 0x0c,
  n: 0x0a,
  r: 0x0d,
  t: 0x09,
  v: 0x0b,
};

/** A place in a pattern, the options that hold there, and the small parts that can be read there. */
export class PatternCursor {
  at = 0;
  options: Options = NO_OPTIONS;

  constructor(readonly text: string) {}

  get isAtEnd(): boolean {
    return this.at >= this.text.length;
  }

  /** The character some places ahead; empty beyond the end. */
  peek(ahead = 0): string {
    return this.text.charAt(this.at + ahead);
  }

  next(): string {
    return this.text.charAt(this.at++);
  }

  take(character: string): boolean {
    if (this.peek() !== character || character === '') return false;
    this.at++;
    return true;
  }

  fail(problem: RegexProblem, position = this.at): RegexSyntaxError {
    return new RegexSyntaxError(problem, Math.min(position, this.text.length));
  }

  isDigitAhead(): boolean {
    return /^[0-9]$/.test(this.peek());
  }

  /** Whether a character that can be in the name of a group is ahead. */
  isNameAhead(): boolean {
    return !this.isAtEnd && boundaryWordSet().has(this.text.charCodeAt(this.at));
  }

  name(): string {
    const from = this.at;
    while (this.isNameAhead()) this.at++;
    return this.text.slice(from, this.at);
  }

  /** A decimal number, 0 where there is none. @throws RegexSyntaxError */
  decimal(): number {
    let value = 0;
    while (this.isDigitAhead()) {
      value = value * 10 + Number(this.next());
      if (value > MAX_INTEGER) throw this.fail('QuantifierOrCaptureGroupOutOfRange');
    }
    return value;
  }

  /** Passes comments, and blanks where option x holds. */
  blank(): void {
    for (;;) {
      if (this.options.x && /^[\t\n\f\r ]/.test(this.peek())) this.at++;
      else if (this.options.x && this.peek() === '#') {
        const end = this.text.indexOf('\n', this.at);
        this.at = end < 0 ? this.text.length : end;
      } else if (this.text.startsWith('(?#', this.at)) {
        const end = this.text.indexOf(')', this.at);
        if (end < 0) throw this.fail('UnterminatedComment', this.text.length);
        this.at = end + 1;
      } else return;
    }
  }

  /** Letters of options, as in `(?im-s`, which hold from here. */
  inlineOptions(): void {
    for (let on = true; !this.isAtEnd; this.at++) {
      const letter = this.peek();
      if (letter === '-') on = false;
      else if (letter === '+') on = true;
      else if (/^[imnsx]$/i.test(letter)) this.options = { ...this.options, [letter.toLowerCase()]: on };
      else return;
    }
  }

  /** Whether a quantifier is ahead: `{` is one only as `{n}`, `{n,}` or `{n,m}`. */
  isQuantifierAhead(): boolean {
    const character = this.peek();
    if (character === '*' || character === '+' || character === '?') return true;
    if (character !== '{') return false;
    const bounds = /\{[0-9]+(?:,[0-9]*)?\}/y;
    bounds.lastIndex = this.at;
    return bounds.test(this.text);
  }

  /** The code unit of an escape, after its backslash. @throws RegexSyntaxError */
  charEscape(): number {
    if (this.isAtEnd) throw this.fail('UnescapedEndingBackslash');
    if (/^[0-7]$/.test(this.peek())) return this.#octal();
    const isName = this.isNameAhead();
    const letter = this.next();
    if (letter === 'x') return this.#hexadecimal(2);
    if (letter === 'u') return this.#hexadecimal(4);
    if (letter === 'c') return this.#control();
    const simple = SIMPLE_ESCAPES[letter];
    if (simple !== undefined) return simple;
    if (isName) throw this.fail('UnrecognizedEscape');
    return letter.charCodeAt(0);
  }

  #octal(): number {
    const digits = (/^[0-7]{1,3}/.exec(this.text.slice(this.at, this.at + 3)) ?? ['0'])[0];
    this.at += digits.length;
    return parseInt(digits, 8) & 0xff;
  }

  #hexadecimal(length: number): number {
    const digits = this.text.slice(this.at, this.at + length);
    if (digits.length < length || !/^[0-9a-fA-F]+$/.test(digits))
      throw this.fail('InsufficientOrInvalidHexDigits');
    this.at += length;
    return parseInt(digits, 16);
  }

  #control(): number {
    if (this.isAtEnd) throw this.fail('MissingControlCharacter');
    const code = this.next().toUpperCase().charCodeAt(0) - 0x40;
    if (code < 0 || code >= 0x20) throw this.fail('UnrecognizedControlCharacter');
    return code;
  }

  /** The name in `\p{name}`, after the p. @throws RegexSyntaxError */
  property(): string {
    if (this.at + 2 >= this.text.length) throw this.fail('InvalidUnicodePropertyEscape');
    if (!this.take('{')) throw this.fail('MalformedUnicodePropertyEscape');
    const from = this.at;
    while (this.isNameAhead() || this.peek() === '-') this.at++;
    const name = this.text.slice(from, this.at);
    if (!this.take('}')) throw this.fail('InvalidUnicodePropertyEscape');
    return name;
  }
}
