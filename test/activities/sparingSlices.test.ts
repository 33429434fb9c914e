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

it.each<[string, string, () => Promise<JobPlan | undefined>, number]>([
  ['the main thread, of few resources', 'main', async () => planOf([4000, 6000]), 1],
  ['threads, of more', 'threads', async () => planOf([4000, 6001]), 1],
  ['threads, where a type is not counted', 'threads', async () => planOf([1, undefined]), 1],
  ['threads, where the plan is gone', 'threads', async () => undefined, 3],
  ['threads, where the plan cannot be read', 'threads', () => Promise.reject(new Error('storage')), 3],
])('the slices of a job are run by %s', async (_, name, plan, reads) => {
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
  expect(asked).toBe(reads);
  slices.forget('job');
  expect(forgotten).toEqual(['main job', 'threads job']);
});

it('as many threads are allowed as the jobs of which slices run are large together', async () => {
  const plans: Record<string, JobPlan> = {
    small: planOf([10_000]),
    one: planOf([190_000]),
    two: planOf([200_001]),
    uncounted: planOf([undefined]),
  };
  const allowed: number[] = [];
  const open: Array<() => void> = [];
  let began: () => void = NOTHING;
  const held = (runner: GrowingSlices): GrowingSlices => ({
    ...runner,
    run: async (input, log) => {
      await new Promise<void>((resolve) => {
        open.push(resolve);
        began();
      });
      if (input.partition === 1) throw new Error('the slice fails');
      return runner.run(input, log);
    },
  });
  const slices = new SparingSlices(held(runnerOf('main', [])), held(runnerOf('threads', [], allowed)), {
    plan: async (jobId) => plans[jobId],
  });
  const begin = async (jobId: string, partition = 0): Promise<Promise<unknown>[]> => {
    const isRun = new Promise<void>((resolve) => {
      began = resolve;
    });
    const run = slices.run({ jobId, partition, slice: 0, previous: null }, NOTHING).catch(() => 'failed');
    await isRun;
    return [run];
  };
  const end = async (runs: readonly Promise<unknown>[]): Promise<void> => {
    for (const release of open) release();
    await Promise.all(runs);
  };
  const first = [await begin('small'), await begin('one'), await begin('two'), await begin('two')];
  expect(allowed).toEqual([1, 3, 3]);
  await end(first.flat());
  // Nobody says here that a job has ended elsewhere, or that its slices failed.
  await end(await begin('one', 1));
  await end([...(await begin('two')), ...(await begin('gone'))]);
  await end(await begin('two'));
  await end(await begin('uncounted'));
  expect(allowed.slice(3)).toEqual([1, 2, Infinity, 2, Infinity]);
});
