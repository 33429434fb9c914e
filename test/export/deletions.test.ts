import { describe, expect, it } from 'vitest';
import { ExportError } from '../../functions/common/errors.js';
import { runDeletionSlice } from '../../functions/export/slice/deletions.js';
import { deletionSentences } from '../../functions/export/output/manifest.js';
import { planDeletions } from '../../functions/export/plan/deletionPlan.js';
import { readHistoryPage } from '../../functions/export/source/historyPage.js';
import { type DeletionsTold, tellDeletions } from './exportSimulated.js';
import { type Behaviour, SimulatedSource } from './simulatedSource.js';

const START = Date.parse('2026-01-01T00:00:00.000Z');
const iso = (seconds: number): string => new Date(START + seconds * 1000).toISOString();

async function deletionsOf(source: SimulatedSource, pageSize = 3): Promise<DeletionsTold> {
  return tellDeletions(source, { type: 'Patient', from: iso(0), until: iso(100) }, pageSize);
}

describe('deletions', () => {
  it('are those of the window, by pseudonym, each once, whatever else the history holds', async () => {
    const source = new SimulatedSource('Patient');
    for (const id of ['a', 'b', 'c', 'd', 'e']) source.put(id, START - 1000, []);
    source.delete('e', START - 1);
    source.delete('a', START);
    source.put('b', START + 5000, []);
    source.delete('c', START + 6000);
    source.put('c', START + 7000, []);
    source.delete('c', START + 99_999);
    source.delete('d', START + 100_000);
    expect((await deletionsOf(source)).urls).toEqual(['Patient/hash-of-a', 'Patient/hash-of-c']);
  });

  it('do not name a resource that is there again', async () => {
    const source = new SimulatedSource('Patient');
    source.put('a', START - 1000, []);
    source.delete('a', START + 1000);
    source.put('a', START + 2000, []);
    expect((await deletionsOf(source)).urls).toEqual([]);
  });

  it('are reported although the index of the source still has what was deleted', async () => {
    const source = new SimulatedSource('Patient');
    source.put('a', START - 1000, []);
    source.put('b', START - 1000, []);
    source.delete('a', START + 1000);
    source.delete('b', START + 1000);
    source.rows.push({ id: 'a', at: START - 1000, tags: [], version: 0 });
    source.put('b', START + 1000, []);
    expect((await deletionsOf(source)).urls).toEqual(['Patient/hash-of-a']);
  });

  it('go on where a slice ended, and come in Bundles of a hundred at most', async () => {
    const source = new SimulatedSource('Patient');
    for (let index = 0; index < 250; index++) source.put(`p${index}`, START - 1000, []);
    for (let index = 0; index < 250; index++) source.delete(`p${index}`, START + index);
    const reported = await deletionsOf(source, 120);
    expect(new Set(reported.urls).size).toBe(250);
    expect(reported.urls).toHaveLength(250);
    expect(reported.bundles).toBeGreaterThan(2);
    expect(reported.slices).toBeGreaterThan(2);
  });

  it('are reported once and to the end although links of the history expire', async () => {
    const source = new SimulatedSource('Patient');
    for (let index = 0; index < 60; index++) source.put(`p${index}`, START - 1000, []);
    for (let index = 0; index < 60; index++) source.delete(`p${index}`, START + index);
    const follow = source.follow.bind(source);
    let links = 0;
    source.follow = (url) =>
      [4, 9].includes(++links)
        ? Promise.reject(new ExportError('source-refused', 'The source answered 410.'))
        : follow(url);
    const { urls } = await deletionsOf(source, 10);
    expect(urls).toEqual(Array.from({ length: 60 }, (_, index) => `Patient/hash-of-p${index}`).sort());
    expect(links).toBeGreaterThan(9);
    source.follow = () => Promise.reject(new ExportError('source-refused', 'The source answered 410.'));
    await expect(deletionsOf(source, 10)).rejects.toThrow('history cannot be read to its end');
  });

  it.each<[string, Behaviour, number]>([
    ['as its total says', { hasLinks: false, mostPerPage: 10 }, 20],
    ['as it fills the page', { hasLinks: false, hasTotals: false }, 10],
  ])('of a history that ends early without a link, %s, come with a note', async (_, behaviour, pageSize) => {
    const source = new SimulatedSource('Patient', behaviour);
    for (let index = 0; index < 30; index++) source.put(`p${index}`, START - 1000, []);
    for (let index = 0; index < 30; index++) source.delete(`p${index}`, START + index);
    await expect(deletionsOf(source, pageSize)).rejects.toThrow('history cannot be read to its end');
  });

  it('of a history of one page come without a note', async () => {
    for (const hasTotals of [true, false]) {
      const source = new SimulatedSource('Patient', { hasLinks: false, hasTotals });
      source.put('a', START - 1000, []);
      source.delete('a', START);
      expect((await deletionsOf(source)).urls).toEqual(['Patient/hash-of-a']);
    }
  });

  it('of a history that is refused are not reported, and a note says why', async () => {
    const source = new SimulatedSource('Patient', { refuses: ['_since'] });
    const result = await runDeletionSlice(
      { type: 'Patient', from: iso(0), until: iso(100) },
      { pageSize: 3, cursor: undefined },
      { pages: 1, bytes: Infinity, milliseconds: Infinity },
      {
        source,
        deletedIds: async (ids) => [...ids],
        openFile: () => Promise.reject(new Error('nothing is to be written')),
        clock: () => 0,
        isStopped: () => Promise.resolve(false),
      },
    );
    expect(result).toMatchObject({
      cursor: undefined,
      lines: 0,
      note: { type: 'Patient', reason: expect.stringMatching(/history cannot be read/) },
    });
  });
});

