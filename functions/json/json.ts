/** A JSON value as `parseJson` gives it. A number whose text a double would change is a `JsonNumber`. */
export type JsonValue = null | boolean | number | string | JsonNumber | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue | undefined;
}
/** A value that is no object, array or null. */
export type JsonScalar = string | number | boolean | JsonNumber;

/**
 * Stands before a number's digits in a string while `JSON.parse` and `JSON.stringify` do their work. U+007F (delete) is
 * in no text of FHIR and, unlike characters beyond U+00FF, leaves a string at one byte a character; a text that holds
 * it all the same takes the slower way.
 */
const MARK = '\x7f#';
const MARK_CODE = 0x7f;
let written = 0;

/** A number that keeps its digits: `1.50`, `1.20e3`, decimals longer than a double holds. */
export class JsonNumber {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  /** Only `stringifyJson` may write one of these: it puts the digits in the mark's place. */
  toJSON(): string {
    written++;
    return MARK + this.text;
  }
}

/** A text that is no JSON, or nested too deeply. The message holds a position and no text. */
export class JsonError extends Error {
  readonly position: number;
  constructor(reason: string, position: number) {
    super(`${reason} at character ${position}`);
    this.name = 'JsonError';
    this.position = position;
  }
}

/** Nesting that no FHIR resource has; deeper JSON is refused instead of exhausting the stack. */
const MAX_JSON_DEPTH = 500;

/**
 * A number whose text may not survive a double, with what stands before it: an exponent, a fraction that ends in 0, a
 * negative zero, more than 15 digits, or less than a millionth. May also match inside a string.
 */
const RISKY_NUMBER =
  /([:,[]\s*)(-?[0-9](?:[0-9.]{15,}|(?<=0)\.000000[0-9]*|[0-9]*(?:\.[0-9]*0|(?:\.[0-9]+)?[eE][+-]?[0-9]+))|-0)(?=\s*[,}\]])/g;

/**
 * Parses JSON and keeps the digits of numbers. A text without risky numbers goes through `JSON.parse`.
 * Of a duplicate key the last value wins; `__proto__` is a key like any other; a leading byte order mark is
 * skipped.
 * @throws JsonError for a text that is not JSON (RFC 8259), or is nested deeper than `MAX_JSON_DEPTH` and has
 * risky numbers
 */
export function parseJson(text: string): JsonValue {
  const body = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  try {
    const marks = body.replace(RISKY_NUMBER, marked);
    if (marks !== body) {
      if (!hasMark(body)) return unmarked(parsed(marks), 0);
    } else if (body.startsWith('{') || !/^\s*-?[0-9]/.test(body)) return parsed(body);
  } catch (error) {
    if (error instanceof JsonError) throw error;
    // Read again for an error that holds a position and none of the text; V8's message quotes it.
  }
  return new JsonReader(body).read();
}

/**
 * Puts a risky number into a marked string. What only looks like a number, inside a string, gets a quote before U+007F,
 * which ends the string where no JSON can go on: then `JSON.parse` fails, and the reader decides.
 */
function marked(token: string, before: string, number: string): string {
  return String(Number(number)) === number ? token : `${before}"${MARK}${number}"`;
}

/** Whether a text holds what marks start with. */
function hasMark(text: string): boolean {
  return text.includes('\x7f') || (text.includes('\\u') && /\\u007f/i.test(text));
}

function parsed(text: string): JsonValue {
  // What JSON.parse gives is a JsonValue by definition.
  const value: unknown = JSON.parse(text);
  return value as JsonValue; // oxlint-disable-line typescript/no-unsafe-type-assertion
}

function unmarked(value: JsonValue, depth: number): JsonValue {
  if (value === null || typeof value !== 'object' || value instanceof JsonNumber) return value;
  if (depth > MAX_JSON_DEPTH) throw new JsonError('JSON nested too deeply', 0);
  if (Array.isArray(value)) {
    value.forEach((item, place) => {
      if (typeof item === 'object') unmarked(item, depth + 1);
      else if (typeof item === 'string' && item.charCodeAt(0) === MARK_CODE)
        value[place] = new JsonNumber(item.slice(MARK.length));
    });
    return value;
  }
  for (const key in value) {
    const member = value[key] ?? null;
    if (typeof member === 'string') {
      if (member.charCodeAt(0) === MARK_CODE) value[key] = new JsonNumber(member.slice(MARK.length));
    } else if (typeof member === 'object') unmarked(member, depth + 1);
  }
  return value;
}

/** Writes a value of `parseJson` on one line, every number with the text it came with. */
export function stringifyJson(value: JsonValue): string {
  written = 0;
  const text = JSON.stringify(value);
  if (written === 0) return text;
  let replaced = 0;
  const result = text.replace(/"\x7f#([^"]*)"/g, (_, digits: string) => {
    replaced++;
    return digits;
  });
  // More marks than numbers: a string of the data looks like one.
  return replaced === written ? result : writeValue(value);
}

