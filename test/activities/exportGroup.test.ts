import { expect, it } from 'vitest';
import type { ActivityDependencies } from '../../functions/activities/dependencies.js';
import { CpuShares } from '../../functions/activities/cpuShares.js';
import { exportGroup } from '../../functions/activities/exportGroup.js';
import { JobCache } from '../../functions/activities/jobCache.js';
import type { JobStore } from '../../functions/adapters/storage/jobStore.js';
import { ExportError } from '../../functions/common/errors.js';
import type { PartitionProgress, StoredSlice } from '../../functions/export/records/job.js';
import { arraySink } from '../export/arraySink.js';
import { jobRequest } from '../export/requests.js';

const UNTIL = '2026-01-01T00:00:00Z';
const TYPES = ['Condition', 'Encounter', 'Procedure'];

interface Case {
  /** The type whose page is followed by another one; none unless set. */
  more?: string;
  /** The type that the source refuses; none unless set. */
  refused?: string;
  /** Milliseconds that a request to the source takes. Default 0. */
  requestMs?: number;
  /** Whether the job is stopped once so many files are there. Default never. */
  stopsAfter?: number;
}

/** A group of three types, a resource each; what it gives, and what it leaves. */
async function groupOf({ more, refused, requestMs = 0, stopsAfter = Infinity }: Case) {
  const files = new Set<string>();
  const records: string[] = [];
  const costs: unknown[] = [];
  const progress: number[] = [];
  const read = { request: 0, plan: 0, records: 0, container: 0 };
  let at = 0;
  let cpu = 0;
  const request = jobRequest({ jobId: 'job', minPatients: 0 });
  const partitions = TYPES.map((type) => ({ window: { type, from: undefined, until: UNTIL }, estimate: 1 }));
  const jobs = {
    request: async () => {
      read.request++;
      return request;
    },
    plan: async () => {
      read.plan++;
      return { transactionTime: UNTIL, partitions };
    },
    records: async () => {
      read.records++;
      const isStopped = files.size >= stopsAfter;
      return {
        request,
        stop: isStopped ? { reason: 'cancelled', at: UNTIL } : undefined,
        outcome: undefined,
      };
    },
    putSlice: async (_job: string, partition: number, _attempt: string, record: StoredSlice) => {
      const stored = [record, ...Object.values(record.following ?? {})];
      records.push(...TYPES.slice(partition, partition + stored.length));
      costs.push(...stored.map(({ cost }) => cost));
    },
    checkClaim: async () => undefined,
    putProgress: async (
      _job: string,
      { partition, isDone }: PartitionProgress,
      following: readonly number[] = [],
    ) => {
      if (isDone) progress.push(partition, ...following.map((_, nth) => partition + 1 + nth));
    },
  };
  const bodyOf = (type: string): Buffer => {
    const self = `http://source.example/${type}?_sort=_lastUpdated&_lastUpdated=x`;
    const link = [
      { relation: 'self', url: self },
      ...(type === more ? [{ relation: 'next', url: `${self}&2` }] : []),
    ];
    const resource = {
      resourceType: type,
      id: 'a',
      meta: { lastUpdated: '2025-01-01T00:00:00Z' },
      subject: { reference: 'Patient/p' },
    };
    const entry = [{ resource, search: { mode: 'match' } }];
    return Buffer.from(JSON.stringify({ resourceType: 'Bundle', type: 'searchset', link, total: 1, entry }));
  };
  const search = async (type: string): Promise<object> => {
    at += requestMs;
    cpu += 2;
    if (type === refused) throw new ExportError('source-unverifiable', 'It answers what was not asked.');
    return { body: bodyOf(type), date: 0 };
  };
  const dependencies = {
    settings: {
      fhirVersion: 'R4',
      pageSize: 10,
      sliceMaxPages: 2,
      sliceMaxMebibytes: 1,
      sliceMaxSeconds: 10,
    },
    jobs,
    files: {
      confirmContainer: async () => void read.container++,
      create: async (_container: string, name: string) => {
        files.add(name);
        return arraySink([]);
      },
      deleteFile: async (_container: string, name: string) => void files.delete(name),
    },
    sourceOf: (_requester: string, _log: unknown, onRequest?: () => void) => ({
      search: (type: string) => {
        onRequest?.();
        return search(type);
      },
    }),
    cpu: new CpuShares(() => cpu),
    cache: new JobCache(
      jobs as unknown as JobStore,
      { fhirVersion: 'R4', fhirServerUrl: 'https://source.example/fhir' },
      () => Promise.resolve(null),
    ),
    now: () => at,
  };
  const run = exportGroup(dependencies as unknown as ActivityDependencies);
  const input = { jobId: 'job', partition: 0, count: TYPES.length };
  const outcome = await run(input, () => undefined).then(
    ({ done, open }) => ({ done: done.length, open: open !== null }),
    (error: unknown) => (error instanceof ExportError ? error.code : error),
  );
  const left = [...files].map((name) => /([A-Z][a-z]+)-\d+-0-/.exec(name)?.[1]);
  return { outcome, left, records, costs, read, progress };
}

it('a group reads the partitions one after the other, and what they share once', async () => {
  const { outcome, left, records, costs, read, progress } = await groupOf({});
  expect(outcome).toEqual({ done: 3, open: false });
  expect(left).toEqual(TYPES);
  expect(records).toEqual(TYPES);
  expect(costs).toEqual(TYPES.map(() => ({ sourceRequests: 2, cpuSeconds: 4 })));
  expect(progress).toEqual([0, 1, 2]);
  expect(read).toEqual({ request: 1, plan: 1, records: 2, container: 1 });
});

it.each<[string, Case, unknown, string[]]>([
  ['where one has more to read', { more: 'Encounter' }, { done: 1, open: true }, ['Condition', 'Encounter']],
  ['where its time is over', { requestMs: 4000 }, { done: 2, open: false }, ['Condition', 'Encounter']],
])('a group ends early %s, with what was read', async (_, more, outcome, left) => {
  expect(await groupOf(more)).toMatchObject({ outcome, left });
});

it.each<[string, Case, string]>([
  ['one of them fails', { refused: 'Procedure' }, 'source-unverifiable'],
  ['the job is stopped before its end', { stopsAfter: 3 }, 'job-stopped'],
  ['the job is stopped while it reads', { stopsAfter: 1, requestMs: 2000 }, 'job-stopped'],
])('a group leaves no file, and no partition that is done, where %s', async (_, change, outcome) => {
  expect(await groupOf(change)).toMatchObject({ outcome, left: [], progress: [] });
});