describe('a page of a history', () => {
  const page = (entry: object): Buffer =>
    Buffer.from(JSON.stringify({ resourceType: 'Bundle', type: 'history', entry: [entry] }));
  const response = { lastModified: iso(1) };

  it.each([
    ['Patient/1', undefined],
    ['Patient/1/_history/3', undefined],
    ['http://source/fhir/Patient/1/_history/3', undefined],
    ['Patient?identifier=x', 'http://source/fhir/Patient/1'],
  ])('reports what was deleted by %s', (url, fullUrl) => {
    const { deletions } = readHistoryPage(
      page({ fullUrl, request: { method: 'DELETE', url }, response }),
      'Patient',
    );
    expect(deletions.map(({ id, at }) => [id, at.text])).toEqual([['1', iso(1)]]);
  });

  it.each([
    ['of what', { request: { method: 'DELETE', url: 'Observation/1' }, response }],
    ['when', { request: { method: 'DELETE', url: 'Patient/1' } }],
  ])('that does not say %s is not believed', (_name, entry) => {
    expect(() => readHistoryPage(page(entry), 'Patient')).toThrow(/does not say what was deleted, or when/);
  });
});

describe('whether deletions are reported', () => {
  const plan = (change: object): { types: string[]; words: string[] } => {
    const { partitions, notes } = planDeletions({
      request: { level: { kind: 'system' }, since: iso(0), typeFilters: [] },
      types: ['Patient', 'Observation'],
      transactionTime: iso(100),
      historyTypes: new Set(['Patient', 'Observation']),
      lastingTypes: new Set(['Patient', 'Observation']),
      ...change,
    });
    return { types: partitions.map(({ window }) => window.type), words: deletionSentences(notes) };
  };

  it.each([
    ['all is there', {}, ['Patient', 'Observation'], []],
    [
      'there is no _since',
      { request: { level: { kind: 'system' }, since: undefined, typeFilters: [] } },
      [],
      [],
    ],
    [
      'not at another level',
      { request: { level: { kind: 'patient' }, since: iso(0), typeFilters: [] } },
      [],
      [/Deletions of Patient, Observation are not reported.*compartment/],
    ],
    [
      'not where patients are counted, which deletions cannot be',
      { request: { level: { kind: 'system' }, since: iso(0), typeFilters: [], minPatients: 10 } },
      [],
      [/Deletions of Patient, Observation are not reported.*MIN_PATIENTS/],
    ],
    [
      'not of a type with filters',
      {
        request: { level: { kind: 'system' }, since: iso(0), typeFilters: [{ type: 'Patient', search: [] }] },
      },
      ['Observation'],
      [/Deletions of Patient are not.*_typeFilter/],
    ],
    [
      'not without a history',
      { historyTypes: new Set(['Patient']) },
      ['Patient'],
      [/Deletions of Observation are not.*history-type/],
    ],
    [
      'not without a lasting pseudonym',
      { lastingTypes: new Set(['Observation']) },
      ['Observation'],
      [/Deletions of Patient are not.*cryptoHash/],
    ],
  ])('%s', (_name, change, types, words) => {
    const planned = plan(change);
    expect(planned.types).toEqual(types);
    expect(planned.words).toEqual(words.map((pattern) => expect.stringMatching(pattern)));
  });
});
