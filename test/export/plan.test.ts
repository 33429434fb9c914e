import { describe, expect, it } from 'vitest';
import type { PlannedPartition } from '../../functions/export/records/job.js';
import { planPartitions } from '../../functions/export/plan/partitions.js';
import { EVERYTHING } from '../../functions/export/selection/selection.js';
import type { Source } from '../../functions/export/source/source.js';
import { exportSimulated } from './exportSimulated.js';
import { type Behaviour, SimulatedSource } from './simulatedSource.js';

const START = Date.parse('2026-01-01T00:00:00.000Z');
const TRANSACTION_TIME = new Date(START).toISOString();
const YEAR_MS = 365 * 86_400_000;

function sourceOf(ages: readonly number[], behaviour: Behaviour = {}): SimulatedSource {
  const source = new SimulatedSource('Observation', behaviour);
  for (const [index, age] of ages.entries()) {
    source.rows.push({ id: `r${index}`, at: START - age, tags: [], version: index });
  }
  return source;
}

const LIMITS = {
  partitionResources: 100,
  leastResources: 1,
  workers: 1,
  concurrency: 4,
  isOutOfTime: () => false,
};

function plan(
  source: Source,
  limits: Partial<typeof LIMITS> = {},
  since?: string,
): Promise<PlannedPartition[]> {
  return planPartitions(
    source,
    {
      types: ['Observation'],
      since,
      until: undefined,
      transactionTime: TRANSACTION_TIME,
      selectionOf: () => EVERYTHING,
    },
    { ...LIMITS, ...limits },
  );
}

/** Resources of each window, in the order of time; the windows have to follow each other without a gap. */
function sizes(source: SimulatedSource, partitions: readonly PlannedPartition[], since?: string): number[] {
  const windows = partitions
    .map(({ window }) => window)
    .toSorted((a, b) => (a.from ?? '').localeCompare(b.from ?? ''));
  expect(windows[0]?.from).toBe(since);
  expect(windows.at(-1)?.until).toBe(TRANSACTION_TIME);
  for (const [index, { until }] of windows.slice(0, -1).entries())
    expect(windows[index + 1]?.from).toBe(until);
  return windows.map(({ from, until }) => {
    const begin = from === undefined ? -Infinity : Date.parse(from);
    return source.rows.filter(({ at }) => at >= begin && at < Date.parse(until)).length;
  });
}

/** `count` ages spread evenly. */
function spread(count: number, from: number, length: number): number[] {
  return Array.from({ length: count }, (_, index) => from + Math.floor((index * length) / count));
}

describe('a large type is split into windows of at most the size asked for', () => {
  it.each([
    ['spread over ten years', spread(2000, 1, 10 * YEAR_MS)],
    ['imported within five seconds', spread(2000, YEAR_MS, 5000)],
    ['imported within twenty milliseconds', spread(1000, YEAR_MS, 20)],
    [
      'a few old ones and an import within a second',
      [...spread(50, 1000, 10 * YEAR_MS), ...spread(1500, YEAR_MS, 1000)],
    ],
    ['two imports, years apart', [...spread(900, YEAR_MS, 2000), ...spread(900, 9 * YEAR_MS, 2000)]],
  ])('%s', async (_name, ages) => {
    const source = sourceOf(ages);
    const partitions = await plan(source);
    const found = sizes(source, partitions);
    expect(Math.max(...found)).toBeLessThanOrEqual(100);
    expect(found.reduce((sum, size) => sum + size, 0)).toBe(ages.length);
    // Not more windows than needed, and not more questions than 64 and 8 for each.
    expect(partitions.length).toBeLessThanOrEqual((2 * ages.length) / 100 + 1);
    expect(source.queries.length).toBeLessThanOrEqual(5 + 3 * (64 + (8 * ages.length) / 100));
    expect(partitions.map(({ estimate }) => estimate)).toEqual(
      partitions.map(({ estimate }) => estimate).toSorted((a, b) => (b ?? 0) - (a ?? 0)),
    );
    const lines = await exportSimulated(source, {
      transactionTime: TRANSACTION_TIME,
      partitionResources: 100,
      pageSize: 50,
    });
    expect(new Set(lines.map(({ id }) => id)).size).toBe(ages.length);
    expect(lines).toHaveLength(ages.length);
  });

  it('imported at one instant: it stays whole, whatever lies around it', async () => {
    const source = sourceOf([...spread(90, 1000, 90_000), ...Array.from({ length: 500 }, () => 50_000)]);
    const found = sizes(source, await plan(source));
    expect(found.filter((size) => size > 100)).toEqual([expect.closeTo(500, -2)]);
    expect(found.length).toBeGreaterThan(1);
  });

  it('of which _since asks for a part', async () => {
    const since = '2025-12-31T23:50:00.1234Z';
    const source = sourceOf(spread(2000, 1, 1_200_000));
    const found = sizes(source, await plan(source, {}, since), since);
    expect(found.length).toBeGreaterThan(9);
    expect(Math.max(...found)).toBeLessThanOrEqual(100);
  });

  it('smaller where a job has few resources for its workers', async () => {
    const source = sourceOf(spread(1000, 1, YEAR_MS));
    const found = sizes(source, await plan(source, { partitionResources: 50_000, workers: 4 }));
    expect(found.length).toBeGreaterThanOrEqual(16);
    expect(await plan(source, { partitionResources: 50_000, leastResources: 5000, workers: 4 })).toHaveLength(
      1,
    );
  });
});

