import {
  findName,
  guessedName,
  guessOf,
  hashByte,
  MAX_NAME,
  nameLength,
  nameOf,
  rememberGuess,
  UNKNOWN_NAME,
  UNRESOLVED_NAME,
} from './keyNames.js';
import { numberFromText, type JsonScalar } from './jsonNumber.js';
import { viewOf } from './lineBuffer.js';
import { TapeReader } from './tapeReader.js';

/** What is at a node. */
export const OBJECT = 1;
export const ARRAY = 2;
export const STRING = 3;
export const NUMBER = 4;
export const TRUE = 5;
export const FALSE = 6;
export const NULL = 7;
const KIND = 7;
/** A string with escapes: its bytes are not its text. */
const IS_ESCAPED = 8;
/** A string with an escape that `JSON.stringify` would write otherwise, or not as one. */
const IS_REWRITTEN = 16;
/** A string that is not ASCII. */
const IS_WIDE = 32;
/** A number with an exponent, or more than 15 characters. */
const IS_LONG = 64;
/** A number with a fraction, or an exponent. */
const IS_FRACTION = 128;
/** A number whose text a double may change. Of strings, the bit is another flag. */
const IS_EXACT = 8;

/** The number of a member's name is in the first part of a node, above its kind and flags. */
const NAME_SHIFT = 8;
/** The parts of a node, from its place on. */
const START = 1;
const END = 2;
const NEXT = 3;
const NODE_SIZE = 4;

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const SLASH = 0x2f;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const UNDERSCORE = 0x5f;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const LOWER_U = 0x75;

/** Four bytes at once. */
const ONES = 0x01010101;
const SPACES = 0x20202020;
const QUOTES = 0x22222222;
const BACKSLASHES = 0x5c5c5c5c;
const HIGH_BITS = 0x80808080 | 0;

/** Bytes that a string holds unescaped. */
const IS_PLAIN = new Uint8Array(256);
for (let byte = 0x20; byte < 0x80; byte++) IS_PLAIN[byte] = byte === QUOTE || byte === BACKSLASH ? 0 : 1;
/** What may follow a backslash, but for `u`. */
const IS_ESCAPE = new Uint8Array(256);
for (const letter of '"\\/bfnrt') IS_ESCAPE[letter.charCodeAt(0)] = 1;
const IS_HEX = new Uint8Array(256);
for (const letter of '0123456789abcdefABCDEF') IS_HEX[letter.charCodeAt(0)] = 1;

const NOTHING = Buffer.alloc(0);

/** One of a thread, made when it is needed. */
let reader: TapeReader | undefined;

/** A value on a tape. */
export interface TapeValue {
  readonly tape: JsonTape;
  readonly node: number;
  /** What the tape must hold: it may have been used for another text since. */
  readonly bytes: Buffer;
}

/** @throws TypeError where the tape has been used for another text since */
export function refuseReleased({ tape, bytes }: TapeValue): void {
  if (tape.bytes !== bytes) throw new TypeError('The page of the resource was released.');
}

/**
 * A JSON text as a list of its values in their order, each with its place in the bytes and where the next one
 * begins that is not in it: what a tree of objects holds, without making any. One tape is used again and again.
 */
export class JsonTape {
  bytes: Buffer = NOTHING;
  /** How often it was used for another text: what was taken from it is as it is now while this is the same. */
  readings = 0;
  private bytesView: DataView | undefined;
  /** Whether a name begins with `_`: beside a primitive value are its id or extensions. */
  hasSiblings = false;
  /** Where the bytes stopped being JSON, after `read` has returned false. */
  refusedAt = 0;
  private nodes: Int32Array<ArrayBuffer>;
  /** The containers around the one that is read. */
  private open: Int32Array<ArrayBuffer> = new Int32Array(256);

  /** @param nodes values for which there is room from the begin */
  constructor(nodes = 1024) {
    this.nodes = new Int32Array(NODE_SIZE * nodes);
  }

  /** Bytes of memory that it takes. */
  get size(): number {
    return this.nodes.byteLength;
  }

  /** Forgets the text. */
  clear(): void {
    this.hold(NOTHING);
  }

  /** The same bytes, to be read by fours. */
  get view(): DataView {
    return (this.bytesView ??= viewOf(this.bytes));
  }

  /** The first node: the outermost value. */
  get root(): number {
    return 0;
  }

  /** One of the kinds, `OBJECT` to `NULL`. */
  kind(node: number): number {
    return (this.nodes[node] as number) & KIND;
  }

