import { isUtf8 } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonNumber, numberText } from '../../functions/json/jsonNumber.js';
import { ARRAY, JsonTape, NULL, OBJECT } from '../../functions/json/jsonTape.js';
import { nameNumber, nameOf, UNKNOWN_NAME, UNRESOLVED_NAME } from '../../functions/json/keyNames.js';
import { TapeReader } from '../../functions/json/tapeReader.js';
import { randomly, SEED } from '../random.js';

/** Texts with everything that is hard to read in JSON, as JSON strings of several spellings. */
const hardStrings = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ...[
          '\\"',
          '\\\\',
          '\\/',
          '\\b',
          '\\f',
          '\\n',
          '\\r',
          '\\t',
          '\\u0000',
          '\\u001f',
          '\\u007f',
          '\\u00e9',
        ],
        ...[
          '\\ud83d\\ude00',
          '\\ud800',
          '\\udc00',
          '\\uD83d',
          '\u007f',
          'é',
          '€',
          '😀',
          '\u2028',
          '{',
          '}',
          '[',
          ']',
          ',',
        ],
        ...[':', ' ', 'x'.repeat(7), 'y'.repeat(300), 'resourceType', 'id', '__proto__', '_id'],
      ),
      fc.stringMatching(/^[ -!#-[\]-~]{0,12}$/),
    ),
    { maxLength: 6 },
  )
  .map((parts) => `"${parts.join('')}"`);

const numbers = fc.oneof(
  fc.constantFrom(
    '0',
    '-0',
    '1.0',
    '1.50',
    '1e3',
    '-1E+10',
    '12345678901234567890',
    '0.1234567890123456789',
    '1e-7',
  ),
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
);

const { json } = fc.letrec<{ json: string }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(hardStrings, numbers, fc.constantFrom('true', 'false', 'null', '{}', '[]')),
    fc
      .array(
        fc.tuple(space(), fc.oneof(hardStrings, fc.constant('"id"')), space(), space(), tie('json'), space()),
        {
          maxLength: 5,
        },
      )
      .map(
        (members) =>
          `{${members.map(([a, key, b, c, value, d]) => `${a}${key}${b}:${c}${value}${d}`).join(',')}}`,
      ),
    fc
      .array(fc.tuple(space(), tie('json'), space()), { maxLength: 5 })
      .map((items) => `[${items.map((parts) => parts.join('')).join(',')}]`),
  ),
}));

function space(): fc.Arbitrary<string> {
  return fc.constantFrom('', '', '', ' ', '\n', '\t\r ');
}

/** A tape that is read in WebAssembly and without it: both have to be the same to the bit. */
class ComparedTape extends JsonTape {
  readonly #other = new JsonTape();

  override read(bytes: Buffer, start = 0): boolean {
    const isRead = super.read(bytes, start);
    const other = this.#other;
    if (other.readHere(bytes, start) !== isRead)
      expect(isRead, JSON.stringify(bytes.toString())).toBe(!isRead);
    const states = [this, other].map((tape) => [
      isRead ? Buffer.from(numbersOf(tape).buffer).toString('latin1') : tape.refusedAt,
      tape.hasSiblings,
    ]);
    if (isRead ? !isDeepStrictEqual(states[0], states[1]) : this.refusedAt !== other.refusedAt)
      expect(states[0], JSON.stringify(bytes.toString())).toEqual(states[1]);
    return isRead;
  }
}

function numbersOf(tape: JsonTape): Int32Array {
  const all = new Int32Array(tape.after(tape.root) - tape.root);
  tape.copyNodes(tape.root, tape.after(tape.root), all, 0);
  return all;
}

