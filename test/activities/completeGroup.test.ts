import { expect, it } from 'vitest';
import { completeGroup } from '../../functions/activities/completePartition.js';
import type { ActivityDependencies } from '../../functions/activities/dependencies.js';
import {
  emptyReport,
  type SliceRecord,
  type StoredPartition,
  type StoredSlice,
} from '../../functions/export/records/job.js';
import { jobRequest } from '../export/requests.js';

function recordOf(attempt: string): SliceRecord {
  const files = [{ type: 'Patient', name: `${attempt}.ndjson`, count: 1, bytes: 10 }];
  return { previous: undefined, files, cursor: undefined, resources: 1, seconds: 1, report: emptyReport() };
}

/** What is recorded of partitions 4 to 6, whose attempts are a, b and c. */
async function completed(slices: ReadonlyMap<string, StoredSlice>): Promise<Map<number, StoredPartition>> {
  const recorded = new Map<number, StoredPartition>();
  const jobs = {
    request: async () => jobRequest({ jobId: 'job' }),
    slice: async (_job: string, partition: number, attempt: string) => slices.get(`${partition} ${attempt}`),
    putPartition: async (_job: string, partition: number, record: StoredPartition) =>
      void recorded.set(partition, record),
  };
  const run = completeGroup({ jobs } as unknown as ActivityDependencies);
  await run({ jobId: 'job', partition: 4, lasts: ['a', 'b', 'c'] });
  return recorded;
}

it.each<[string, Map<string, StoredSlice>]>([
  [
    'in one record',
    new Map([['4 a', { ...recordOf('a'), following: { b: recordOf('b'), c: recordOf('c') } }]]),
  ],
  [
    'in a record of each, as an earlier version wrote them',
    new Map(['a', 'b', 'c'].map((attempt, more) => [`${4 + more} ${attempt}`, recordOf(attempt)])),
  ],
])('the files of a group whose attempts are %s are recorded together, in their order', async (_, slices) => {
  const recorded = await completed(slices);
  expect([...recorded.keys()]).toEqual([4]);
  const { files = [], following = [] } = recorded.get(4) ?? {};
  expect([files, ...following.map((each) => each.files)].map(([file]) => file?.name)).toEqual([
    'a.ndjson',
    'b.ndjson',
    'c.ndjson',
  ]);
});

it('a group is not complete where the record of an attempt is gone', async () => {
  const slices = new Map<string, StoredSlice>([
    ['4 a', { ...recordOf('a'), following: { b: recordOf('b') } }],
  ]);
  await expect(completed(slices)).rejects.toMatchObject({ code: 'job-state-missing' });
});