  /** The number of a member's name. */
  name(node: number): number {
    return (this.nodes[node] as number) >> NAME_SHIFT;
  }

  /**
   * Copies the numbers of a value and all in it, as they are, and of what follows it.
   * @param end place on the tape up to which
   */
  copyNodes(node: number, end: number, into: Int32Array, at: number): void {
    into.set(this.nodes.subarray(node, end), at);
  }

  /** Whether a value is a string of ASCII without escapes that has one character, and no more than a number. */
  isAsciiText(node: number, most: number): boolean {
    if (((this.nodes[node] as number) & (KIND | IS_ESCAPED | IS_WIDE)) !== STRING) return false;
    const length = this.end(node) - this.start(node) - 2;
    return length > 0 && length <= most;
  }

  /** The text of a string without escapes. */
  textAt(node: number): string {
    return this.bytes.toString('utf8', this.start(node) + 1, this.end(node) - 1);
  }

  /** Where a member's name begins, its quote included, if its number identifies the name. */
  nameStart(node: number): number {
    return this.nameEnd(node) - nameLength(this.name(node)) - 2;
  }

  /** Where a member's name has ended, its quote included. */
  nameEnd(node: number): number {
    const { bytes } = this;
    let at = this.start(node) - 1;
    while (bytes[at] !== QUOTE) at--;
    return at + 1;
  }

  /** Where a value begins, its quote included. */
  start(node: number): number {
    return this.nodes[node + START] as number;
  }

  /** Where a value has ended, its quote included. */
  end(node: number): number {
    return this.nodes[node + END] as number;
  }

  /** The first value inside an object or array; `after(node)` where there is none. */
  first(node: number): number {
    return node + NODE_SIZE;
  }

  /** The value that follows this one and all in it. */
  after(node: number): number {
    return this.nodes[node + NEXT] as number;
  }

  /** The last member of a name: the one that counts, as in `JSON.parse`; -1 for none. */
  lastMember(object: number, name: number): number {
    const { nodes } = this;
    let last = -1;
    const end = nodes[object + NEXT] as number;
    for (let node = object + NODE_SIZE; node < end; node = nodes[node + NEXT] as number)
      if ((nodes[node] as number) >> NAME_SHIFT === name) last = node;
    return last;
  }

  /** The text of the last member of a name, where it is a string. */
  textOf(object: number, name: number): string | undefined {
    const node = this.lastMember(object, name);
    return node >= 0 && this.kind(node) === STRING ? (this.primitive(node) as string) : undefined;
  }

  /** Whether a value is the string of an ASCII text, written without escapes. */
  isText(node: number, text: string): boolean {
    const { bytes } = this;
    const start = this.start(node) + 1;
    if (this.kind(node) !== STRING || this.end(node) - start - 1 !== text.length) return false;
    for (let at = 0; at < text.length; at++) if (bytes[start + at] !== text.charCodeAt(at)) return false;
    return true;
  }

  /** Whether there is nothing inside an object or array. */
  isEmpty(node: number): boolean {
    return this.after(node) === node + NODE_SIZE;
  }

  /** The member of an object by the number of its name; -1 for none. */
  member(object: number, name: number): number {
    const { nodes } = this;
    const end = nodes[object + NEXT] as number;
    for (let node = object + NODE_SIZE; node < end; node = nodes[node + NEXT] as number)
      if ((nodes[node] as number) >> NAME_SHIFT === name) return node;
    return -1;
  }

  isEmptyString(node: number): boolean {
    return this.end(node) - this.start(node) === 2;
  }

  /** Whether a string is written as `JSON.stringify` would. */
  isString(node: number): boolean {
    return ((this.nodes[node] as number) & (KIND | IS_REWRITTEN)) === STRING;
  }

  /** Whether a value is a string whose bytes are its text. */
  isVerbatim(node: number): boolean {
    return ((this.nodes[node] as number) & (KIND | IS_ESCAPED)) === STRING;
  }

  /** Whether a number is one that any decimal element can have, and without a fraction any integer element. */
  isShortNumber(node: number, isInteger: boolean): boolean {
    const flags = this.nodes[node] as number;
    if ((flags & (KIND | IS_LONG)) !== NUMBER) return false;
    return !isInteger || ((flags & IS_FRACTION) === 0 && this.end(node) - this.start(node) < 10);
  }