/** What a parser finds; `undefined` where it finds no JSON. */
function parsed(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/** What is at a node, as a parser would give it. */
function rebuilt(tape: JsonTape, node: number): unknown {
  const kind = tape.kind(node);
  if (kind === OBJECT) {
    const object: Record<string, unknown> = {};
    for (let member = tape.first(node); member < tape.after(node); member = tape.after(member)) {
      const name = nameAt(tape, member);
      Object.defineProperty(object, name, {
        value: rebuilt(tape, member),
        ...{ writable: true, enumerable: true, configurable: true },
      });
    }
    return object;
  }
  if (kind === ARRAY) {
    const items: unknown[] = [];
    for (let item = tape.first(node); item < tape.after(node); item = tape.after(item))
      items.push(rebuilt(tape, item));
    return items;
  }
  if (kind === NULL) return null;
  const value = tape.primitive(node);
  return value instanceof JsonNumber ? Number(numberText(value)) : value;
}

/** The name of a member: by its number, or from its bytes where the number does not identify it. */
function nameAt(tape: JsonTape, member: number): string {
  const number = tape.name(member);
  const end = tape.nameEnd(member);
  let start = end - 2;
  while (!isQuoteAt(tape.bytes, start)) start--;
  const name = JSON.parse(tape.bytes.toString('utf8', start, end)) as string;
  if (number !== UNKNOWN_NAME && number !== UNRESOLVED_NAME) expect(nameOf(number)).toBe(name);
  return name;
}

function isQuoteAt(bytes: Buffer, at: number): boolean {
  let backslashes = 0;
  while (bytes[at - 1 - backslashes] === 0x5c) backslashes++;
  return bytes[at] === 0x22 && backslashes % 2 === 0;
}

/** Registered before names of random inputs have filled the table. */
const [ID, TEXT] = [nameNumber('id'), nameNumber('text')];

describe(`JSON on a tape (TEST_SEED=${SEED})`, () => {
  const tape = new ComparedTape(1);

  it('is what a parser finds', () => {
    fc.assert(
      fc.property(json, space(), (text, around) => {
        const bytes = Buffer.from(`${around}${text}${around}`);
        expect(tape.read(bytes)).toBe(true);
        expect(rebuilt(tape, tape.root)).toStrictEqual(JSON.parse(bytes.toString()));
      }),
      randomly(5000),
    );
  });

  it('is JSON wherever a parser says so, and nowhere else', () => {
    const garble = fc.record({
      at: fc.nat(),
      how: fc.constantFrom('cut', 'insert', 'delete', 'change'),
      byte: fc.oneof(fc.constantFrom(...Buffer.from('{}[]":,\\0-.eE+u/ntf \u0000\u001f')), fc.nat(255)),
    });
    let refused = 0;
    fc.assert(
      fc.property(json, fc.array(garble, { minLength: 1, maxLength: 3 }), (text, garbles) => {
        let bytes = Buffer.from(text);
        for (const { at, how, byte } of garbles) {
          const place = at % (bytes.length + 1);
          const [before, after] = [bytes.subarray(0, place), bytes.subarray(place)];
          if (how === 'cut') bytes = Buffer.from(before);
          else if (how === 'insert') bytes = Buffer.concat([before, Buffer.of(byte), after]);
          else if (how === 'delete') bytes = Buffer.concat([before, after.subarray(1)]);
          else bytes = Buffer.concat([before, Buffer.of(byte), after.subarray(1)]);
        }
        if (!isUtf8(bytes)) return;
        const expected = parsed(bytes.toString());
        expect(tape.read(bytes), JSON.stringify(bytes.toString())).toBe(expected !== undefined);
        if (expected === undefined) refused++;
        else expect(rebuilt(tape, tape.root)).toStrictEqual(expected.value);
      }),
      randomly(20_000),
    );
    expect(refused).toBeGreaterThan(5000);
  });

  it('gives of every value what a parser gives of its bytes', () => {
    let [strings, many] = [0, 0];
    fc.assert(
      fc.property(json, (text) => {
        expect(tape.read(Buffer.from(text))).toBe(true);
        // Nodes are in the order of the text; what is inside of one comes right after it.
        const end = tape.after(tape.root);
        for (let node = tape.root, next; node < end; node = next) {
          const own = tape.json(node);
          const value = JSON.parse(own) as unknown;
          const kind = tape.kind(node);
          next = kind === OBJECT || kind === ARRAY ? tape.first(node) : tape.after(node);
          if (kind === OBJECT || kind === ARRAY) {
            expect(tape.isEmpty(node)).toBe(Object.keys(value as object).length === 0);
            many++;
          } else if (typeof value === 'string') {
            if (tape.isString(node)) expect(own).toBe(JSON.stringify(value));
            if (tape.isVerbatim(node)) expect(own).toBe(`"${value}"`);
            expect(tape.isEmptyString(node)).toBe(own === '""');
            expect(tape.isText(node, 'resourceType')).toBe(own === '"resourceType"');
            strings++;
          } else if (typeof value === 'number') {
            const number = tape.primitive(node) as number | JsonNumber;
            expect(numberText(number)).toBe(own);
            if (tape.isShortNumber(node, true)) expect(Number.isInteger(value)).toBe(true);
            if (tape.isShortNumber(node, true)) expect(own).toMatch(/^-?[0-9]{1,9}$/);
            if (tape.isShortNumber(node, false)) expect(own).toMatch(/^[-.0-9]{1,15}$/);
          } else expect(tape.scalar(node)).toBe(value);
        }
      }),
      randomly(3000),
    );
    expect([strings > 1000, many > 1000]).toEqual([true, true]);
  });

  it('has strings that may hold any byte but some, wherever it is in words of four and sixteen', () => {
    const others = ['é', '€', '\u{1f600}', '\\"', '\\u00e', '\\x', '\\'];
    for (const special of [
      ...Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)),
      ...others,
    ]) {
      for (let before = 0; before < 18; before++) {
        for (const after of [0, 1, 2, 3, 4, 7, 16]) {
          const string = `"${'a'.repeat(before)}${special}${'a'.repeat(after)}"`;
          for (const text of [string, `{${string}:1}`, `[${string},2]`]) {
            const isRead = tape.read(Buffer.from(text));
            if (isRead !== (parsed(text) !== undefined)) expect(isRead, JSON.stringify(text)).toBe(!isRead);
            if (isRead) expect(rebuilt(tape, tape.root)).toStrictEqual(JSON.parse(text));
          }
        }
      }
    }
  });

  it('has numbers and words as a parser has them', () => {
    const letters = '-+.eE019';
    let texts = [''];
    for (let length = 0; length < 5; length++) {
      texts = texts.flatMap((text) => letters.split('').map((letter) => text + letter));
      for (const text of texts) {
        const isRead = tape.read(Buffer.from(text));
        if (isRead !== (parsed(text) !== undefined)) expect(isRead, text).toBe(!isRead);
        if (isRead) expect(numberText(tape.primitive(tape.root) as number)).toBe(text);
      }
    }
    for (const word of [
      'tru',
      'truE',
      'truee',
      'nul',
      'nulll',
      'false1',
      'fals',
      'NaN',
      'Infinity',
      'undefined',
    ])
      expect(tape.read(Buffer.from(word)), word).toBe(false);
  });

  it('may be read after what was none, and after what was larger', () => {
    fc.assert(
      fc.property(json, json, fc.nat(), (one, other, cut) => {
        const bytes = Buffer.from(one);
        tape.read(bytes.subarray(0, cut % bytes.length));
        expect(tape.read(Buffer.from(other))).toBe(true);
        expect(rebuilt(tape, tape.root)).toStrictEqual(JSON.parse(other));
      }),
      randomly(1000),
    );
  });

  it('may be behind other bytes, and before others in one buffer', () => {
    const buffer = Buffer.from('\uFEFF{"id":"a"}{"id":"b"}');
    expect(tape.read(buffer.subarray(0, 13), 3)).toBe(true);
    expect(tape.textOf(tape.root, nameNumber('id'))).toBe('a');
    expect(tape.read(buffer, 3)).toBe(false);
  });

  it('gives the last of several members of a name', () => {
    expect(tape.read(Buffer.from('{"id":"a","x":1,"id":"b"}'))).toBe(true);
    expect(tape.textOf(tape.root, ID)).toBe('b');
    expect(tape.primitive(tape.member(tape.root, ID))).toBe('a');
    expect(tape.primitive(tape.lastMember(tape.root, ID))).toBe('b');
    expect(tape.member(tape.root, TEXT)).toBe(-1);
  });

  it.each<[string, string, boolean]>([
    ['a resource', '{"resourceType":"Patient","name":[{"given":["Ä"],"_given":[null]}],"x":-1.50e3}', true],
    ['no JSON', '{"resourceType":"Patient",}', false],
    ['deeper than its memory', '['.repeat(1000) + ']'.repeat(1000), false],
    ['larger than its memory', `"${'a'.repeat(5_000_000)}"`, false],
    ['more values than its memory has room for', `[${'1,'.repeat(300_000)}1]`, false],
  ])('is read in WebAssembly, or left: %s', (_name, text, isRead) => {
    expect(new TapeReader().read(Buffer.from(text), 0) > 0).toBe(isRead);
    expect(tape.read(Buffer.from(text))).toBe(parsed(text) !== undefined);
  });

  it.each([
    ['lists', '['.repeat(100_000), ']'.repeat(100_000)],
    ['objects', '{"a":'.repeat(100_000), `1${'}'.repeat(100_000)}`],
  ])('nested as deeply as one likes, in %s, takes no stack', (_name, open, close) => {
    expect(tape.read(Buffer.from(open + close))).toBe(true);
    expect(tape.read(Buffer.from(open))).toBe(false);
  });
});
