import { JsonNumber, takeWritten, type JsonScalar } from './jsonNumber.js';
import { ARRAY, JsonTape, OBJECT, type TapeValue } from './jsonTape.js';

/** A JSON value as `parseJson` returns it. A number whose text a double would change is a `JsonNumber`. */
export type JsonValue = null | JsonScalar | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue | undefined;
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

/** Nesting that no FHIR resource has. */
const MAX_JSON_DEPTH = 500;

/**
 * Parses JSON and keeps the digits of numbers. Of a duplicate key the last value wins; `__proto__` is a key like any
 * other; a leading byte order mark is skipped.
 * @throws JsonError for a text that is not JSON (RFC 8259), or is nested deeper than `MAX_JSON_DEPTH` and has numbers
 * that a double would change
 */
export function parseJson(text: string): JsonValue {
  const { tape, node } = tapeOf(text);
  return valueAt(tape, node);
}

/** A JSON text on a tape of its own. @throws JsonError for a text that is not JSON */
export function tapeOf(text: string): TapeValue {
  const tape = new JsonTape();
  const bytes = Buffer.from(text, 'utf8');
  if (!tape.read(bytes)) throw notJson(tape);
  return { tape, node: tape.root, bytes };
}

/** The error for the bytes that a tape refused to read. */
export function notJson({ bytes, refusedAt }: JsonTape): JsonError {
  return new JsonError('Unexpected text or end', bytes.toString('utf8', 0, refusedAt).length);
}

/** The value at a node of a tape, as `parseJson` returns it. @throws JsonError */
export function valueAt(tape: JsonTape, node: number): JsonValue {
  if (tape.kind(node) > ARRAY) return tape.scalar(node);
  if (tape.hasExactNumbers(node)) return exactValueAt(tape, node);
  // What JSON.parse returns is a JsonValue by definition.
  return JSON.parse(tape.json(node)) as JsonValue;
}

function exactValueAt(tape: JsonTape, root: number): JsonValue {
  const made: JsonValue[] = [];
  // The containers around a node, and where each of them ends.
  const around: (JsonValue[] | JsonObject)[] = [made];
  const ends = [tape.after(root)];
  for (let node = root; node < tape.after(root);) {
    while (node >= (ends.at(-1) as number)) {
      ends.pop();
      around.pop();
    }
    if (around.length > MAX_JSON_DEPTH) throw new JsonError('JSON nested too deeply', tape.start(node));
    const kind = tape.kind(node);
    const value = kind === OBJECT ? {} : kind === ARRAY ? [] : tape.scalar(node);
    const into = around.at(-1) as JsonValue[] | JsonObject;
    if (Array.isArray(into)) into.push(value);
    else addMember(into, tape.nameText(node), value);
    if (kind === OBJECT || kind === ARRAY) {
      around.push(value as JsonValue[] | JsonObject);
      ends.push(tape.after(node));
      node = tape.first(node);
    } else node = tape.after(node);
  }
  return made[0] as JsonValue;
}

/** Sets a member, whatever its name. */
function addMember(into: JsonObject, name: string, value: JsonValue): void {
  if (name === '__proto__')
    Object.defineProperty(into, name, { value, writable: true, enumerable: true, configurable: true });
  else into[name] = value;
}

/** Writes a JSON value on one line, every number with the text it came with. */
export function stringifyJson(value: JsonValue): string {
  takeWritten();
  const text = JSON.stringify(value);
  const written = takeWritten();
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
