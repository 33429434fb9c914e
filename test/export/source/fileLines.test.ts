import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { LineReader } from '../../../functions/export/source/fileLines.js';
import { JsonTape } from '../../../functions/json/jsonTape.js';
import { randomly } from '../../random.js';

const PLACE = 1000;

interface Found {
  places: number[];
  resources: unknown[];
  ids: (string | undefined)[];
  types: string[];
  error: string | undefined;
}

/** What a block gives, up to the line that is no resource. */
function read(bytes: Buffer): Found {
  const found: Found = { places: [], resources: [], ids: [], types: [], error: undefined };
  try {
    for (const { place, type, row } of new LineReader({ number: 1 }).lines({ bytes, place: PLACE })) {
      found.resources.push(row.json === undefined ? 'not UTF-8' : row.resource());
      found.places.push(place);
      found.ids.push(row.id);
      found.types.push(type);
    }
  } catch (error) {
    found.error = (error as Error).message;
  }
  return found;
}

/** The same, with each line read by itself. */
function readOneByOne(bytes: Buffer): Found {
  const together = vi.spyOn(JsonTape.prototype, 'readLines').mockReturnValue(false);
  try {
    return read(bytes);
  } finally {
    together.mockRestore();
  }
}

const A = '{"resourceType":"Patient","id":"a"}';
const B = '{"resourceType":"Patient","id":"b","birthDate":"1970"}';

afterEach(() => void vi.restoreAllMocks());

describe('lines of a block', () => {
  it('are read onto one tape', () => {
    const one = vi.spyOn(JsonTape.prototype, 'read');
    expect(read(Buffer.from(`${A}\n  ${B} \r\n${A}`))).toEqual({
      places: [PLACE, PLACE + 36, PLACE + 95],
      resources: [A, B, A].map((line) => JSON.parse(line) as unknown),
      ids: ['a', 'b', 'a'],
      types: ['Patient', 'Patient', 'Patient'],
      error: undefined,
    });
    expect(one).not.toHaveBeenCalled();
  });

  it.each([
    ['a value of two lines', [A, '{"resourceType":"Patient"', '"id":"c"}', B], 1],
    ['an array of two lines', [A, `[${B}`, `${B}]`], 1],
    ['a text with a line break', [A, '{"resourceType":"Patient","id":"', '"}'], 1],
    ['two values on a line', [A, `${A},${B}`, B], 1],
    ['two values on the last line', [A, B, `${A},${B}`], 2],
    ['a comma at the end of a line', [A, `${A},`, B], 1],
    ['a comma at the begin of a line', [A, `,${A}`, B], 1],
    ['the end of an array', [A, `${B}]`, `[${A}`], 1],
    ['a line that is cut', [A, B, '{"resourceType":"Pat'], 2],
    ['a value that is no object', [A, '1', B], 1],
  ])('with %s end with it', (_, lines, before) => {
    const found = read(Buffer.from(lines.join('\n')));
    expect(found.resources).toEqual(lines.slice(0, before).map((line) => JSON.parse(line) as unknown));
    const place = PLACE + lines.slice(0, before).reduce((sum, line) => sum + line.length + 1, 0);
    expect(found.error).toMatch(`the line at byte ${place} is no complete JSON object`);
  });

  it('are those that are read one by one, whatever they are', () => {
    const name = fc.constantFrom('"id"', '"\\u0069d"', '"_id"', '"x"');
    const value = fc.constantFrom(
      '"v"',
      '"\\n"',
      '1',
      'null',
      '[]',
      '[{"a":[1,2]}]',
      '{}',
      '"é"',
      '"\u2028"',
    );
    const resource = fc
      .tuple(fc.constantFrom('Patient', 'Group'), fc.array(fc.tuple(name, value), { maxLength: 3 }))
      .map(
        ([type, members]) =>
          `{"resourceType":"${type}"${members.map(([key, json]) => `,${key}:${json}`).join('')}}`,
      );
    const noise = fc.constantFrom(',', ']', '[', '{', '}', '"', '\\', ' ', '\t', '\r', '\uFEFF', '\u0000');
    const piece = fc.oneof(
      { weight: 12, arbitrary: fc.tuple(resource, fc.constant('\n')).map((parts) => parts.join('')) },
      { weight: 2, arbitrary: resource },
      { weight: 1, arbitrary: noise },
      { weight: 1, arbitrary: fc.constantFrom('\n', '\r\n', '\n\n') },
    );
    const badByte = fc.option(fc.nat(), { freq: 10 });
    const looksAlike = fc.property(fc.array(piece, { maxLength: 12 }), badByte, (pieces, bad) => {
      const bytes = Buffer.from(pieces.join(''));
      if (bad !== null && bytes.length > 0) bytes[bad % bytes.length] = 0xff;
      expect(read(bytes)).toEqual(readOneByOne(bytes));
    });
    fc.assert(looksAlike, randomly(1000));
  });
});
