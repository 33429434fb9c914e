import type { JsonObject, JsonValue } from '../../json/json.js';
import { numberFromText } from '../../json/jsonNumber.js';
import { DocumentError } from './documentError.js';
import { memberPath, type Places } from './places.js';

/** Deepest nesting of a configuration. */
export const MAX_DEPTH = 64;
const SPACE = /(?:[\s\ufeff]|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![A-Za-z0-9_.])/y;
const STRING = /"(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*'/y;
const WORD = /(?:true|false|null)(?![A-Za-z0-9_])/y;

/**
 * Reads a configuration's JSON as the reference does: comments, single quotes, a comma before a closing bracket
 * and a byte order mark are accepted, a name used twice in an object is not.
 * @param places gets where each value is
 * @throws DocumentError
 */
export function parseJsonDocument(text: string, places: Places | undefined): JsonValue {
  return new Reader(text, places).read();
}

class Reader {
  #at = 0;
  readonly #text: string;
  readonly #places: Places | undefined;
  constructor(text: string, places: Places | undefined) {
    this.#text = text;
    this.#places = places;
  }

  #error(reason: string, position = this.#at): DocumentError {
    return new DocumentError(reason, this.#text, position);
  }

  read(): JsonValue {
    this.#space();
    if (this.#at >= this.#text.length) throw this.#error('The configuration is empty');
    const value = this.#value(0, '');
    this.#space();
    if (this.#at < this.#text.length) throw this.#error('Text after the end of the configuration');
    return value;
  }

  #space(): void {
    SPACE.lastIndex = this.#at;
    SPACE.test(this.#text);
    this.#at = SPACE.lastIndex;
  }

  /** Notes the place of a value, where places are asked for. @returns its path */
  #note(path: () => string, position: number): string {
    if (this.#places === undefined) return '';
    const noted = path();
    this.#places.note(noted, position);
    return noted;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.#text)) return undefined;
    const found = this.#text.slice(this.#at, pattern.lastIndex);
    this.#at = pattern.lastIndex;
    return found;
  }

  #value(depth: number, path: string): JsonValue {
    if (depth > MAX_DEPTH) throw this.#error('JSON nested too deeply');
    this.#space();
    const character = this.#text.charAt(this.#at);
    if (character === '{') return this.#object(depth, path);
    if (character === '[') return this.#array(depth, path);
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

  #array(depth: number, path: string): JsonValue[] {
    const items: JsonValue[] = [];
    this.#inside(']', () => {
      const below = this.#note(() => `${path}[${items.length}]`, this.#at);
      items.push(this.#value(depth + 1, below));
    });
    return items;
  }

  #object(depth: number, path: string): JsonObject {
    const members = Object.create(null) as JsonObject;
    this.#inside('}', () => {
      const start = this.#at;
      const character = this.#text.charAt(this.#at);
      if (character !== '"' && character !== "'") throw this.#error('Expected a property name in quotes');
      const key = this.#string();
      if (key in members) throw this.#error(`The property '${key}' is there twice in the same object`, start);
      this.#space();
      if (!this.#take(':')) throw this.#error('Expected : after a property name');
      members[key] = this.#value(
        depth + 1,
        this.#note(() => memberPath(path, key), start),
      );
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
