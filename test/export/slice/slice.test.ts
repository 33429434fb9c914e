import { expect, it } from 'vitest';
import { rawLines } from '../../../functions/export/output/rawLines.js';
import { selectionOf } from '../../../functions/export/selection/selectionOf.js';
import { runSlice } from '../../../functions/export/slice/slice.js';
import { arraySink } from '../arraySink.js';
import { UNWATCHED } from '../exportRaw.js';
import { SimulatedSource } from '../simulatedSource.js';

const TYPE = 'Observation';
const UNTIL = '2026-01-01T00:00:00Z';

/** What a partition of so many resources, in pages of ten, reports while it is read. @param pages of a slice */
async function toldOf(resources: number, pages = 100): Promise<number[][]> {
  const source = new SimulatedSource(TYPE);
  for (let one = 0; one < resources; one++) source.put(`r${one}`, Date.parse('2025-01-01') + one, []);
  const window = { type: TYPE, from: undefined, until: UNTIL };
  const slices: number[][] = [];
  let cursor: Awaited<ReturnType<typeof runSlice>>['cursor'];
  do {
    const told: number[] = [];
    const result = await runSlice(
      window,
      selectionOf({ typeFilters: [] }, TYPE),
      { pageSize: 10, cursor },
      { pages, bytes: Infinity, milliseconds: Infinity },
      {
        ...UNWATCHED,
        tellProgress: (read) => void told.push(read),
        source,
        lineMaker: rawLines,
        openFile: async () => arraySink([]),
      },
    );
    slices.push(told);
    ({ cursor } = result);
  } while (cursor !== undefined);
  return slices;
}

it('a partition of several pages shows after the first one that it is read, however quickly that is', async () => {
  expect(await toldOf(25)).toEqual([[10]]);
});

it('one of a single page reports at its end alone', async () => {
  expect(await toldOf(5)).toEqual([[]]);
});

it('slices after the first one report as time passes', async () => {
  const [first, ...others] = await toldOf(95, 3);
  expect(first).toEqual([10]);
  expect(others.length).toBeGreaterThan(1);
  expect(others.flat()).toEqual([]);
});
