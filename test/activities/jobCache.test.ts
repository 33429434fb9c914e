import { expect, it } from 'vitest';
import { JobCache } from '../../functions/activities/jobCache.js';
import type { JobStore } from '../../functions/adapters/storage/jobStore.js';
import { jobRequest } from '../export/requests.js';

const TRANSACTION_TIME = '2026-11-25T00:00:00Z';

/** A cache above a store that counts what is read, and fails so many times before. */
function counting(failures = 0): { cache: JobCache; reads: string[] } {
  const reads: string[] = [];
  const jobs = {
    members: async (jobId: string) => {
      reads.push(jobId);
      if (reads.length <= failures) throw new Error('Storage is busy.');
      return ['p'];
    },
  };
  return {
    cache: new JobCache(
      jobs as unknown as JobStore,
      { fhirVersion: 'R4', fhirServerUrl: 'https://source.example/fhir' },
      async () => null,
    ),
    reads,
  };
}

it('what is known of a job is made once, also when it is asked for twice at the same time', async () => {
  const { cache, reads } = counting();
  const [first, second] = await Promise.all([cache.members('a'), cache.members('a')]);
  expect(second).toBe(first);
  const request = jobRequest({ jobId: 'a' });
  expect(await cache.lineMaker(request, TRANSACTION_TIME)).toBe(
    await cache.lineMaker(request, TRANSACTION_TIME),
  );
  expect(await cache.members('a')).toBe(first);
  expect(reads).toEqual(['a']);
});

it('what could not be read is read again', async () => {
  const { cache, reads } = counting(1);
  await expect(cache.members('a')).rejects.toThrow('busy');
  expect((await cache.members('a')).ids).toEqual(['p']);
  expect(reads).toHaveLength(2);
});

it('a job that has ended is forgotten, as is the one longest unused of more than four', async () => {
  const { cache, reads } = counting();
  await cache.members('a');
  cache.forget('a');
  for (const jobId of ['a', 'b', 'c', 'd', 'e', 'a']) await cache.members(jobId);
  expect(reads).toEqual(['a', 'a', 'b', 'c', 'd', 'e', 'a']);
});

it('what is of a plan is made anew for another one, which follows another export of the source', async () => {
  const { cache, reads } = counting();
  const request = jobRequest({ jobId: 'a', elements: [{ type: undefined, element: 'id' }] as never });
  const before = await cache.lineMaker(request, TRANSACTION_TIME);
  expect(await cache.lineMaker(request, TRANSACTION_TIME)).toBe(before);
  expect(await cache.lineMaker(request, '2026-11-26T00:00:00Z')).not.toBe(before);
  const members = await cache.members('a');
  expect(await cache.members('a', 0)).toBe(members);
  expect(await cache.members('a', 12)).not.toBe(members);
  expect(reads).toEqual(['a', 'a']);
});

it('a job is thought to run for a moment after it was seen to, not once it was seen to have stopped', async () => {
  let [asked, isStopped] = [0, false];
  const jobs = {
    records: async () => {
      asked++;
      const stop = isStopped ? { reason: 'cancelled', at: TRANSACTION_TIME } : undefined;
      return { request: jobRequest({ jobId: 'a' }), stop, outcome: undefined };
    },
  } as unknown as JobStore;
  const source = { fhirVersion: 'R4', fhirServerUrl: 'https://source.example/fhir' } as const;
  const cache = new JobCache(jobs, source, async () => null);
  expect(await cache.isThoughtToRun('a', 0)).toBe(true);
  isStopped = true;
  expect(await cache.isThoughtToRun('a', 999)).toBe(true);
  expect(asked).toBe(1);
  expect(await cache.isThoughtToRun('a', 1000)).toBe(false);
  isStopped = false;
  expect(await cache.isRunning('a', 1001)).toBe(true);
  isStopped = true;
  expect(await cache.isRunning('a', 1002)).toBe(false);
  expect(await cache.isThoughtToRun('a', 1002)).toBe(false);
});