  /** The JSON of a value as text. */
  json(node: number): string {
    return this.bytes.toString('utf8', this.start(node), this.end(node));
  }

  /** The name of a member, whatever its number says of it. */
  nameText(node: number): string {
    const number = this.name(node);
    if (number !== UNKNOWN_NAME && number !== UNRESOLVED_NAME) return nameOf(number);
    const { bytes } = this;
    const end = this.nameEnd(node);
    let start = end - 2;
    while (!isOpeningQuote(bytes, start)) start--;
    return JSON.parse(bytes.toString('utf8', start, end)) as string;
  }

  /** Whether a value is, or holds, a number that may have to keep its digits. */
  hasExactNumbers(node: number): boolean {
    const { nodes } = this;
    const end = this.after(node);
    for (let at = node; at < end; at += NODE_SIZE)
      if (((nodes[at] as number) & (KIND | IS_EXACT)) === (NUMBER | IS_EXACT)) return true;
    return false;
  }

  /** The strings that members of a name have, anywhere within a value. @param name its number */
  *textsOf(value: number, name: number): Generator<string> {
    const { nodes } = this;
    const end = this.after(value);
    for (let at = value; at < end; at += NODE_SIZE) {
      if (((nodes[at] as number) & KIND) !== STRING) continue;
      const own = (nodes[at] as number) >> NAME_SHIFT;
      if (own === name || (own === UNRESOLVED_NAME && this.nameText(at) === nameOf(name)))
        yield this.primitive(at) as string;
    }
  }

  /** The value at a node that is no object or array. */
  scalar(node: number): JsonScalar | null {
    return this.kind(node) === NULL ? null : this.primitive(node);
  }

  /** The value at a node that is no object, array or null. */
  primitive(node: number): JsonScalar {
    const flags = this.nodes[node] as number;
    switch (flags & KIND) {
      case STRING: {
        if ((flags & IS_ESCAPED) !== 0) return JSON.parse(this.json(node)) as string;
        const start = this.start(node) + 1;
        const end = this.end(node) - 1;
        return (flags & IS_WIDE) === 0
          ? this.bytes.toString('latin1', start, end)
          : this.bytes.toString('utf8', start, end);
      }
      case NUMBER:
        return numberFromText(this.bytes.toString('latin1', this.start(node), this.end(node)));
      default:
        return (flags & KIND) === TRUE;
    }
  }

  /**
   * Reads the JSON text that is the bytes from `start` on, whatever it held before. Skips a byte order mark.
   * @returns false where it is no JSON (RFC 8259), at `refusedAt`; it holds nothing of use then
   */
  read(bytes: Buffer, start = 0): boolean {
    reader ??= new TapeReader();
    const length = reader.read(bytes, start);
    if (length === 0) return this.readHere(bytes, start);
    this.take(reader, bytes, length);
    return true;
  }

  /**
   * Reads lines of JSON at once. The root is an array of their values; that each of them is all of its line, the caller has
   * to see to.
   * @returns false where it was not done, be they JSON or not; it holds nothing of use then
   */
  readLines(bytes: Buffer): boolean {
    reader ??= new TapeReader();
    const length = reader.readLines(bytes);
    if (length > 0) this.take(reader, bytes, length);
    return length > 0;
  }

  private take(from: TapeReader, bytes: Buffer, length: number): void {
    this.hold(bytes);
    this.hasSiblings = from.hasSiblings;
    if (length > this.nodes.length) this.nodes = new Int32Array(length + (length >> 2));
    this.nodes.set(from.numbers(length));
  }

  private hold(bytes: Buffer): void {
    this.bytes = bytes;
    this.bytesView = undefined;
    this.readings++;
  }

