import { CharSet } from './charSet.js';
import type { PatternCursor } from './cursor.js';
import { ignoringCase, propertySet, shorthandSet } from './unicode.js';

const MAX_NESTING = 200;
const HYPHEN = 0x2d;

/** The set of `\p{…}` or `\P{…}`, the cursor being after the letter. @throws RegexSyntaxError */
export function propertyEscape(cursor: PatternCursor, letter: string): CharSet {
  const set = propertySet(cursor.property(), cursor.options.i);
  if (set === null) throw cursor.fail('UnrecognizedUnicodeProperty');
  return letter === 'p' ? set : set.complement();
}

/** Reads a class `[…]` whose bracket was read. @throws RegexSyntaxError */
export function readClass(cursor: PatternCursor, nesting = 0): CharSet {
  const isNegated = cursor.peek() === '^';
  const content = new ClassReader(cursor, nesting, false);
  content.read();
  const ranges = CharSet.ofRanges(content.ranges);
  const cased = cursor.options.i ? ignoringCase(ranges) : ranges;
  const whole = content.classes.reduce((union, set) => union.union(set), cased);
  const set = isNegated ? whole.complement() : whole;
  return content.subtracted === null ? set : set.minus(content.subtracted);
}

/** Passes a class whose bracket was read, without working out its set. @throws RegexSyntaxError */
export function passClass(cursor: PatternCursor, nesting = 0): void {
  new ClassReader(cursor, nesting, true).read();
}

/** The content of a class: single characters and ranges, whole classes, what is subtracted. */
class ClassReader {
  readonly ranges: number[] = [];
  readonly classes: CharSet[] = [];
  subtracted: CharSet | null = null;
  readonly #cursor: PatternCursor;
  readonly #nesting: number;
  readonly #isPassing: boolean;
  /** The start of a range whose end is still to come. */
  #from: number | null = null;

  /** @param isPassing whether only the end of the class is wanted */
  constructor(cursor: PatternCursor, nesting: number, isPassing: boolean) {
    if (nesting > MAX_NESTING) throw cursor.fail('NestingTooDeep');
    this.#cursor = cursor;
    this.#nesting = nesting;
    this.#isPassing = isPassing;
  }

  read(): void {
    const cursor = this.#cursor;
    cursor.take('^');
    for (let isFirst = true; ; isFirst = false) {
      if (cursor.isAtEnd) throw cursor.fail('UnterminatedBracket');
      if (!isFirst && cursor.take(']')) return;
      const code = cursor.text.charCodeAt(cursor.at++);
      if (code !== 0x5c || cursor.isAtEnd) {
        this.#character(code, !isFirst);
      } else if (!this.#classEscape()) {
        this.#character(cursor.charEscape(), null);
      }
    }
  }

  /** Reads an escape that means more than a character, or for a hyphen; false for any other. */
  #classEscape(): boolean {
    const cursor = this.#cursor;
    const letter = cursor.peek();
    if (letter === '-') {
      cursor.at++;
      if (this.#from === null) this.ranges.push(HYPHEN, HYPHEN);
      else this.#closeRange(HYPHEN);
      return true;
    }
    if (!/^[dDsSwWpP]$/.test(letter)) return false;
    cursor.at++;
    if (this.#from !== null && !this.#isPassing) throw cursor.fail('ShorthandClassInCharacterRange');
    if (!this.#isPassing) this.classes.push(shorthandSet(letter) ?? propertyEscape(cursor, letter));
    else if (letter === 'p' || letter === 'P') cursor.property();
    return true;
  }

  #closeRange(to: number): void {
    const from = this.#from as number;
    this.#from = null;
    if (from > to && !this.#isPassing) throw this.#cursor.fail('ReversedCharacterRange');
    this.ranges.push(from, to);
  }

  /** @param mayClose whether an unescaped character may begin a subtraction; null for an escaped one */
  #character(code: number, mayClose: boolean | null): void {
    const cursor = this.#cursor;
    if (this.#from !== null) {
      if (code !== 0x5b || mayClose !== true) {
        this.#closeRange(code);
        return;
      }
      this.ranges.push(this.#from, this.#from);
      this.#from = null;
      this.#subtract();
    } else if (cursor.peek() === '-' && cursor.peek(1) !== ']' && cursor.peek(1) !== '') {
      this.#from = code;
      cursor.at++;
    } else if (code === HYPHEN && mayClose === true && cursor.peek() === '[') {
      cursor.at++;
      this.#subtract();
    } else {
      this.ranges.push(code, code);
    }
  }

  #subtract(): void {
    const cursor = this.#cursor;
    if (this.#isPassing) passClass(cursor, this.#nesting + 1);
    else this.subtracted = readClass(cursor, this.#nesting + 1);
    if (!cursor.isAtEnd && cursor.peek() !== ']') throw cursor.fail('ExclusionGroupNotLast');
  }
}
