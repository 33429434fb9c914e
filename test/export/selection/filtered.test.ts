import { describe, expect, it } from 'vitest';
import { exportSimulated } from '../exportSimulated.js';
import { type Behaviour, SimulatedSource } from '../simulatedSource.js';

const START = Date.parse('2026-01-01T00:00:00.000Z');
const TRANSACTION_TIME = new Date(START).toISOString();

/** Resources `r0`, `r1`, … a second apart, each with the tags given for it. */
function sourceOf(tags: string[][], behaviour: Behaviour = {}): SimulatedSource {
  const source = new SimulatedSource('Observation', behaviour);
  for (const [index, of] of tags.entries()) source.put(`r${index}`, START - 1_000_000 + index * 1000, of);
  return source;
}

function filter(value: string): { type: string; search: Array<[string, string]> } {
  return { type: 'Observation', search: [['tag', value]] };
}

async function idsOf(source: SimulatedSource, ...values: string[]): Promise<string[]> {
  const lines = await exportSimulated(source, {
    transactionTime: TRANSACTION_TIME,
    filters: values.map(filter),
  });
  return lines.map(({ id }) => id);
}

const SOME = [['a'], ['b'], ['a', 'b'], [], ['a', 'b', 'c'], ['c']];

describe('several filters for a type', () => {
  it('give each resource that matches one of them, once', async () => {
    expect((await idsOf(sourceOf(SOME), 'a', 'b', 'c')).sort()).toEqual(['r0', 'r1', 'r2', 'r4', 'r5']);
    expect((await idsOf(sourceOf(SOME), 'b', 'b')).sort()).toEqual(['r1', 'r2', 'r4']);
  });

  it.each([
    ['a source that sorts shows so once', {}, undefined, 1],
    ['one that has to be asked by a form for some is asked again for those', {}, 'b', 3],
    ['one that does not sort is asked each time', { ignores: ['_sort'] }, undefined, 3],
  ] as const)('%s', async (_, behaviour, byForm, probes) => {
    // Not in the order of their times, as a source may have them that does not sort.
    const source = sourceOf([['c'], ['a', 'b'], ['a'], ['b', 'c'], ['c'], ['b'], ['a']], {
      countsAtAll: false,
      ...behaviour,
    });
    source.rows.reverse();
    const search = source.search.bind(source);
    source.search = async (type, parameters) => ({
      ...(await search(type, parameters)),
      isForm: parameters.some(([name, value]) => name === 'tag' && value === byForm),
    });
    expect((await idsOf(source, 'a', 'b', 'c')).sort()).toEqual(['r0', 'r1', 'r2', 'r3', 'r4', 'r5', 'r6']);
    const asked = source.queries.filter((query) => query.includes('_sort=-_lastUpdated'));
    expect(asked).toHaveLength(probes);
  });

  it('ask the source for the ids of a page only, however much was exported before', async () => {
    const source = sourceOf(Array.from({ length: 300 }, () => ['a', 'b']));
    expect(await idsOf(source, 'a', 'b')).toHaveLength(300);
    const byId = source.queries.filter((query) => query.includes('_id='));
    expect(byId.length).toBeGreaterThan(0);
    for (const query of byId)
      expect(new URLSearchParams(query).get('_id')?.split(',').length).toBeLessThan(11);
  });

  it('do not double what was exported by the first, and changed before the second was asked about it', async () => {
    for (const change of ['updates', 'deletes'] as const) {
      const source = sourceOf([['a', 'b']]);
      source.beforeAnswer = () => {
        // The page of the second filter is there, and the next question is whether the first one matches.
        if (
          source.queries.at(-1)?.startsWith('tag=b') !== true ||
          !source.queries.at(-1)?.includes('_count=10')
        )
          return;
        if (change === 'updates') source.put('r0', START + 1, ['b']);
        else source.delete('r0', START + 1);
      };
      expect(await idsOf(source, 'a', 'b')).toEqual(['r0']);
      expect(source.rows).toEqual(change === 'updates' ? [expect.objectContaining({ at: START + 1 })] : []);
    }
  });

  it('with _id are judged here, since a source may honor one _id only', async () => {
    const source = sourceOf(SOME);
    const filters = [
      { type: 'Observation', search: [['_id', 'r1,r3'] as const] },
      { type: 'Observation', search: [['_id', 'r3,r4'] as const] },
    ];
    const lines = await exportSimulated(source, { transactionTime: TRANSACTION_TIME, filters });
    expect(lines.map(({ id }) => id).sort()).toEqual(['r1', 'r3', 'r4']);
    for (const query of source.queries)
      expect(new URLSearchParams(query).getAll('_id').length).toBeLessThan(2);
  });
});

describe('a filter', () => {
  const IGNORED = /ignored tag in a search for Observation/;
  const UNPROVEN = /nothing else shows that a filter of _typeFilter for Observation has any effect/;

  it.each([
    ['is honored where the source does not say so', { hasSelf: false }, undefined],
    ['that is ignored, as the self link shows', { ignores: ['tag'] }, IGNORED],
    ['that is ignored, without a self link', { ignores: ['tag'], hasSelf: false }, UNPROVEN],
    [
      'that is ignored, without a self link or counts',
      { ignores: ['tag'], hasSelf: false, countsAtAll: false },
      UNPROVEN,
    ],
    ['that is refused', { refuses: ['tag'] }, /may not support one of them in _typeFilter/],
  ] satisfies Array<[string, Behaviour, RegExp | undefined]>)('%s', async (_name, behaviour, error) => {
    const exported = idsOf(sourceOf(SOME, behaviour), 'a');
    if (error === undefined) expect((await exported).sort()).toEqual(['r0', 'r2', 'r4']);
    else await expect(exported).rejects.toThrow(error);
  });

  it('is made sure of, too, where a slice ends before its first page', async () => {
    const source = sourceOf(SOME, { hasSelf: false });
    const queriesOf = async (slicePages: number): Promise<string[]> => {
      source.queries.length = 0;
      const filters = [filter('a'), filter('b')];
      await exportSimulated(source, { transactionTime: TRANSACTION_TIME, filters, slicePages });
      return source.queries.filter((query) => query.includes('tag=none-has-this'));
    };
    const inOneSlice = await queriesOf(100);
    expect(inOneSlice.length).toBeGreaterThan(1);
    for (const pages of [1, 2, 3]) expect(await queriesOf(pages), String(pages)).toEqual(inOneSlice);
  });

  it('is not said to be honored where the source ignores _id and gives others', async () => {
    const behaviour = { ignores: ['_id'], hidesIgnored: true };
    await expect(idsOf(sourceOf(SOME, behaviour), 'a', 'b')).rejects.toThrow(/ignored _id/);
  });
});

describe('a source without _lastUpdated', () => {
  it.each([
    ['refuses', { refuses: ['_lastUpdated', '_sort'] }],
    ['ignores', { ignores: ['_lastUpdated', '_sort'] }],
  ] satisfies Array<[string, Behaviour]>)(
    'that %s it: _since is applied here, to filters, too',
    async (_name, behaviour) => {
      const source = sourceOf(SOME, behaviour);
      const lines = await exportSimulated(source, {
        since: new Date(START - 1_000_000 + 2000).toISOString(),
        transactionTime: new Date(START - 1_000_000 + 5000).toISOString(),
        filters: [filter('a'), filter('b')],
        partitionResources: 2,
      });
      expect(lines.map(({ id }) => id).sort()).toEqual(['r2', 'r4']);
    },
  );
});
