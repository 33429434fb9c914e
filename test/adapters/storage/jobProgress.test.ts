import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { JobStore } from '../../../functions/adapters/storage/jobStore.js';
import { jobRequest } from '../../export/requests.js';
import { type Emulator, startEmulator } from '../azurite.js';

let emulator: Emulator;
let jobs: JobStore;
const { jobId } = jobRequest({ jobId: 'd'.repeat(32) });

beforeAll(async () => {
  emulator = await startEmulator();
  jobs = new JobStore(BlobServiceClient.fromConnectionString(emulator.connectionString));
  await jobs.create(jobRequest({ jobId }), Buffer.alloc(32), undefined);
});
afterAll(() => emulator.stop());

it('the progress of a partition stays where it was when an attempt is made again, or ends late', async () => {
  await jobs.putProgress(jobId, { partition: 0, resources: 840, isDone: false });
  await jobs.putProgress(jobId, { partition: 0, resources: 680, isDone: false });
  expect(await jobs.progress(jobId)).toEqual([{ partition: 0, resources: 840, isDone: false }]);
  await jobs.putProgress(jobId, { partition: 0, resources: 1000, isDone: true });
  await jobs.putProgress(jobId, { partition: 0, resources: 900, isDone: false });
  expect(await jobs.progress(jobId)).toEqual([{ partition: 0, resources: 1000, isDone: true }]);
});

it('of attempts that report at the same time, the furthest counts', async () => {
  const reported = [300, 100, 500, 400, 200];
  await Promise.all(
    reported.map((resources) =>
      jobs.putProgress(jobId, { partition: 1, resources, isDone: resources === 100 }),
    ),
  );
  const [, second] = await jobs.progress(jobId);
  expect(second).toEqual({ partition: 1, resources: 500, isDone: true });
});

it('the progress of partitions of one step is listed one by one, and never goes back', async () => {
  await jobs.putProgress(jobId, { partition: 11, resources: 2, isDone: false });
  await jobs.putProgress(jobId, { partition: 10, resources: 7, isDone: true }, [5, 0]);
  // A late attempt, and one of another process.
  await jobs.putProgress(jobId, { partition: 10, resources: 3, isDone: false });
  const other = new JobStore(BlobServiceClient.fromConnectionString(emulator.connectionString));
  await other.putProgress(jobId, { partition: 10, resources: 4, isDone: false }, [1]);
  const listed = (await jobs.progress(jobId)).filter(({ partition }) => partition >= 10);
  expect(listed.sort((one, two) => one.partition - two.partition)).toEqual([
    { partition: 10, resources: 7, isDone: true },
    { partition: 11, resources: 5, isDone: true },
    { partition: 12, resources: 0, isDone: true },
  ]);
});

it('claims that storage has lost are found before a partition is given to a second worker', async () => {
  const lost = expect.objectContaining({ code: 'job-state-missing', retryable: false });
  await expect(jobs.checkClaim(jobId, 0)).rejects.toEqual(lost);
  expect(await jobs.claimPartition(jobId, { worker: 0, turn: 0 }, { first: 0, end: 3 })).toEqual({
    partition: 0,
  });
  await expect(jobs.checkClaim(jobId, 0)).resolves.toBeUndefined();
  await expect(jobs.checkClaim(jobId, 1)).rejects.toEqual(lost);
  // The worker was in its turn 1 before.
  await expect(jobs.claimPartition(jobId, { worker: 0, turn: 2 }, { first: 0, end: 3 })).rejects.toEqual(
    lost,
  );
  await expect(jobs.claimPartition(jobId, { worker: 1, turn: 1 }, { first: 0, end: 3 })).rejects.toEqual(
    lost,
  );
  expect(await jobs.claimPartition(jobId, { worker: 0, turn: 1 }, { first: 0, end: 3 })).toEqual({
    partition: 1,
  });
});
