import type { DurableClient } from 'durable-functions';
import { expect, it } from 'vitest';
import { purgeJob, terminateJob } from '../../functions/jobs/jobInstances.js';

it.each([
  [{}, ['job', 'job:worker-0', 'job:worker-1']],
  [{ sourceMode: 'files' as const }, ['job', ...numbered(0, 4)]],
  [{ referencedTypes: ['Practitioner'] }, ['job', ...numbered(0, 24)]],
  [
    { sourceMode: 'bulk' as const },
    // Of each export of the source, those that read its files, and read them again.
    ['job', ...numbered(0, 4), ...numbered(24, 28), ...numbered(48, 52)],
  ],
])('cancel and purge find all workers of a job: %o', async (of, ids) => {
  const called: string[] = [];
  const client = {
    terminate: async (id: string) => void called.push(id),
    purgeInstanceHistory: async (id: string) => void called.push(id),
  } as unknown as DurableClient;
  const job = { jobId: 'job', workers: 2, ...of };
  await terminateJob(client, job, [7]);
  expect(called).toEqual([...ids, 'job:partition-7']);
  called.length = 0;
  await purgeJob(client, job, 2);
  expect(called).toEqual([...ids, 'job:partition-0', 'job:partition-1']);
});

function numbered(first: number, end: number): string[] {
  return Array.from({ length: end - first }, (_, more) => `job:worker-${first + more}`);
}
