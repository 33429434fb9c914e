import { describe, expect, it } from 'vitest';
import { searchByIds } from '../../../functions/export/source/searchByIds.js';
import { type Behaviour, SimulatedSource } from '../simulatedSource.js';

const IDS = Array.from({ length: 30 }, (_, index) => `r${index}`);

function sourceOf(behaviour: Behaviour): SimulatedSource {
  const source = new SimulatedSource('Observation', behaviour);
  for (const [index, id] of IDS.entries()) source.put(id, index * 1000, index % 3 === 0 ? ['a'] : []);
  return source;
}

async function found(source: SimulatedSource, ids: readonly string[], tag?: string): Promise<string[]> {
  const search = tag === undefined ? [] : [['tag', tag] as const];
  return (await searchByIds(source, 'Observation', ids, { search })).map(({ id }) => id);
}

describe('a search by ids gives all of them', () => {
  it.each<[string, Behaviour]>([
    ['of one page', {}],
    ['of several pages', { mostPerPage: 7 }],
    ['of several pages without next links', { mostPerPage: 7, hasLinks: false }],
    ['of several pages without next links and totals', { mostPerPage: 7, hasLinks: false, hasTotals: false }],
  ])('%s', async (_, behaviour) => {
    expect((await found(sourceOf(behaviour), IDS)).sort()).toEqual(IDS.toSorted());
    const some = await found(sourceOf(behaviour), IDS, 'a');
    expect(some.sort()).toEqual(IDS.filter((_id, index) => index % 3 === 0).sort());
  });

  it('and asks no more than once where a page that is larger was seen, or has a total', async () => {
    for (const behaviour of [{}, { hasTotals: false }]) {
      const source = sourceOf(behaviour);
      await found(source, IDS);
      source.queries.length = 0;
      await found(source, [...IDS.slice(0, 20), 'gone']);
      expect(source.queries.filter((query) => query.includes('_id='))).toHaveLength(1);
    }
  });
});
