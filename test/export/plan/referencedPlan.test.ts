import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ReferencedPart, referencedParts } from '../../../functions/export/plan/referencedPlan.js';
import { randomly } from '../../random.js';

async function* listsOf(lists: readonly (readonly string[])[]): AsyncGenerator<string> {
  for (const names of lists) yield names.join('\n');
}

async function partsOf(
  found: readonly (readonly string[])[],
  known: readonly (readonly string[])[],
  most: number,
  mostCompared?: number,
): Promise<ReferencedPart[]> {
  const parts: ReferencedPart[] = [];
  const made = referencedParts(
    () => listsOf(found),
    () => listsOf(known),
    most,
    mostCompared,
  );
  for await (const part of made) parts.push(part);
  return parts;
}

const namesIn = (parts: readonly ReferencedPart[]): string[] =>
  parts.flatMap(({ type, ids }) => ids.map((id) => `${type}/${id}`));

describe('parts of what exported resources refer to', () => {
  it('are of one type each, without what was read before, and of bounded size', async () => {
    const found = [['Location/1', 'Practitioner/2'], ['Practitioner/1', 'Practitioner/3'], []];
    expect(await partsOf(found, [['Practitioner/3']], 1)).toEqual([
      { type: 'Location', ids: ['1'] },
      { type: 'Practitioner', ids: ['1'] },
      { type: 'Practitioner', ids: ['2'] },
    ]);
    expect(await partsOf([[], []], [], 5)).toEqual([]);
  });

  it('have each name once, whatever the order and repeats of the lists, and however many passes it takes', async () => {
    const name = fc
      .tuple(fc.constantFrom('Practitioner', 'Location'), fc.nat({ max: 60 }))
      .map(([type, number]) => `${type}/${number}`);
    const lists = fc.array(fc.array(name, { maxLength: 20 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(lists, lists, fc.integer({ min: 1, max: 9 }), async (found, known, most) => {
        const expected = [...new Set(found.flat())].filter((each) => !known.flat().includes(each)).sort();
        for (const mostCompared of [1_000_000, 50]) {
          const parts = await partsOf(found, known, most, mostCompared);
          expect(namesIn(parts).sort()).toEqual(expected);
          expect(parts.every(({ ids }) => ids.length > 0 && ids.length <= most)).toBe(true);
          const again = await partsOf(found.toReversed(), known, most, mostCompared);
          expect(again).toEqual(parts);
        }
      }),
      randomly(100),
    );
  });
});
