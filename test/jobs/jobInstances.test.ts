import type { DurableClient } from 'durable-functions';
import { expect, it } from 'vitest';
import { purgeJob, terminateJob } from '../../functions/jobs/jobInstances.js';

it.each([
  [{}, ['job', 'job:worker-0', 'job:worker-1']],
  [{ sourceMode: 'files' as const }, ['job', 'job:worker-0', 'job:worker-1', 'job:worker-2', 'job:worker-3']],
])('cancel and purge find all workers of a job, of files those that read again, too: %o', async (of, ids) => {
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
