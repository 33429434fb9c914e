import type { JsonObject, JsonValue } from '../../json/json.js';
import { numberFromText } from '../../json/jsonNumber.js';

/** Text that is no JSON even by the reference's lenient rules, with where in it. Quotes none of the text. */
export class ConfigurationJsonError extends Error {
  readonly line: number;
  readonly column: number;
  constructor(reason: string, text: string, position: number) {
    const before = text.slice(0, position).split('\n');
    const line = before.length;
    const column = (before.at(-1) ?? '').length + 1;
    super(`${reason} at line ${line}, column ${column}`);
    this.name = 'ConfigurationJsonError';
    this.line = line;
    this.column = column;
  }
}

const MAX_DEPTH = 64;
const SPACE = /(?:[\s\ufeff]|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![A-Za-z0-9_.])/y;
const STRING = /"(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*'/y;
const WORD = /(?:true|false|null)(?![A-Za-z0-9_])/y;

/**
 * Reads a configuration's JSON as the reference does: comments, single quotes, a comma before a closing bracket
 * and a byte order mark are accepted, a name used twice in an object is not.
 * @throws ConfigurationJsonError
 */
export function parseConfigurationJson(text: string): JsonValue {
  return new Reader(text).read();
}

class Reader {
  #at = 0;
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }

  #error(reason: string, position = this.#at): ConfigurationJsonError {
    return new ConfigurationJsonError(reason, this.#text, position);
  }

  read(): JsonValue {
    this.#space();
    if (this.#at >= this.#text.length) throw this.#error('The configuration is empty');
    const value = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) throw this.#error('Text after the end of the configuration');
    return value;
  }

  #space(): void {
    SPACE.lastIndex = this.#at;
    SPACE.test(this.#text);
    this.#at = SPACE.lastIndex;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.#text)) return undefined;
    const found = this.#text.slice(this.#at, pattern.lastIndex);
    this.#at = pattern.lastIndex;
    return found;
  }

  #value(depth: number): JsonValue {
    if (depth > MAX_DEPTH) throw this.#error('JSON nested too deeply');
    this.#space();
    const character = this.#text.charAt(this.#at);
    if (character === '{') return this.#object(depth);
    if (character === '[') return this.#array(depth);
    if (character === '"' || character === "'") return this.#string();
    const number = this.#match(NUMBER);
    if (number !== undefined) return numberFromText(number);
    const word = this.#match(WORD);
    if (word === undefined) throw this.#error('Expected a JSON value');
    return word === 'null' ? null : word === 'true';
  }

  #string(): string {
    const start = this.#at;
    const quoted = this.#match(STRING);
    if (quoted === undefined) throw this.#error('A string without an end');
    const inner = quoted.slice(1, -1).replace(/\\u[0-9a-fA-F]{4}|\\[\s\S]|\p{Cc}|"/gu, (part) => {
      if (part === '"') return '\\"';
      if (part === "\\'") return "'";
      return part.length === 1 ? `\\u${part.charCodeAt(0).toString(16).padStart(4, '0')}` : part;
    });
    try {
      return JSON.parse(`"${inner}"`) as string;
    } catch {
      throw this.#error('A string with an unknown escape', start);
    }
  }

  #array(depth: number): JsonValue[] {
    const items: JsonValue[] = [];
    this.#inside(']', () => items.push(this.#value(depth + 1)));
    return items;
  }

  #object(depth: number): JsonObject {
    const members = Object.create(null) as JsonObject;
    this.#inside('}', () => {
      const start = this.#at;
      const character = this.#text.charAt(this.#at);
      if (character !== '"' && character !== "'") throw this.#error('Expected a property name in quotes');
      const key = this.#string();
      if (key in members) throw this.#error(`The property '${key}' is there twice in the same object`, start);
      this.#space();
      if (!this.#take(':')) throw this.#error('Expected : after a property name');
      members[key] = this.#value(depth + 1);
    });
    return members;
  }

  /** Reads what is between brackets, up to the closing one, separated by commas. */
  #inside(close: string, readOne: () => void): void {
    this.#at++;
    for (;;) {
      this.#space();
      if (this.#take(close)) return;
      readOne();
      this.#space();
      if (!this.#take(',') && this.#text.charAt(this.#at) !== close)
        throw this.#error(`Expected , or ${close}`);
    }
  }

  #take(character: string): boolean {
    const isThere = this.#text.charAt(this.#at) === character;
    if (isThere) this.#at++;
    return isThere;
  }
}
