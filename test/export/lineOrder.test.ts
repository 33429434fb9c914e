import { arraySink } from './arraySink.js';
import { UNWATCHED } from './exportRaw.js';
import { expect, it } from 'vitest';
import { compileEngine } from '../../functions/deid/compileEngine.js';
import { EVERYTHING } from '../../functions/export/selection/selection.js';
import { runSlice } from '../../functions/export/slice/slice.js';
import type { Source } from '../../functions/export/source/source.js';
import { configurationOf, engineOptions } from '../deid/shared.js';

const RESOURCES = 400;
/** Of independent orders of so many, a rank correlation beyond this comes by chance once in a million times. */
const MAX_CORRELATION = 5 / Math.sqrt(RESOURCES);

/** Ids are hashed with a key; a value shows the test, and it alone, which resource a line was. */
const configuration = (cryptoHashKey: string): string =>
  JSON.stringify({
    fhirVersion: 'R4',
    fhirPathRules: [{ path: 'Resource.id', method: 'cryptoHash' }],
    parameters: { cryptoHashKey },
  });

it('two exports of the same page under different keys cannot be joined by the position of their lines', async () => {
  const one = await orderUnder('one key');
  const other = await orderUnder('another key');
  const sourceOrder = Array.from({ length: RESOURCES }, (_, index) => index);
  expect(new Set(one).size).toBe(RESOURCES);
  expect(await orderUnder('one key')).toEqual(one);
  for (const [first, second] of [
    [one, other],
    [one, sourceOrder],
    [other, sourceOrder],
  ] as const) {
    expect(Math.abs(rankCorrelation(first, second))).toBeLessThan(MAX_CORRELATION);
  }
});

/** At each position, the number that the resource has in the source. */
async function orderUnder(key: string): Promise<number[]> {
  const options = engineOptions('R4');
  const engine = compileEngine(configurationOf(configuration(key), 'R4'), options);
  const lines: string[] = [];
  await runSlice(
    { type: 'Observation', from: undefined, until: '2030-01-01T00:00:00Z' },
    EVERYTHING,
    { pageSize: RESOURCES + 1, cursor: undefined },
    { pages: 10, bytes: Infinity, milliseconds: Infinity },
    {
      ...UNWATCHED,
      source: onePage(),
      lineMaker: {
        processingErrors: 'raise',
        makeLine: (resource, line, report) => engine.anonymize(resource, line, report),
      },
      openFile: () => Promise.resolve(arraySink(lines)),
    },
  );
  return lines.map((line) => (JSON.parse(line) as { valueInteger: number }).valueInteger);
}

/** A source with one page of observations, in the order of `meta.lastUpdated`. */
function onePage(): Source {
  const entry = Array.from({ length: RESOURCES }, (_, index) => ({
    resource: {
      resourceType: 'Observation',
      id: `observation-${index}`,
      meta: { lastUpdated: new Date(Date.UTC(2024, 0, 1) + index * 1000).toISOString() },
      valueInteger: index,
    },
  }));
  const bundle = (entries: unknown[]): { body: Buffer; date: undefined } => ({
    body: Buffer.from(
      JSON.stringify({ resourceType: 'Bundle', type: 'searchset', total: entries.length, entry: entries }),
    ),
    date: undefined,
  });
  return {
    search: (_type, parameters) =>
      Promise.resolve(
        bundle(new Map(parameters).get('_sort')?.startsWith('-') === true ? entry.slice(-1) : entry),
      ),
    read: () => Promise.reject(new Error('Nothing is read.')),
    typeHistory: () => Promise.reject(new Error('No history is read.')),
    follow: () => Promise.reject(new Error('There is no next link.')),
    capabilities: () => Promise.reject(new Error('Nothing is asked.')),
  };
}

/** Spearman's: 1 where two lists have the same order, about 0 where they have nothing to do with each other. */
function rankCorrelation(first: readonly number[], second: readonly number[]): number {
  const position = new Map(second.map((resource, index) => [resource, index]));
  const squares = first.reduce(
    (sum, resource, index) => sum + (index - (position.get(resource) ?? 0)) ** 2,
    0,
  );
  const n = first.length;
  return 1 - (6 * squares) / (n * (n * n - 1));
}
