import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ExportSliceInput } from '../../functions/activities/exportSlice.js';
import { SliceThreads } from '../../functions/adapters/sliceThreads.js';

const input = (partition: number): ExportSliceInput => ({
  jobId: 'job',
  partition,
  slice: 0,
  previous: null,
});

describe('slices on worker threads', () => {
  let threads: SliceThreads;
  beforeEach(() => {
    threads = new SliceThreads(new URL('sliceThread.mjs', import.meta.url), 2);
  });
  afterEach(() => threads.end());

  it('use as many threads as there is work for, and no more', async () => {
    const outputs = await Promise.all([4, 4, 4, 4].map((partition) => threads.run(input(partition))));
    expect(new Set(outputs.map(({ attempt }) => attempt)).size).toBe(2);
  });

  it('fail as they would on the main thread', async () => {
    await expect(threads.run(input(1))).rejects.toMatchObject({
      name: 'ExportError',
      code: 'source-refused',
      message: 'The source refuses.',
      retryable: false,
    });
  });

  it('tell nothing of an unexpected error but its class', async () => {
    const failure = await threads.run(input(2)).catch((thrown: unknown) => thrown);
    expect(failure).toMatchObject({ code: 'internal', retryable: true });
    expect(String(failure)).toContain('TypeError');
    expect(String(failure)).not.toMatch(/Jane|1970/);
  });

  it('are tried again after their thread has died, on another one', async () => {
    const [dying, other] = [threads.run(input(3)), threads.run(input(4))];
    await expect(dying).rejects.toMatchObject({ code: 'internal', retryable: true });
    await expect(other).resolves.toMatchObject({ isDone: true });
    await expect(threads.run(input(0))).resolves.toMatchObject({ isDone: true });
  });

  it('forget the keys of an ended job on every thread', async () => {
    await Promise.all([threads.run(input(4)), threads.run(input(4))]);
    threads.forget('ended');
    const told = await Promise.all([threads.run(input(5)), threads.run(input(5))]);
    expect(told.map(({ attempt }) => attempt)).toEqual(['ended', 'ended']);
  });
});
