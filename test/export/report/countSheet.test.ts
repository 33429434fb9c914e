import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Count,
  CountSheet,
  readMinCount,
  type ShownCount,
} from '../../../functions/export/report/countSheet.js';
import { randomly } from '../../random.js';

const MIN = 10;

describe('of a table with sums', () => {
  it.each<[string, number[], ShownCount[], ShownCount]>([
    ['all are shown where none is small', [10, 25], [10, 25], 35],
    ['nothing is no small count', [0, 25], [0, 25], 25],
    ['one small part is not shown, nor its sum, which would reveal it', [3, 25, 40], ['<10', 25, 40], '>65'],
    ['nor are several', [3, 4, 40], ['<10', '<10', 40], '>40'],
    ['a sum that is small itself says no more than its one part', [3], ['<10'], '<10'],
    ['a small sum of several parts would bound each', [3, 4], ['<10', '<10'], 'hidden'],
  ])('%s', (_, values, shown, total) => {
    const sheet = new CountSheet(MIN);
    const parts = values.map((value) => sheet.count(value));
    const sum = sheet.sum(parts);
    expect(parts.map((part) => sheet.shown(part))).toEqual(shown);
    expect(sheet.shown(sum)).toBe(total);
  });

  it('a sum that is hidden hides a part of each other way to add it up', () => {
    const sheet = new CountSheet(MIN);
    const [small, large] = [sheet.count(4), sheet.count(96)];
    const [one, other] = [sheet.count(60), sheet.count(40)];
    const sum = sheet.sum([small, large]);
    sheet.isSum(sum, [one, other]);
    expect([sum, one, other].map((count) => sheet.shown(count))).toEqual(['>96', 60, 'hidden']);
  });

  it('a part that lacks few of its whole is more than the whole less the bound', () => {
    const sheet = new CountSheet(MIN);
    const whole = sheet.count(100);
    const parts = [97, 100, 90, 91, 5, 0].map((value) => sheet.within(whole, value));
    expect(parts.map((part) => sheet.shown(part))).toEqual(['>90', 100, 90, '>90', '<10', 0]);
  });

  it('all are shown with the bound 0', () => {
    const sheet = new CountSheet(0);
    const parts = [1, 2, 3].map((value) => sheet.count(value));
    const sum = sheet.sum(parts);
    expect([...parts, sum].map((count) => sheet.shown(count))).toEqual([1, 2, 3, 6]);
  });
});

it.each([
  ['0', 0],
  ['3', 3],
  ['10', 10],
  ['1000', 1000],
  ['1', undefined],
  ['2', undefined],
  ['1001', undefined],
  ['-1', undefined],
  ['1e2', undefined],
  ['', undefined],
])('the bound %s is read as %s', (text, value) => {
  expect(readMinCount(text)).toBe(value);
});

interface Bounds {
  least: number;
  most: number;
}

/** What a reader knows of a count by how it is shown. */
function boundsOf(shown: ShownCount): Bounds {
  if (typeof shown === 'number') return { least: shown, most: shown };
  const bound = Number(shown.slice(1));
  if (shown.startsWith('<')) return { least: 1, most: bound - 1 };
  return shown.startsWith('>') ? { least: bound + 1, most: Infinity } : { least: 0, most: Infinity };
}

interface Known {
  readonly sums: readonly { readonly whole: Count; readonly parts: readonly Count[] }[];
  readonly within: readonly { readonly whole: Count; readonly part: Count }[];
}

/** What a reader finds out who knows how the counts of a report hang together. */
function recovered(shown: ReadonlyMap<Count, ShownCount>, { sums, within }: Known): Map<Count, Bounds> {
  const bounds = new Map([...shown].map(([count, text]) => [count, boundsOf(text)]));
  const of = (count: Count): Bounds => bounds.get(count) as Bounds;
  let isChanged = true;
  const narrow = (count: Count, least: number, most: number): void => {
    const known = of(count);
    if (least > known.least) [known.least, isChanged] = [least, true];
    if (most < known.most) [known.most, isChanged] = [most, true];
  };
  for (let round = 0; isChanged && round < 100; round++) {
    isChanged = false;
    for (const { whole, parts } of sums) {
      const least = parts.reduce((sum, part) => sum + of(part).least, 0);
      const most = parts.reduce((sum, part) => sum + of(part).most, 0);
      narrow(whole, least, most);
      for (const part of parts) {
        const othersLeast = least - of(part).least;
        const othersMost = parts.reduce((sum, other) => sum + (other === part ? 0 : of(other).most), 0);
        narrow(part, of(whole).least - othersMost, of(whole).most - othersLeast);
      }
    }
    for (const { whole, part } of within) {
      narrow(part, 0, of(whole).most);
      narrow(whole, of(part).least, Infinity);
    }
  }
  return bounds;
}

/** Counts around the bound, and others. */
const value = fc.oneof(fc.nat({ max: 2 * MIN }), fc.nat({ max: 1000 }));

it('no reader who adds and subtracts what is shown recovers a small count', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(fc.array(value, { minLength: 1, maxLength: 4 }), value, fc.array(value, { maxLength: 3 })),
        {
          minLength: 1,
          maxLength: 5,
        },
      ),
      fc.integer({ min: 3, max: MIN }),
      (types, minCount) => {
        const sheet = new CountSheet(minCount);
        const known: { sums: Known['sums'][number][]; within: Known['within'][number][] } = {
          sums: [],
          within: [],
        };
        const sumOf = (parts: readonly Count[]): Count => {
          const whole = sheet.sum(parts);
          known.sums.push({ whole, parts });
          return whole;
        };
        // As the tables of a report: what was read is what was kept and what failed, and all of it by type.
        const columns = types.map(([failures, written, elements]) => {
          const failed = sumOf(failures.map((count) => sheet.count(count)));
          const kept = sheet.count(written);
          for (const element of elements)
            known.within.push({ whole: kept, part: sheet.within(kept, Math.min(element, written)) });
          return { kept, failed, read: sumOf([kept, failed]) };
        });
        for (const column of ['kept', 'failed', 'read'] as const) sumOf(columns.map((row) => row[column]));
        const all = new Set([
          ...known.sums.flatMap(({ whole, parts }) => [whole, ...parts]),
          ...known.within.flatMap(({ whole, part }) => [whole, part]),
        ]);
        const shown = new Map([...all].map((count) => [count, sheet.shown(count)]));
        for (const [count, { least, most }] of recovered(shown, known)) {
          expect(least <= count.value && count.value <= most).toBe(true);
          if (count.value > 0 && count.value < minCount) expect(most - least).toBeGreaterThan(0);
        }
      },
    ),
    randomly(500),
  );
});
