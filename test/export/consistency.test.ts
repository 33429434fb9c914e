import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exportSimulated, tellDeletions } from './exportSimulated.js';
import { ExportError } from '../../functions/common/errors.js';
import { type Behaviour, INEXACT, SimulatedSource } from './simulatedSource.js';
import { randomlyAtCost, runs, SEED } from '../random.js';

const START = Date.parse('2026-01-01T00:00:00.000Z');
const TAGS = ['a', 'b', 'c', 'd'];

interface Change {
  kind: 'none' | 'insert' | 'update' | 'delete';
  index: number;
  tags: string[];
  stepMs: number;
}

const tags = fc.subarray(TAGS);
const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom('none', 'none', 'insert', 'update', 'update', 'update', 'delete'),
  index: fc.nat(1000),
  tags,
  stepMs: fc.constantFrom(0, 0, 1, 700),
});
const filters = fc.array(fc.array(fc.constantFrom(...TAGS), { minLength: 1, maxLength: 2 }), {
  maxLength: 4,
});

describe.each([
  { of: 'an exact source', behaviours: [{}], marginMs: 0, count: 150 },
  {
    of: 'sources whose bounds leave resources out',
    behaviours: INEXACT.flatMap((inexact) => [
      { inexact },
      { inexact, hasTotals: false },
      { inexact, countsAtAll: false },
    ]),
    // The default of TRANSACTION_TIME_MARGIN_SECONDS.
    marginMs: 10_000,
    count: 150,
  },
])(
  'windows, filters and slices of $of, cut at random while resources change',
  ({ behaviours, marginMs, count }) => {
    it(`export everything once, as of the transaction time, or end with an error (TEST_SEED=${SEED})`, async () => {
      let complete = 0;
      await fc.assert(
        fc.asyncProperty(
          // Few instants, so that many resources share one, and some within one second.
          fc.array(fc.record({ age: fc.constantFrom(1, 2, 500, 1000, 1001, 60_000, 3_600_000, 9e9), tags }), {
            minLength: 10,
            maxLength: 50,
          }),
          filters,
          fc.integer({ min: 1, max: 8 }),
          fc.integer({ min: 1, max: 4 }),
          fc.integer({ min: 2, max: 30 }),
          fc.array(change, { minLength: 40, maxLength: 200, size: 'max' }),
          fc.constantFrom<Behaviour>(...behaviours),
          async (initial, filterTags, pageSize, slicePages, partitionResources, changes, behaviour) => {
            const source = new SimulatedSource('Observation', behaviour);
            let clock = START + marginMs;
            for (const [index, row] of initial.entries()) source.put(`r${index}`, START - row.age, row.tags);
            const queue = [...changes];
            source.beforeAnswer = () => {
              const next = queue.shift();
              if (next === undefined) return;
              clock += next.stepMs;
              const row = source.rows[next.index % Math.max(1, source.rows.length)];
              if (next.kind === 'insert') source.put(`n${clock}-${queue.length}`, clock, next.tags);
              if (next.kind === 'update' && row !== undefined) source.put(row.id, clock, next.tags);
              if (next.kind === 'delete' && row !== undefined) source.delete(row.id, clock);
            };
            const atStart = new Map(source.rows.map((row) => [row.id, { ...row }]));
            const request = {
              filters: filterTags.map((values) => ({
                type: 'Observation',
                search: [['tag', values.join(',')] as const],
              })),
              pageSize,
              slicePages,
              partitionResources,
            };
            const isWanted = (of: { tags: string[] }): boolean =>
              filterTags.length === 0 ||
              filterTags.some((values) => values.some((tag) => of.tags.includes(tag)));
            const transactionTime = new Date(START).toISOString();
            const first = await completeOrRefused(exportSimulated(source, { ...request, transactionTime }));
            if (first === undefined) return;
            expect(new Set(first.map(({ id }) => id)).size, 'each once').toBe(first.length);
            for (const { id, meta } of first) {
              // Nothing is of after the transaction time, and all of it was asked for.
              expect(String(atStart.get(id)?.version)).toBe(meta.versionId);
              expect(isWanted(atStart.get(id) ?? { tags: [] }), 'never more than asked').toBe(true);
            }
            queue.length = 0;
            const end = new Date(clock + 1).toISOString();
            const second = await completeOrRefused(
              exportSimulated(source, { ...request, since: transactionTime, transactionTime: end }),
            );
            if (second === undefined) return;
            complete++;
            expect(new Set(second.map(({ id }) => id)).size, 'each once').toBe(second.length);
            const deleted = await tellDeletions(
              source,
              { type: 'Observation', from: transactionTime, until: end },
              pageSize,
            ).catch((error: unknown) => {
              // Without totals, an only page that is full may not be all: the manifest says so.
              if (behaviour.hasTotals !== false || !/more entries than a page/.test(String(error)))
                throw error;
            });
            if (deleted === undefined) return;
            expect(new Set(deleted.urls).size, 'each once').toBe(deleted.urls.length);
            const held = new Map([...first, ...second].map(({ id, meta }) => [id, meta.versionId]));
            for (const row of source.rows) {
              if (isWanted(row)) expect(held.get(row.id), row.id).toBe(String(row.version));
            }
            for (const url of deleted.urls) held.delete(url.replace('Observation/hash-of-', ''));
            const present = new Set(source.rows.map(({ id }) => id));
            expect(
              [...held.keys()].filter((id) => !present.has(id)),
              'deleted',
            ).toEqual([]);
            // What did not change is in the first.
            const ids = new Set(first.map(({ id }) => id));
            for (const row of source.rows) {
              if (row.at < START && isWanted(row)) expect(ids.has(row.id), row.id).toBe(true);
            }
          },
        ),
        randomlyAtCost(count),
      );
      expect(complete, 'most are complete').toBeGreaterThan(runs(count) / 2);
    });
  },
);

/** What an export gives, or nothing where it ends with an error of the source, which is no loss. */
async function completeOrRefused<T>(exported: Promise<T>): Promise<T | undefined> {
  try {
    return await exported;
  } catch (error) {
    if (error instanceof ExportError) return undefined;
    throw error;
  }
}