const NEEDS_ESCAPE = /["\\\p{Cc}\p{Cs}]/u;

function writeString(text: string): string {
  return NEEDS_ESCAPE.test(text) ? JSON.stringify(text) : `"${text}"`;
}

function writeValue(value: JsonValue): string {
  if (typeof value === 'string') return writeString(value);
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (value instanceof JsonNumber) return value.text;
  if (Array.isArray(value)) {
    let items = '';
    for (const item of value) items += (items === '' ? '' : ',') + writeValue(item);
    return `[${items}]`;
  }
  let members = '';
  for (const key in value) {
    const member = value[key];
    if (member === undefined) continue;
    members += `${members === '' ? '' : ','}${writeString(key)}:${writeValue(member)}`;
  }
  return `{${members}}`;
}

/** Whether a JSON value is an object: no array, no number with its digits. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber)
  );
}

/** Whether a JSON value is an object without members: nothing, to FHIR. */
export function isEmptyObject(value: JsonValue): boolean {
  if (!isJsonObject(value)) return false;
  for (const _key in value) return false;
  return true;
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

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
/** A backslash, or a control character, which JSON does not allow in strings. */
const NOT_PLAIN = /[\\\p{Cc}]/u;
const SPACE = /[ \t\n\r]*/y;

class JsonReader {
  private at = 0;
  private readonly text: string;
  constructor(text: string) {
    this.text = text;
  }

  read(): JsonValue {
    const value = this.value(0);
    this.space();
    if (this.at < this.text.length) throw new JsonError('Text after the end of the JSON value', this.at);
    return value;
  }

  private space(): void {
    const code = this.text.charCodeAt(this.at);
    if (code > 32) return;
    SPACE.lastIndex = this.at;
    SPACE.test(this.text);
    this.at = SPACE.lastIndex;
  }

  private value(depth: number): JsonValue {
    if (depth > MAX_JSON_DEPTH) throw new JsonError('JSON nested too deeply', this.at);
    this.space();
    switch (this.text.charCodeAt(this.at)) {
      case 0x22:
        return this.string();
      case 0x7b:
        return this.object(depth);
      case 0x5b:
        return this.array(depth);
      case 0x74:
        return this.word('true', true);
      case 0x66:
        return this.word('false', false);
      case 0x6e:
        return this.word('null', null);
      default:
        return this.number();
    }
  }

  private word<T extends JsonValue>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.at)) throw new JsonError('Not a JSON value', this.at);
    this.at += word.length;
    return value;
  }

  private number(): number | JsonNumber {
    NUMBER.lastIndex = this.at;
    if (!NUMBER.test(this.text)) throw new JsonError('Not a JSON value', this.at);
    const from = this.at;
    this.at = NUMBER.lastIndex;
    return numberFromText(this.text.slice(from, this.at));
  }

  private string(): string {
    const from = this.at + 1;
    let end = this.text.indexOf('"', from);
    while (end > 0 && this.isEscaped(end, from)) end = this.text.indexOf('"', end + 1);
    if (end < 0) throw new JsonError('A string without an end', this.at);
    this.at = end + 1;
    const content = this.text.slice(from, end);
    if (!NOT_PLAIN.test(content)) return content;
    try {
      return JSON.parse(this.text.slice(from - 1, end + 1)) as string;
    } catch {
      throw new JsonError('Not a JSON string', from - 1);
    }
  }

  private isEscaped(at: number, from: number): boolean {
    let backslashes = 0;
    while (at - 1 - backslashes >= from && this.text.charCodeAt(at - 1 - backslashes) === 0x5c) backslashes++;
    return backslashes % 2 === 1;
  }

  private array(depth: number): JsonValue[] {
    const items: JsonValue[] = [];
    this.at++;
    this.space();
    if (this.text.charCodeAt(this.at) === 0x5d) {
      this.at++;
      return items;
    }
    for (;;) {
      items.push(this.value(depth + 1));
      this.space();
      const code = this.text.charCodeAt(this.at++);
      if (code === 0x5d) return items;
      if (code !== 0x2c) throw new JsonError('Expected , or ] in an array', this.at - 1);
    }
  }

  private object(depth: number): JsonObject {
    const members: JsonObject = {};
    this.at++;
    this.space();
    if (this.text.charCodeAt(this.at) === 0x7d) {
      this.at++;
      return members;
    }
    for (;;) {
      this.space();
      if (this.text.charCodeAt(this.at) !== 0x22) throw new JsonError('Expected a property name', this.at);
      const key = this.string();
      this.space();
      if (this.text.charCodeAt(this.at++) !== 0x3a)
        throw new JsonError('Expected : after a name', this.at - 1);
      const value = this.value(depth + 1);
      if (key === '__proto__') {
        Object.defineProperty(members, key, { value, writable: true, enumerable: true, configurable: true });
      } else {
        members[key] = value;
      }
      this.space();
      const code = this.text.charCodeAt(this.at++);
      if (code === 0x7d) return members;
      if (code !== 0x2c) throw new JsonError('Expected , or } in an object', this.at - 1);
    }
  }
}
