import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseInstant } from '../../../functions/fhir/instant.js';
import { LineIndex, supersededLines } from '../../../functions/export/slice/doubles.js';
import { randomly } from '../../random.js';

interface Line {
  id: string | undefined;
  lastUpdated: string | undefined;
}

const SECRET = Buffer.alloc(32, 7);
const INSTANTS = [
  undefined,
  '2024-12-31T23:00:00-01:00',
  '2025-01-01T00:00:00Z',
  '2025-01-01T00:00:00.000001Z',
  '2025-01-01T00:00:00.1Z',
  '0001-01-01T00:00:00Z',
  '9999-12-31T23:59:59Z',
];

/** The superseded lines of parts, by a plain look at all of them. */
function expected(parts: readonly Line[][]): string[] {
  const best = new Map<string, { key: string; at: number }>();
  const lost: string[] = [];
  for (const [part, lines] of parts.entries()) {
    for (const [place, { id, lastUpdated }] of lines.entries()) {
      if (id === undefined) continue;
      const instant = parseInstant(lastUpdated);
      const at = instant === undefined ? -Infinity : instant.seconds + Number(`0.${instant.fraction}0`);
      const [key, before] = [`${part}/${place}`, best.get(id)];
      if (before === undefined || at >= before.at) {
        best.set(id, { key, at });
        if (before !== undefined) lost.push(before.key);
      } else {
        lost.push(key);
      }
    }
  }
  return lost.sort();
}

it('of each resource, all lines but the latest are superseded, however many are compared at a time', async () => {
  const line = fc.record({
    id: fc.constantFrom(undefined, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
    lastUpdated: fc.constantFrom(...INSTANTS),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(line, { maxLength: 20 }), { maxLength: 5 }),
      fc.integer({ min: 1, max: 30 }),
      async (parts, mostCompared) => {
        const indexes = parts.map((lines, partition) => {
          const index = new LineIndex(SECRET);
          for (const [place, { id, lastUpdated }] of lines.entries()) {
            const row = { id, lastUpdated: parseInstant(lastUpdated), json: undefined, resource: () => ({}) };
            index.add('Patient', row, place);
          }
          return { partition, number: partition + 1, bytes: index.bytes };
        });
        // In whatever order they are read.
        const read = async function* (): AsyncGenerator<(typeof indexes)[number]> {
          yield* indexes.toReversed();
        };
        const found = await supersededLines(read, mostCompared);
        const names = [...found].flatMap(([part, places]) => places.map((place) => `${part}/${place}`));
        expect(names.sort()).toEqual(expected(parts));
      },
    ),
    randomly(300),
  );
});

it('an index grows with its lines, holds no id, and differs by the secret and the type', () => {
  const row = (id: string) => ({ id, lastUpdated: undefined, json: undefined, resource: () => ({}) });
  const index = new LineIndex(SECRET);
  for (let line = 0; line < 5000; line++) index.add('Patient', row(`jane-doe-${line}`), line);
  expect(index.bytes).toHaveLength(5000 * 32);
  expect(index.bytes.includes('jane')).toBe(false);
  const digestBy = (secret: Buffer, type: string): string => {
    const own = new LineIndex(secret);
    own.add(type, row('a'), 0);
    return own.bytes.toString('hex', 0, 16);
  };
  const digests = [
    digestBy(SECRET, 'Patient'),
    digestBy(SECRET, 'Person'),
    digestBy(Buffer.alloc(32), 'Patient'),
  ];
  expect(new Set(digests).size).toBe(3);
});
