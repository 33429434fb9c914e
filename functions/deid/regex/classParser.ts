import { CharSet } from './charSet.js';
import type { PatternCursor } from './cursor.js';
import { digitSet, ignoringCase, propertySet, spaceSet, wordSet } from './unicode.js';

const MAX_NESTING = 200;
const HYPHEN = 0x2d;

/** The set of `\d \D \s \S \w \W`; null for any other letter. */
export function shorthandSet(letter: string): CharSet | null {
  switch (letter) {
    case 'd':
      return digitSet();
    case 's':
      return spaceSet();
    case 'w':
      return wordSet();
    case 'D':
    case 'S':
    case 'W':
      return shorthandSet(letter.toLowerCase())?.complement() ?? null;
    default:
      return null;
  }
}

/** The set of `\p{…}` or `\P{…}`, the cursor being after the letter. @throws RegexSyntaxError */
export function propertyEscape(cursor: PatternCursor, letter: string): CharSet {
  const set = propertySet(cursor.property(), cursor.options.i);
  if (set === null) throw cursor.fail('UnrecognizedUnicodeProperty');
  return letter === 'p' ? set : set.complement();
}

/** Reads a class `[…]` whose bracket was read. @throws RegexSyntaxError */
export function readClass(cursor: PatternCursor, nesting = 0): CharSet {
  if (nesting > MAX_NESTING) throw cursor.fail('NestingTooDeep');
  const isNegated = cursor.take('^');
  const content = new ClassReader(cursor, nesting);
  content.read();
  const ranges = CharSet.ofRanges(content.ranges);
  const cased = cursor.options.i ? ignoringCase(ranges) : ranges;
  const whole = content.classes.reduce((union, set) => union.union(set), cased);
  const set = isNegated ? whole.complement() : whole;
  return content.subtracted === null ? set : set.minus(content.subtracted);
}

/** The content of a class: single characters and ranges, whole classes, what is subtracted. */
class ClassReader {
  readonly ranges: number[] = [];
  readonly classes: CharSet[] = [];
  subtracted: CharSet | null = null;
  readonly #cursor: PatternCursor;
  readonly #nesting: number;
  /** The start of a range whose end is still to come. */
  #from: number | null = null;

  constructor(cursor: PatternCursor, nesting: number) {
    this.#cursor = cursor;
    this.#nesting = nesting;
  }

  read(): void {
    const cursor = this.#cursor;
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

  /** Reads an escape that stands for more than a character, or for a hyphen; false for any other. */
  #classEscape(): boolean {
    const cursor = this.#cursor;
    const letter = cursor.peek();
    if (letter === '-') {
      cursor.at++;
      if (this.#from === null) this.ranges.push(HYPHEN, HYPHEN);
      else this.#closeRange(HYPHEN);
      return true;
    }
    const isProperty = letter === 'p' || letter === 'P';
    const shorthand = shorthandSet(letter);
    if (!isProperty && shorthand === null) return false;
    cursor.at++;
    if (this.#from !== null) throw cursor.fail('ShorthandClassInCharacterRange');
    this.classes.push(shorthand ?? propertyEscape(cursor, letter));
    return true;
  }

  #closeRange(to: number): void {
    const from = this.#from as number;
    this.#from = null;
    if (from > to) throw this.#cursor.fail('ReversedCharacterRange');
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
    this.subtracted = readClass(cursor, this.#nesting + 1);
    if (!cursor.isAtEnd && cursor.peek() !== ']') throw cursor.fail('ExclusionGroupNotLast');
  }
}
