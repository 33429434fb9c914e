import type { OrchestrationContext } from 'durable-functions';
import { expect, it } from 'vitest';
import { exportWorker } from '../../functions/orchestrators/exportWorker.js';

const JOB = {
  jobId: 'job',
  worker: 0,
  turn: 0,
  first: 0,
  end: 9,
  retry: { maxAttempts: 1, firstRetrySeconds: 1 },
};
const LAST_CLAIM = { ok: true, value: { partition: null } };
const FAILED = { ok: false, failure: { code: 'source-refused', message: 'It refuses.', retryable: false } };

interface Asked {
  name: string;
  input: unknown;
}

/** The steps that a worker takes, where each has the next one of the results. */
function stepsWith(results: readonly unknown[]): Asked[] {
  const ask = (name: string, input: unknown): Asked => ({ name, input });
  const df = {
    getInput: () => JOB,
    callActivityWithRetry: (name: string, _options: object, input: unknown) => ask(name, input),
    callSubOrchestrator: (name: string, input: unknown) => ask(name, input),
  };
  const running = exportWorker({ df } as unknown as OrchestrationContext);
  const steps: Asked[] = [];
  let next = running.next();
  for (const result of results) {
    if (next.done === true) break;
    steps.push(next.value as unknown as Asked);
    next = running.next(result as never);
  }
  expect(next.done).toBe(true);
  return steps.filter(({ name }) => name !== 'claimPartition');
}

const claimed = (count?: number): object => ({ ok: true, value: { partition: 4, ...(count && { count }) } });
const part = (partition: number, slice = 0, previous: string | null = null): object => {
  return { name: 'exportPartition', input: { jobId: 'job', partition, slice, previous, retry: JOB.retry } };
};
const group = { name: 'exportGroup', input: { jobId: 'job', partition: 4, count: 3 } };
const complete = (...lasts: string[]): object => {
  return { name: 'completeGroup', input: { jobId: 'job', partition: 4, lasts } };
};
const stop = { name: 'stopExport', input: { jobId: 'job', failure: FAILED.failure } };
const made = (done: string[], open: string | null): object => ({ ok: true, value: { done, open } });
const DONE = { ok: true, value: null };

it.each<[string, unknown[], object[]]>([
  ['a partition alone', [claimed(), DONE, LAST_CLAIM], [part(4)]],
  ['a group', [claimed(3), made(['a', 'b', 'c'], null), DONE, LAST_CLAIM], [group, complete('a', 'b', 'c')]],
  [
    'a group of which a part has more to read than was counted',
    [claimed(3), made(['a'], 'b'), DONE, DONE, DONE, LAST_CLAIM],
    [group, complete('a'), part(5, 1, 'b'), part(6)],
  ],
  [
    'a group whose first part has more to read',
    [claimed(3), made([], 'a'), DONE, DONE, DONE, LAST_CLAIM],
    [group, part(4, 1, 'a'), part(5), part(6)],
  ],
  [
    'a group whose time was over',
    [claimed(3), made(['a', 'b'], null), DONE, DONE, LAST_CLAIM],
    [group, complete('a', 'b'), part(6)],
  ],
  ['a group that fails', [claimed(3), FAILED, DONE], [group, stop]],
  ['a group whose end fails', [claimed(3), made(['a'], null), FAILED, DONE], [group, complete('a'), stop]],
  [
    'a group of which a part fails that is read alone',
    [claimed(3), made(['a'], null), DONE, FAILED, DONE],
    [group, complete('a'), part(5), stop],
  ],
])('every partition that a worker has claimed is read to its end once: %s', (_, results, steps) => {
  expect(stepsWith(results)).toEqual(steps);
});