describe('the searches of neighbouring windows overlap', () => {
  const margins = async (ages: readonly number[], behaviour: Behaviour = {}): Promise<unknown[]> => {
    const partitions = await plan(sourceOf(ages, behaviour));
    expect(partitions.length).toBeGreaterThan(1);
    return [...new Set(partitions.map(({ window }) => window.margin))];
  };

  it('by no more than lies between two resources, where these show that bounds are exact', async () => {
    expect(await margins(spread(1000, YEAR_MS, 5000))).toEqual([{ before: 0, after: 5 }]);
  });

  it('by seconds, where no two resources are close enough to show anything', async () => {
    expect(await margins(spread(1000, YEAR_MS, 1000 * 60_000))).toEqual([undefined]);
  });

  it('by seconds, where bounds are good to the second', async () => {
    expect(await margins(spread(1000, YEAR_MS, 20_000), { searchDigits: 0 })).toEqual([undefined]);
  });
});

describe('a type stays whole', () => {
  const AGES = spread(1000, 1, 60_000);

  it.each([
    ['does not count', { countsAtAll: false }],
    ['refuses _summary and _total', { refuses: ['_summary', '_total'] }],
    ['refuses _lastUpdated', { refuses: ['_lastUpdated'] }],
    ['ignores _lastUpdated', { ignores: ['_lastUpdated'] }],
    ['ignores _lastUpdated and does not say so', { ignores: ['_lastUpdated'], hidesIgnored: true }],
    ['refuses _sort', { refuses: ['_sort'] }],
    ['ignores _sort', { ignores: ['_sort'] }],
  ] satisfies Array<[string, Behaviour]>)('where the source %s', async (_name, behaviour) => {
    const source = sourceOf(AGES, behaviour);
    expect(sizes(source, await plan(source))).toEqual([1000]);
  });

  it('within a second, where the source does not distinguish moments of a second', async () => {
    const source = sourceOf(spread(1000, YEAR_MS + 100, 800), { searchDigits: 0 });
    expect(sizes(source, await plan(source))).toEqual([1000]);
  });

  it('where the time for planning is over', async () => {
    const source = sourceOf(AGES);
    expect(sizes(source, await plan(source, { isOutOfTime: () => source.queries.length > 3 }))).toEqual([
      1000,
    ]);
    expect(source.queries.length).toBeLessThan(8);
  });
});

describe('planning', () => {
  it('asks no more than the source may be asked at the same time, whatever the number of types', async () => {
    const inner = sourceOf(spread(300, 1, 60_000));
    let now = 0;
    let most = 0;
    const source: Source = {
      ...{ follow: () => Promise.reject(new Error('no links')) },
      ...{ capabilities: () => Promise.reject(new Error('not asked')) },
      ...{ typeHistory: () => Promise.reject(new Error('not asked')) },
      ...{ read: () => Promise.reject(new Error('not asked')) },
      async search(type, parameters) {
        most = Math.max(most, ++now);
        await new Promise((resolve) => setImmediate(resolve));
        now--;
        return inner.search(type, parameters);
      },
    };
    const types = Array.from({ length: 150 }, (_, index) => `Type${index}`);
    const partitions = await planPartitions(
      source,
      {
        types,
        since: undefined,
        until: undefined,
        transactionTime: TRANSACTION_TIME,
        selectionOf: () => EVERYTHING,
      },
      { ...LIMITS, concurrency: 3 },
    );
    expect(most).toBeLessThanOrEqual(6);
    expect(new Set(partitions.map(({ window }) => window.type)).size).toBe(150);
  });
});
