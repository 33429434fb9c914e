const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** Text that is not JSON. Holds the position in the scanned bytes, nothing of the text. */
export class MalformedJsonError extends Error {
  override readonly name = 'MalformedJsonError';
  constructor(readonly position: number) {
    super(`Not valid JSON at byte ${position}`);
  }
}

/** A member's name as its JSON text has it, for `visitMembers`. */
export function memberName(name: string): Buffer {
  return Buffer.from(JSON.stringify(name));
}

/**
 * Visits the members with the given names of the JSON object that begins at `start` (after optional white
 * space) without parsing their values: `visit` gets the name's index and the byte range of the value, and
 * stops the walk by returning `false`. Bytes behind the stop are not looked at. Returns the position of
 * the opening brace. @throws MalformedJsonError
 */
export function visitMembers(
  json: Buffer,
  start: number,
  end: number,
  names: readonly Buffer[],
  visit: (name: number, valueStart: number, valueEnd: number) => boolean,
): number {
  const opening = skipSpace(json, start, end);
  expect(json, opening, OPEN_BRACE);
  let at = skipSpace(json, opening + 1, end);
  if (json[at] === CLOSE_BRACE) return opening;
  for (;;) {
    expect(json, at, QUOTE);
    const nameEnd = skipString(json, at, end);
    const name = nameIndex(json, at, nameEnd, names);
    at = skipSpace(json, nameEnd, end);
    expect(json, at, COLON);
    const valueStart = skipSpace(json, at + 1, end);
    const valueEnd = skipValue(json, valueStart, end);
    if (name >= 0 && !visit(name, valueStart, valueEnd)) return opening;
    at = skipSpace(json, valueEnd, end);
    if (at < end && json[at] === CLOSE_BRACE) return opening;
    expect(json, at, COMMA);
    at = skipSpace(json, at + 1, end);
  }
}

function nameIndex(json: Buffer, start: number, end: number, names: readonly Buffer[]): number {
  for (let index = 0; index < names.length; index++) {
    if (isSame(json, start, end, names[index]!)) return index;
  }
  for (let at = start; at < end; at++) {
    if (json[at] !== BACKSLASH) continue;
    const plain = Buffer.from(JSON.stringify(JSON.parse(json.toString('utf8', start, end))));
    return names.findIndex((name) => name.equals(plain));
  }
  return -1;
}

function isSame(json: Buffer, start: number, end: number, text: Buffer): boolean {
  if (end - start !== text.length) return false;
  for (let at = 0; at < text.length; at++) {
    if (json[start + at] !== text[at]) return false;
  }
  return true;
}

function skipValue(json: Buffer, start: number, end: number): number {
  const first = json[start];
  if (first === QUOTE) return skipString(json, start, end);
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return skipNested(json, start, end);
  let at = start;
  while (at < end) {
    const byte = json[at]!;
    if (byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || byte <= 0x20) break;
    at++;
  }
  if (at === start || at === end) throw new MalformedJsonError(at);
  return at;
}

function skipNested(json: Buffer, start: number, end: number): number {
  let depth = 0;
  let at = start;
  while (at < end) {
    const byte = json[at]!;
    if (byte === QUOTE) {
      at = skipString(json, at, end);
      continue;
    }
    at++;
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth--;
      if (depth === 0) return at;
    }
  }
  throw new MalformedJsonError(at);
}

function skipString(json: Buffer, start: number, end: number): number {
  for (let at = start + 1; at < end; at++) {
    const byte = json[at]!;
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) at++;
  }
  throw new MalformedJsonError(end);
}

function skipSpace(json: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && json[at]! <= 0x20) at++;
  return at;
}

function expect(json: Buffer, at: number, byte: number): void {
  if (json[at] !== byte) throw new MalformedJsonError(at);
}
