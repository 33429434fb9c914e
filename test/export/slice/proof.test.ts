import { describe, expect, it } from 'vitest';
import { emptyReport, type PartitionRecord } from '../../../functions/export/records/job.js';
import { isComplete, provePartsComplete } from '../../../functions/export/slice/proof.js';
import type { Claim } from '../../../functions/export/walk/walk.js';
import { exportRaw } from '../exportRaw.js';
import { jobRequest } from '../requests.js';
import { type Behaviour, SimulatedSource } from '../simulatedSource.js';

const BEGIN = Date.parse('2024-01-01T00:00:00.000Z');
const UNTIL = '2024-06-01T00:00:00.000Z';

function sourceOf(rows: number, behaviour: Behaviour = {}): SimulatedSource {
  const source = new SimulatedSource('Observation', behaviour);
  for (let index = 0; index < rows; index++) source.put(`r${index}`, BEGIN + index * 1000, []);
  return source;
}

async function exportWhole(source: SimulatedSource, pageSize: number): Promise<number> {
  let lines = 0;
  for await (const _line of exportRaw(source, {
    types: ['Observation'],
    since: undefined,
    until: undefined,
    transactionTime: UNTIL,
    typeFilters: [],
    pageSize,
    slicePages: 3,
    partitionResources: 1000,
    leastResources: 1000,
  })) {
    lines++;
  }
  return lines;
}

/** A source whose totals are all too high, those of small searches too. */
function estimating(source: SimulatedSource): SimulatedSource {
  const search = source.search.bind(source);
  source.search = async (type, parameters) => {
    const { body, ...rest } = await search(type, parameters);
    const bundle = JSON.parse(body.toString('utf8')) as { total: number };
    return {
      ...rest,
      body: Buffer.from(JSON.stringify({ ...bundle, total: Math.ceil(bundle.total * 1.1) })),
    };
  };
  return source;
}

const ALL: Claim['parameters'] = [['_lastUpdated', `lt${UNTIL}`]];
const KNOWN: Claim['known'] = { parameters: [['_lastUpdated', 'ge2024-01-01T00:00:25.000Z']], rows: 5 };

describe('a source must not count more in a window than was read', () => {
  it.each([
    ['as many', sourceOf(30), { read: 30, known: KNOWN }, true],
    ['fewer, since some were updated meanwhile', sourceOf(30), { read: 31, known: KNOWN }, true],
    ['more, by estimates', estimating(sourceOf(30)), { read: 30, known: KNOWN }, false],
    [
      'more, where nothing distinguishes a count from an estimate',
      sourceOf(30),
      { read: 29, known: undefined },
      false,
    ],
    ['none', sourceOf(30, { countsAtAll: false }), { read: 30, known: KNOWN }, false],
  ] as const)('it counts %s', async (_name, source, claim, expected) => {
    expect(await isComplete(source, 'Observation', { parameters: ALL, ...claim })).toBe(expected);
  });

  it('it counts more: the export ends', async () => {
    const claim = { read: 29, parameters: ALL, known: KNOWN };
    await expect(isComplete(sourceOf(30), 'Observation', claim)).rejects.toThrow(/counts more Observation/);
  });

  it('a source whose pages lose a resource ends the export', async () => {
    const source = sourceOf(95);
    const search = source.search.bind(source);
    source.search = async (type, parameters) => {
      const { body, ...rest } = await search(type, parameters);
      const bundle = JSON.parse(body.toString('utf8')) as { entry: unknown[] };
      const entry = bundle.entry.filter((item) => !JSON.stringify(item).includes('"r37"'));
      return { ...rest, body: Buffer.from(JSON.stringify({ ...bundle, entry })) };
    };
    await expect(exportWhole(source, 10)).rejects.toThrow(/counts more Observation/);
  });

  it('is not asked again where a total before the first page has shown it', async () => {
    const source = sourceOf(30);
    expect(await exportWhole(source, 100)).toBe(30);
    // The look, the latest resource, and the page.
    expect(source.queries).toHaveLength(3);
  });
});

describe('the parts of a type together', () => {
  const windows = [
    { type: 'Observation', from: undefined, until: '2024-01-01T00:00:10.000Z' },
    { type: 'Observation', from: '2024-01-01T00:00:10.000Z', until: UNTIL },
  ];
  const plan = {
    transactionTime: UNTIL,
    partitions: windows.map((window) => ({ window, estimate: undefined })),
  };
  const records = (...walked: Array<number | undefined>): PartitionRecord[] =>
    walked.map((count) => ({
      files: [],
      seconds: 0,
      report: emptyReport(),
      ...(count === undefined ? {} : { walked: count }),
    }));

  it.each([
    ['hold all', records(10, 20)],
    ['are not known of a version that did not count', records(10, undefined)],
  ])('%s', async (_name, parts) => {
    await provePartsComplete(sourceOf(30), jobRequest({ jobId: 'job' }), plan, parts);
  });

  it('hold fewer than are counted: the export ends', async () => {
    const proof = provePartsComplete(sourceOf(30), jobRequest({ jobId: 'job' }), plan, records(10, 19));
    await expect(proof).rejects.toThrow(/counts more Observation resources than the parts/);
  });

  it('are not compared with what may be an estimate', async () => {
    const parts = records(10, 19);
    parts[0]!.report.unproven = { counts: ['Observation'] };
    const source = sourceOf(30);
    await provePartsComplete(source, jobRequest({ jobId: 'job' }), plan, parts);
    expect(source.queries).toHaveLength(0);
  });
});