  /** The same, without WebAssembly: what is right. */
  readHere(bytes: Buffer, start = 0): boolean {
    this.hold(bytes);
    this.hasSiblings = false;
    const end = bytes.length;
    const view = viewOf(bytes);
    this.bytesView = view;
    const lastWord = end - 4;
    const lastName = end - MAX_NAME - 1;
    let before = UNKNOWN_NAME;
    let { nodes, open } = this;
    let length = 0;
    let depth = 0;
    let container = -1;
    let isInObject = false;
    let name = UNKNOWN_NAME;
    let at = hasByteOrderMark(bytes, start) ? start + 3 : start;
    for (;;) {
      // A value.
      let byte = bytes[at] as number;
      while (byte <= 0x20) {
        if (!isSpace(byte)) return this.refuse(at);
        byte = bytes[++at] as number;
      }
      if (length + NODE_SIZE > nodes.length) nodes = this.grow();
      const node = length;
      length += NODE_SIZE;
      const named = name << NAME_SHIFT;
      nodes[node + START] = at;
      if (byte === QUOTE) {
        at++;
        while (at < lastWord) {
          const word = view.getInt32(at, true);
          // A byte's high bit is set in these where it is a quote, a backslash, a control character (or, harmlessly,
          // where it follows one), or not ASCII.
          const quote = word ^ QUOTES;
          const backslash = word ^ BACKSLASHES;
          const found =
            ((quote - ONES) & ~quote) | ((backslash - ONES) & ~backslash) | (word - SPACES) | word;
          if ((found & HIGH_BITS) !== 0) break;
          at += 4;
        }
        while (IS_PLAIN[(byte = bytes[at] as number)] === 1) at++;
        if (byte === QUOTE) nodes[node] = named | STRING;
        else {
          const flags = this.string(bytes, at);
          if (flags === 0) return this.refuse(at);
          at = this.scalarEnd;
          nodes[node] = named | flags;
        }
        at++;
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (++depth === open.length) open = this.deepen();
        open[depth] = container;
        container = node;
        isInObject = byte === OPEN_BRACE;
        nodes[node] = named | (isInObject ? OBJECT : ARRAY);
        at++;
        while ((byte = bytes[at] as number) <= 0x20) {
          if (!isSpace(byte)) return this.refuse(at);
          at++;
        }
        if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
          if ((byte === CLOSE_BRACE) !== isInObject) return this.refuse(at);
        } else if (!isInObject) {
          name = UNKNOWN_NAME;
          continue;
        }
      } else {
        const flags = this.numberOrWord(bytes, at);
        if (flags === 0) return this.refuse(at);
        nodes[node] = named | flags;
        at = this.scalarEnd;
      }
      let isFirst = container === node;
      if (!isFirst) {
        nodes[node + END] = at;
        nodes[node + NEXT] = length;
      }
      // What follows a value, or the begin of an object: the next name, the next value, or ends.
      for (;;) {
        if (container < 0) {
          while (at < end && isSpace(bytes[at] as number)) at++;
          return at === end || this.refuse(at);
        }
        while ((byte = bytes[at] as number) <= 0x20) {
          if (!isSpace(byte)) return this.refuse(at);
          at++;
        }
        if (byte === (isInObject ? CLOSE_BRACE : CLOSE_BRACKET)) {
          at++;
          nodes[container + END] = at;
          nodes[container + NEXT] = length;
          container = open[depth--] as number;
          isInObject = container >= 0 && ((nodes[container] as number) & KIND) === OBJECT;
          isFirst = false;
          continue;
        }
        if (isFirst) isFirst = false;
        else {
          if (byte !== COMMA) return this.refuse(at);
          byte = bytes[++at] as number;
        }
        if (!isInObject) {
          name = UNKNOWN_NAME;
          break;
        }
        while (byte <= 0x20) {
          if (!isSpace(byte)) return this.refuse(at);
          byte = bytes[++at] as number;
        }
        if (byte !== QUOTE) return this.refuse(at);
        const nameStart = ++at;
        const guess = at < lastName ? guessOf(view.getInt32(at, true), before) : -1;
        name = guess < 0 ? UNKNOWN_NAME : guessedName(view, at, guess);
        if (name !== UNKNOWN_NAME) at += nameLength(name);
        else {
          let hash = 0;
          while (IS_PLAIN[(byte = bytes[at] as number)] === 1) {
            hash = hashByte(hash, byte);
            at++;
          }
          if (byte === QUOTE) {
            name = findName(bytes, nameStart, at, hash);
            if (guess >= 0) rememberGuess(guess, name);
          } else {
            const flags = this.string(bytes, at);
            if (flags === 0) return this.refuse(at);
            at = this.scalarEnd;
            name = (flags & IS_ESCAPED) === 0 ? UNKNOWN_NAME : UNRESOLVED_NAME;
          }
        }
        before = name;
        if (bytes[nameStart] === UNDERSCORE) this.hasSiblings = true;
        at++;
        while ((byte = bytes[at] as number) <= 0x20) {
          if (!isSpace(byte)) return this.refuse(at);
          at++;
        }
        if (byte !== COLON) return this.refuse(at);
        at++;
        break;
      }
    }
  }

  private refuse(at: number): false {
    this.refusedAt = at;
    return false;
  }

  private scalarEnd = 0;

  /** The kind and flags of a string from a place in it on; its closing quote is then at `scalarEnd`. 0 for none. */
  private string(bytes: Buffer, from: number): number {
    let flags = STRING;
    let at = from;
    for (;;) {
      let byte = bytes[at] as number;
      if (IS_PLAIN[byte] === 1) at++;
      else if (byte === QUOTE) break;
      else if (byte >= 0x80) {
        flags |= IS_WIDE;
        at++;
      } else if (byte === BACKSLASH) {
        byte = bytes[at + 1] as number;
        flags |= IS_ESCAPED;
        if (byte === SLASH || byte === LOWER_U) flags |= IS_REWRITTEN;
        if (byte === LOWER_U) {
          for (let digit = at + 2; digit < at + 6; digit++)
            if (IS_HEX[bytes[digit] as number] !== 1) return 0;
          at += 6;
        } else if (IS_ESCAPE[byte] === 1) at += 2;
        else return 0;
      } else return 0;
    }
    this.scalarEnd = at;
    return flags;
  }

  /** The kind and flags of a number or word, whose end is then in `scalarEnd`; 0 for neither. */
  private numberOrWord(bytes: Buffer, start: number): number {
    const byte = bytes[start] as number;
    if (byte === MINUS || isDigit(byte)) return this.number(bytes, start);
    if (byte === 0x74) return this.word(bytes, start, 'true', TRUE);
    if (byte === 0x66) return this.word(bytes, start, 'false', FALSE);
    return byte === 0x6e ? this.word(bytes, start, 'null', NULL) : 0;
  }

  private word(bytes: Buffer, start: number, word: string, kind: number): number {
    for (let at = 0; at < word.length; at++) if (bytes[start + at] !== word.charCodeAt(at)) return 0;
    this.scalarEnd = start + word.length;
    return kind;
  }

  private number(bytes: Buffer, start: number): number {
    let flags = NUMBER;
    let at = start;
    if (bytes[at] === MINUS) at++;
    if (bytes[at] === ZERO) at++;
    else if (isDigit(bytes[at] as number)) at = endOfDigits(bytes, at);
    else return 0;
    if (bytes[at] === DOT) {
      flags |= IS_FRACTION;
      if (!isDigit(bytes[at + 1] as number)) return 0;
      at = endOfDigits(bytes, at + 1);
    }
    if (((bytes[at] as number) | 0x20) === 0x65) {
      flags |= IS_LONG | IS_FRACTION;
      at++;
      if (bytes[at] === MINUS || bytes[at] === 0x2b) at++;
      if (!isDigit(bytes[at] as number)) return 0;
      at = endOfDigits(bytes, at);
    }
    this.scalarEnd = at;
    if (at - start > 15) flags |= IS_LONG;
    const mayChange =
      (flags & IS_LONG) !== 0 ||
      ((flags & IS_FRACTION) !== 0 && (bytes[at - 1] === ZERO || isTiny(bytes, start))) ||
      (bytes[start] === MINUS && bytes[start + 1] === ZERO);
    return mayChange ? flags | IS_EXACT : flags;
  }

  private deepen(): Int32Array<ArrayBuffer> {
    const larger = new Int32Array(2 * this.open.length);
    larger.set(this.open);
    this.open = larger;
    return larger;
  }

  private grow(): Int32Array<ArrayBuffer> {
    const larger = new Int32Array(2 * this.nodes.length);
    larger.set(this.nodes);
    this.nodes = larger;
    return larger;
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

function hasByteOrderMark(bytes: Buffer, start: number): boolean {
  return bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf;
}

/** Whether a number is less than a thousandth; from a millionth on, a double's text has an exponent. */
function isTiny(bytes: Buffer, start: number): boolean {
  const at = bytes[start] === MINUS ? start + 1 : start;
  return bytes[at] === ZERO && bytes[at + 2] === ZERO && bytes[at + 3] === ZERO && bytes[at + 4] === ZERO;
}

/** Whether a quote is not one that a backslash escapes. */
function isOpeningQuote(bytes: Buffer, at: number): boolean {
  let backslashes = 0;
  while (bytes[at - 1 - backslashes] === BACKSLASH) backslashes++;
  return bytes[at] === QUOTE && backslashes % 2 === 0;
}

function endOfDigits(bytes: Buffer, start: number): number {
  let at = start;
  while (isDigit(bytes[at] as number)) at++;
  return at;
}
