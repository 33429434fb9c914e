import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ExportSliceInput, ExportSliceOutput } from '../../functions/activities/sliceRunner.js';
import { SliceThreads } from '../../functions/activities/sliceThreads.js';

const input = (partition: number): ExportSliceInput => ({
  jobId: 'job',
  partition,
  slice: 0,
  previous: null,
});

describe('slices on worker threads', () => {
  let threads: SliceThreads;
  const lines: object[] = [];
  const run = (partition: number): Promise<ExportSliceOutput> =>
    threads.run(input(partition), (line) => lines.push(line));
  beforeEach(() => {
    threads = new SliceThreads(new URL('sliceThread.mjs', import.meta.url), 2);
  });
  afterEach(() => threads.end());

  it('use as many threads as there is work for, and no more', async () => {
    const outputs = await Promise.all([4, 4, 4, 4].map((partition) => run(partition)));
    expect(new Set(outputs.map(({ attempt }) => attempt)).size).toBe(2);
  });

  it('use as many threads as are allowed, which may become more', async () => {
    threads.allow(1);
    const first = await Promise.all([run(4), run(4)]);
    threads.allow(3);
    const then = await Promise.all([run(4), run(4), run(4)]);
    expect([first, then].map((some) => new Set(some.map(({ attempt }) => attempt)).size)).toEqual([1, 2]);
  });

  it('fail as they would on the main thread', async () => {
    await expect(run(1)).rejects.toMatchObject({
      name: 'ExportError',
      code: 'source-refused',
      message: 'The source refuses.',
      retryable: false,
    });
  });

  it('report nothing of an unexpected error but its class', async () => {
    const failure = await run(2).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'internal', retryable: true });
    expect(String(failure)).toContain('TypeError');
    expect(String(failure)).not.toMatch(/Jane|1970/);
  });

  it('are tried again after their thread has died, on another one', async () => {
    const [dying, other] = [run(3), run(4)];
    await expect(dying).rejects.toMatchObject({ code: 'internal', retryable: true });
    await expect(other).resolves.toMatchObject({ isDone: true });
    await expect(run(0)).resolves.toMatchObject({ isDone: true });
  });

  it('forget the keys of an ended job on every thread', async () => {
    await Promise.all([run(4), run(4)]);
    threads.forget('ended');
    const answers = await Promise.all([run(5), run(5)]);
    expect(answers.map(({ attempt }) => attempt)).toEqual(['ended', 'ended']);
  });

  it('report what is to be logged to the caller, who knows the step and the job', async () => {
    await run(6);
    expect(lines).toEqual([{ event: 'source-request-failed' }]);
  });
});
