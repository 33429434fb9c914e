import { describe, expect, it } from 'vitest';
import { deIdentifyThreads } from '../../../functions/http/deIdentify/threads.js';

const MODULE = new URL('thread.mjs', import.meta.url);
const task = (search: string): { body: Uint8Array; search: string } => ({ body: new Uint8Array(), search });
const done = { body: new Uint8Array([1]), issues: [] };

describe('the work of $de-identify on threads', () => {
  it('that takes too long is ended, while this thread goes on, and the next is done', async () => {
    const run = deIdentifyThreads(MODULE, 1, { ms: 2000, mebibytes: 64 });
    let ticks = 0;
    const ticking = setInterval(() => ticks++, 10);
    await expect(run(task('forever'))).rejects.toMatchObject({
      status: 503,
      headers: { 'retry-after': '5' },
    });
    clearInterval(ticking);
    // On a machine that is busy, far fewer than there is time for; none where the work were on this thread.
    expect(ticks).toBeGreaterThan(5);
    await expect(run(task(''))).resolves.toEqual(done);
  });

  it('waits where all threads are at work', async () => {
    const run = deIdentifyThreads(MODULE, 2);
    const all = await Promise.all(Array.from({ length: 5 }, () => run(task('wait'))));
    expect(all).toEqual(Array.from({ length: 5 }, () => done));
  });

  it('that takes too much memory is refused, and the next is done', async () => {
    const run = deIdentifyThreads(MODULE, 1, { ms: 60_000, mebibytes: 64 });
    await expect(run(task('memory'))).rejects.toMatchObject({ status: 422 });
    await expect(run(task(''))).resolves.toEqual(done);
  });
});
