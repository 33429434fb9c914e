import { describe, expect, it } from 'vitest';
import { ExportError } from '../../../functions/common/errors.js';
import { rawLines } from '../../../functions/export/output/rawLines.js';
import { PatientCounter } from '../../../functions/export/selection/patientCount.js';
import { namesReferredTo, ReferenceCollector } from '../../../functions/export/slice/referenceCollector.js';
import { runReferencedSlice } from '../../../functions/export/slice/referencedSlice.js';
import type { SliceLimits } from '../../../functions/export/slice/slice.js';
import type { SearchParameters, Source, SourceAnswer } from '../../../functions/export/source/source.js';
import { tapeOf } from '../../../functions/json/json.js';
import { arraySink } from '../arraySink.js';

const answerOf = (value: object): SourceAnswer => ({
  body: Buffer.from(JSON.stringify(value)),
  date: undefined,
});
const practitioner = (id: string): object => ({ resourceType: 'Practitioner', id });
const notAsked = (): never => {
  throw new Error('not asked for');
};
const refused = new ExportError('source-refused', 'The source answered 400.');
const forbidden = new ExportError('source-forbidden', 'The source answered 403.');

/** A source that has the resources whose ids are even. */
function sourceOf(behaviour: Partial<Source>): Source {
  const has = (id: string): boolean => Number(id) % 2 === 0;
  return {
    search: async (_type, parameters) => {
      const ids = (valueOf(parameters, '_id') ?? '').split(',');
      const found = ids.filter(has).map((id) => ({ resource: practitioner(id) }));
      const isCount = valueOf(parameters, '_summary') === 'count';
      const entry = isCount ? [] : found;
      return answerOf({ resourceType: 'Bundle', type: 'searchset', total: found.length, entry });
    },
    follow: notAsked,
    typeHistory: notAsked,
    capabilities: notAsked,
    read: async (_type, id) => (has(id) ? answerOf(practitioner(id)) : undefined),
    ...behaviour,
  };
}

function valueOf(parameters: SearchParameters, name: string): string | undefined {
  return parameters.find(([own]) => own === name)?.[1];
}

const IDS = Array.from({ length: 40 }, (_, id) => String(id));
const EVEN = IDS.filter((id) => Number(id) % 2 === 0);
const NO_LIMITS: SliceLimits = { pages: Infinity, bytes: Infinity, milliseconds: Infinity };

async function exported(source: Source, limits = NO_LIMITS): Promise<{ ids: string[]; failures: object[] }> {
  const lines: string[] = [];
  const failures: object[] = [];
  let cursor: { nextId: number } | undefined;
  do {
    const result = await runReferencedSlice(
      { type: 'Practitioner', ids: IDS, pageSize: 7, concurrency: 1, cursor },
      limits,
      {
        source,
        lineMaker: rawLines,
        patients: new PatientCounter({ most: 0, fhirVersion: 'R4', secret: new Uint8Array() }),
        openFile: async () => arraySink(lines),
        clock: () => 0,
        isStopped: async () => false,
        tellProgress: () => undefined,
      },
    );
    cursor = result.cursor;
    failures.push(...result.report.failures);
  } while (cursor !== undefined);
  return { ids: lines.map((line) => (JSON.parse(line) as { id: string }).id), failures };
}

describe('a slice of what exported resources refer to', () => {
  it.each<[string, Partial<Source>, SliceLimits]>([
    ['by searches', {}, NO_LIMITS],
    ['over several slices', {}, { ...NO_LIMITS, pages: 2 }],
    ['one by one, where searches are refused', { search: () => Promise.reject(refused) }, NO_LIMITS],
    [
      'one by one, where searches by _id are answered with others',
      {
        search: async () =>
          answerOf({ resourceType: 'Bundle', type: 'searchset', entry: [{ resource: practitioner('99') }] }),
      },
      { ...NO_LIMITS, pages: 1 },
    ],
  ])('has what the source has, each once: %s', async (_, behaviour, limits) => {
    const { ids, failures } = await exported(sourceOf(behaviour), limits);
    expect(ids.sort()).toEqual([...EVEN].sort());
    expect(failures).toEqual([]);
  });

  it('reports those that the source refuses, and stops asking where it refuses all', async () => {
    let reads = 0;
    const { ids, failures } = await exported(
      sourceOf({
        search: () => Promise.reject(refused),
        read: () => {
          reads++;
          return Promise.reject(forbidden);
        },
      }),
    );
    expect(ids).toEqual([]);
    expect(failures).toEqual([
      { type: 'Practitioner', code: 'source-forbidden', message: 'The source answered 403.', count: 40 },
    ]);
    expect(reads).toBe(20);
  });

  it('leaves out what the source answers with a resource of another id', async () => {
    const source = sourceOf({
      search: () => Promise.reject(refused),
      read: async () => answerOf(practitioner('other')),
    });
    expect(await exported(source)).toEqual({ ids: [], failures: [] });
  });

  it('fails where the source answers with a resource of another type', async () => {
    const source = sourceOf({
      search: () => Promise.reject(refused),
      read: async (_type, id) => answerOf({ resourceType: 'Location', id }),
    });
    await expect(exported(source)).rejects.toMatchObject({ code: 'source-not-fhir' });
  });
});

it.each([
  ['in an element', '{"performer":[{"reference":"Practitioner/1"}]}', 'Practitioner/1'],
  ['with a version', '{"performer":[{"reference":"Practitioner/1/_history/2"}]}', 'Practitioner/1'],
  [
    'below a base of the source',
    '{"a":{"reference":"https://source.example/fhir/Location/1"}}',
    'Location/1',
  ],
  ['in a contained resource', '{"contained":[{"a":{"reference":"Location/1"}}]}', 'Location/1'],
  ['in an extension', '{"extension":[{"valueReference":{"reference":"Location/1"}}]}', 'Location/1'],
  ['written with escapes', '{"a":{"refer\\u0065nce":"Location\\/1"}}', 'Location/1'],
  [
    'twice, and of two types',
    '{"a":[{"reference":"Location/2"},{"reference":"Practitioner/1"},{"reference":"Location/2"}]}',
    'Location/2\nPractitioner/1',
  ],
  ['of another type', '{"subject":{"reference":"Patient/1"}}', ''],
  ['on another server', '{"a":{"reference":"https://other.example/fhir/Location/1"}}', ''],
  ['contained, by a search, or as a URN', '{"a":[{"reference":"#1"},{"reference":"Location?name=x"}]}', ''],
  ['that is no text', '{"a":{"reference":{"reference":1}}}', ''],
])('finds references %s', (_, text, expected) => {
  const collector = new ReferenceCollector(['Practitioner', 'Location'], ['https://source.example/fhir']);
  collector.add('Encounter', tapeOf(text));
  expect(namesReferredTo(collector.lines, () => false)).toBe(expected);
});

it('leaves out what only some types refer to', () => {
  const collector = new ReferenceCollector(['Location'], []);
  const refersTo = (id: number) => tapeOf(`{"a":{"reference":"Location/${id}"}}`);
  for (const id of [1, 2]) collector.add('Encounter', refersTo(id));
  for (const id of [2, 3]) collector.add('Observation', refersTo(id));
  const isObservation = (type: string): boolean => type === 'Observation';
  expect(namesReferredTo(collector.lines, isObservation)).toBe('Location/1\nLocation/2');
  expect(namesReferredTo(collector.lines, () => true)).toBe('');
});
