import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { JobStore } from '../../../functions/adapters/storage/jobStore.js';
import { jobRequest } from '../../export/requests.js';
import { type Emulator, startEmulator } from '../azurite.js';

let emulator: Emulator;
let jobs: JobStore;
let now = 1000;

beforeAll(async () => {
  emulator = await startEmulator();
  jobs = new JobStore(BlobServiceClient.fromConnectionString(emulator.connectionString));
});
afterAll(() => emulator.stop());

/** Whether a job was let in. */
async function begin(jobId: string, owner: string, mostPerCaller: number): Promise<boolean> {
  const entered = await jobs.enterRunning({ jobId, owner, at: now }, { most: 1000, mostPerCaller }, 4);
  if ('refusal' in entered) return false;
  await jobs.create(jobRequest({ jobId, owner }), new Uint8Array(1), undefined);
  return true;
}

it('of many kick-offs at the same time, as many begin as may, and one more for each that ends', async () => {
  const begun = await Promise.all(Array.from({ length: 12 }, (_, n) => begin(`a${n}`, 'a', 3)));
  expect(begun.filter(Boolean)).toHaveLength(3);
  expect(await begin('b0', 'b', 3)).toBe(true);
  const [first, second] = [...begun.keys()].filter((n) => begun[n] === true);
  await jobs.putOutcome(`a${first}`, { state: 'completed', at: '2026-01-01T00:00:00Z' });
  expect(await begin('a-next', 'a', 3)).toBe(true);
  expect(await begin('a-more', 'a', 3)).toBe(false);
  await jobs.putStop(`a${second}`, { reason: 'cancelled', at: '2026-01-01T00:00:00Z' });
  expect(await begin('a-last', 'a', 3)).toBe(true);
});

it('a kick-off that fails takes no place, whether it says so or not', async () => {
  const enter = (jobId: string): Promise<object> =>
    jobs.enterRunning({ jobId, owner: 'c', at: now }, { most: 1000, mostPerCaller: 1 }, 4);
  expect(await enter('c1')).toEqual({ workers: 4 });
  expect(await enter('c2')).toHaveProperty('refusal');
  await jobs.leaveRunning('c1');
  expect(await enter('c3')).toEqual({ workers: 4 });
  now += 200_000;
  expect(await enter('c4')).toEqual({ workers: 4 });
});

it('a kick-off that finds its own entry, as the answer to the write was lost, takes one place', async () => {
  const enter = (jobId: string, mostPerCaller: number): Promise<object> =>
    jobs.enterRunning({ jobId, owner: 'd', at: now }, { most: 1000, mostPerCaller }, 4);
  expect(await enter('d1', 1)).toEqual({ workers: 4 });
  expect(await enter('d1', 1)).toEqual({ workers: 4 });
  expect(await enter('d2', 2)).toEqual({ workers: 2 });
});

it('the list is no job', async () => {
  expect(await jobs.jobIds()).not.toContain('running.json');
});
