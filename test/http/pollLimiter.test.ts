import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PollLimiter } from '../../functions/http/pollLimiter.js';
import { randomly } from '../random.js';

/** Polls at those times (milliseconds), given `retryAfter` each time; how often it was refused. */
function refusals(times: readonly number[], retryAfter: number): number {
  const limiter = new PollLimiter();
  let refused = 0;
  for (const time of times) {
    if (limiter.secondsToWait('job', time) === undefined) limiter.noteRetryAfter('job', retryAfter, time);
    else refused++;
  }
  return refused;
}

describe('a client that polls a running job', () => {
  it('is never refused while it waits for Retry-After, or longer', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.array(fc.nat(5000), { maxLength: 200 }),
        (retryAfter, longer) => {
          let time = 0;
          const times = longer.map((more) => (time += retryAfter * 1000 + more));
          expect(refusals(times, retryAfter)).toBe(0);
        },
      ),
      randomly(100),
    );
  });

  it('may be impatient for a while, after a restart perhaps', () => {
    expect(
      refusals(
        Array.from({ length: 10 }, (_, n) => n * 10),
        5,
      ),
    ).toBe(0);
  });

  it('is refused when it continues so, and answered again when it waits', () => {
    const hasty = Array.from({ length: 200 }, (_, n) => n * 10);
    expect(refusals(hasty, 10)).toBe(189);
    const limiter = new PollLimiter();
    for (const time of hasty)
      if (limiter.secondsToWait('job', time) === undefined) limiter.noteRetryAfter('job', 10, time);
    expect(limiter.secondsToWait('job', 2000)).toBe(10);
    expect(limiter.secondsToWait('job', 12_000)).toBeUndefined();
  });
});

it('what is remembered is bounded, and an ended job is forgotten', () => {
  const limiter = new PollLimiter();
  const isHeld = (jobId: string): boolean =>
    Array.from({ length: 20 }, () => limiter.secondsToWait(jobId, 0)).some(
      (seconds) => seconds !== undefined,
    );
  for (let job = 0; job < 3000; job++) limiter.noteRetryAfter(`job ${job}`, 30, 0);
  expect(isHeld('job 1999')).toBe(false);
  expect(isHeld('job 2000')).toBe(true);
  limiter.forget('job 2001');
  expect(isHeld('job 2001')).toBe(false);
});
