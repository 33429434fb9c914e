import { describe, expect, it } from 'vitest';
import { admit, type RunningJob, toLookUp } from '../../../functions/jobs/model/runningJobs.js';
import { requesterOf, RequestLimiter } from '../../../functions/export/source/requestLimiter.js';

const LIMITS = { most: 100, mostPerCaller: 5 };
const WORKERS = 4;
/** Activities that the host runs at a time. */
const SLOTS = 8;

const jobOf = (n: number, owner?: string): RunningJob => ({
  jobId: `j${n}`,
  at: n,
  ...(owner === undefined ? {} : { owner }),
});

/** The workers of so many kick-offs, one after the other, none of which ends meanwhile; 0 where it is refused. */
function kickOffs(count: number, owner?: string): number[] {
  const running: RunningJob[] = [];
  return Array.from({ length: count }, (_, n) => {
    const admitted = admit(running, jobOf(n, owner), LIMITS, WORKERS);
    if ('refusal' in admitted) return 0;
    running.push(jobOf(n, owner));
    return admitted.workers;
  });
}

describe('running exports', () => {
  it('are bounded for each caller, and the more it has the fewer workers each gets', () => {
    expect(kickOffs(7, 'me')).toEqual([4, 2, 1, 1, 1, 0, 0]);
    expect(
      admit(
        Array.from({ length: 5 }, (_, n) => jobOf(n, 'me')),
        jobOf(9, 'you'),
        LIMITS,
        WORKERS,
      ),
    ).toEqual({
      workers: WORKERS,
    });
  });

  it('are bounded in all, also where callers are not distinguished', () => {
    const workers = kickOffs(101);
    expect(workers.slice(0, 100)).toEqual(Array.from({ length: 100 }, () => WORKERS));
    expect(workers[100]).toBe(0);
  });

  it('a refusal says what to do, and names no other caller', () => {
    const running = Array.from({ length: 5 }, (_, n) => jobOf(n, 'me'));
    const own = admit(running, jobOf(9, 'me'), LIMITS, WORKERS);
    expect(own).toMatchObject({
      refusal: expect.stringMatching(/MAX_RUNNING_EXPORTS_PER_CALLER.*cancel one/) as string,
    });
    const all = admit(running, jobOf(9, 'you'), { ...LIMITS, most: 5 }, WORKERS);
    expect(all).toMatchObject({ refusal: expect.stringMatching(/MAX_RUNNING_EXPORTS\b/) as string });
    expect(JSON.stringify([own, all])).not.toMatch(/j\d|\bme\b/);
  });

  it('are looked up only where they are in the way', () => {
    const listed = [jobOf(1, 'me'), jobOf(2, 'you'), jobOf(3)];
    expect(toLookUp(listed, jobOf(9, 'me'), LIMITS)).toEqual([jobOf(1, 'me')]);
    expect(toLookUp(listed, jobOf(9), LIMITS)).toEqual([]);
    expect(toLookUp(listed, jobOf(9, 'me'), { ...LIMITS, most: 3 })).toEqual(listed);
  });
});

describe('200 kick-offs of one caller delay another’s export by no more than a fair share:', () => {
  const theirs = kickOffs(200, 'greedy').filter((workers) => workers > 0);

  it('of the activities', () => {
    // Every worker waits for one activity at a time, in one queue for all; all take as long.
    const turns = (others: number): number => {
      const queue = [
        ...Array.from({ length: others }, () => 'greedy'),
        ...Array.from({ length: WORKERS }, () => 'other'),
      ];
      for (let turn = 1, left = 400; ; turn++) {
        const run = queue.splice(0, SLOTS);
        left -= run.filter((owner) => owner === 'other').length;
        if (left <= 0) return turn;
        queue.push(...run);
      }
    };
    const workers = theirs.reduce((sum, each) => sum + each, 0);
    expect(turns(workers) / turns(0)).toBeLessThanOrEqual(2);
  });

  it('of the requests to the source', () => {
    const limiter = new RequestLimiter(4);
    const other = requesterOf({ owner: 'other', jobId: 'x' });
    for (const [job, workers] of theirs.entries()) {
      for (let worker = 0; worker < workers; worker++)
        limiter.join(requesterOf({ owner: 'greedy', jobId: `j${job}` }));
    }
    for (let worker = 0; worker < WORKERS; worker++) limiter.join(other);
    const served: string[] = [];
    for (let n = 0; n < 200; n++) {
      const under = [];
      for (let place = limiter.next(n); place !== undefined; place = limiter.next(n)) under.push(place);
      for (const place of under) {
        served.push(place.job);
        limiter.leave(place, 'served', n);
        limiter.join(place.job);
      }
    }
    expect(served.filter((job) => job === other).length / served.length).toBeGreaterThanOrEqual(0.5);
  });
});
