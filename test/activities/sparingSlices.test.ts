import { expect, it } from 'vitest';
import type { GrowingSlices } from '../../functions/activities/sliceRunner.js';
import { SparingSlices } from '../../functions/activities/sparingSlices.js';
import type { JobPlan } from '../../functions/export/records/job.js';

const NOTHING = (): void => undefined;

/** A runner whose attempts have its name. */
function runnerOf(name: string, forgotten: string[], allowed: number[] = []): GrowingSlices {
  return {
    run: async () => ({ attempt: name, isDone: true }),
    runGroup: async () => ({ done: [name], open: null }),
    forget: (jobId) => void forgotten.push(`${name} ${jobId}`),
    allow: (threads) => void allowed.push(threads),
  };
}

function planOf(estimates: ReadonlyArray<number | undefined>): JobPlan {
  const window = { type: 'Patient', from: undefined, until: '2026-01-01T00:00:00Z' };
  const partitions = estimates.map((estimate) => ({ window, estimate }));
  return { transactionTime: '2026-01-01T00:00:00Z', partitions };
}

it.each<[string, string, () => Promise<JobPlan | undefined>]>([
  ['the main thread, of few resources', 'main', async () => planOf([4000, 6000])],
  ['threads, of more', 'threads', async () => planOf([4000, 6001])],
  ['threads, where a type is not counted', 'threads', async () => planOf([1, undefined])],
  ['threads, where the plan is gone', 'threads', async () => undefined],
  ['threads, where the plan cannot be read', 'threads', () => Promise.reject(new Error('storage'))],
])('the slices of a job are run by %s', async (_, name, plan) => {
  const forgotten: string[] = [];
  let asked = 0;
  const slices = new SparingSlices(runnerOf('main', forgotten), runnerOf('threads', forgotten), {
    plan: () => {
      asked++;
      return plan();
    },
  });
  const input = { jobId: 'job', partition: 0, slice: 0, previous: null };
  expect(await slices.run(input, NOTHING)).toEqual({ attempt: name, isDone: true });
  await slices.run({ ...input, partition: 1 }, NOTHING);
  const group = { jobId: 'job', partition: 2, count: 3 };
  expect(await slices.runGroup(group, NOTHING)).toEqual({ done: [name], open: null });
  expect(asked).toBe(1);
  slices.forget('job');
  expect(forgotten).toEqual(['main job', 'threads job']);
});

it('as many threads are allowed as all jobs together are large', async () => {
  const plans: Record<string, JobPlan> = {
    small: planOf([10_000]),
    one: planOf([190_000]),
    two: planOf([200_001]),
    uncounted: planOf([undefined]),
  };
  const allowed: number[] = [];
  const slices = new SparingSlices(runnerOf('main', []), runnerOf('threads', [], allowed), {
    plan: async (jobId) => plans[jobId],
  });
  const run = (jobId: string) => slices.run({ jobId, partition: 0, slice: 0, previous: null }, NOTHING);
  for (const jobId of ['small', 'one', 'two']) await run(jobId);
  slices.forget('one');
  await run('two');
  await run('uncounted');
  expect(allowed).toEqual([1, 3, 2, Infinity]);
});
