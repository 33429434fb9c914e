import { describe, expect, it } from 'vitest';
import { CallerLimiter } from '../../../functions/http/deIdentify/callerLimiter.js';

/** Enters and leaves at once: whether it was let in, or the seconds to wait. */
function once(limiter: CallerLimiter, caller: string, now: number): true | number {
  const entered = limiter.enter(caller, now);
  if (typeof entered !== 'function') return entered.retryAfter;
  entered();
  return true;
}

describe('callers of $de-identify', () => {
  it('are let in as often as the setting says, and again after the seconds that they are told', () => {
    const limiter = new CallerLimiter({ maxPerMinute: 3, maxParallel: 9 });
    expect([1, 2, 3, 4].map(() => once(limiter, 'a', 0))).toEqual([true, true, true, 20]);
    expect(once(limiter, 'b', 0)).toBe(true);
    expect(once(limiter, 'a', 12_500)).toBe(8);
    expect(once(limiter, 'a', 20_000)).toBe(true);
    expect(once(limiter, 'a', 20_000)).toBe(20);
    // An hour later there are no more in hand than those of one minute.
    expect([1, 2, 3, 4].map(() => once(limiter, 'a', 3_600_000))).toEqual([true, true, true, 20]);
  });

  it('have as many requests at the same time as the setting says, and all together a fixed number', () => {
    const limiter = new CallerLimiter({ maxPerMinute: 1000, maxParallel: 2 });
    const [first, second, third] = ['a', 'a', 'a'].map((caller) => limiter.enter(caller, 0));
    expect(third).toMatchObject({ retryAfter: 1 });
    if (typeof first === 'function') first();
    expect(once(limiter, 'a', 0)).toBe(true);
    if (typeof second === 'function') second();
    const entered = Array.from({ length: 40 }, (_, index) => limiter.enter(`caller ${index}`, 0));
    expect(entered.filter((each) => typeof each === 'function')).toHaveLength(16);
  });

  it('are not charged for what is refused', () => {
    const limiter = new CallerLimiter({ maxPerMinute: 60, maxParallel: 1 });
    const running = limiter.enter('a', 0);
    for (let count = 0; count < 100; count++) limiter.enter('a', 0);
    if (typeof running === 'function') running();
    expect(
      Array.from({ length: 60 }, () => once(limiter, 'a', 0)).filter((each) => each === true),
    ).toHaveLength(59);
  });
});
