import { describe, expect, it } from 'vitest';
import { RequestLimiter, type RequestPlace } from '../../../functions/export/source/requestLimiter.js';

/** Whether a source takes a request now, and how long a refused client is to wait. */
interface RateLimit {
  takes(now: number): boolean;
  retryAfterMs: number;
}

/** No more than so many in any second. */
function slidingWindow(most: number, retryAfterMs: number): RateLimit {
  const taken: number[] = [];
  return {
    retryAfterMs,
    takes(now) {
      while (taken.length > 0 && now - (taken[0] ?? 0) >= 1000) taken.shift();
      if (taken.length >= most) return false;
      taken.push(now);
      return true;
    },
  };
}

/** No more than so many in each second of the clock. */
function fixedWindow(most: number, retryAfterMs: number): RateLimit {
  let [second, taken] = [-1, 0];
  return {
    retryAfterMs,
    takes(now) {
      if (Math.floor(now / 1000) !== second) [second, taken] = [Math.floor(now / 1000), 0];
      return ++taken <= most;
    },
  };
}

/** So many a second, and as many at once as it holds. */
function tokenBucket(rate: number, holds: number, retryAfterMs: number): RateLimit {
  let [tokens, at] = [holds, 0];
  return {
    retryAfterMs,
    takes(now) {
      tokens = Math.min(holds, tokens + ((now - at) * rate) / 1000);
      at = now;
      if (tokens < 1) return false;
      tokens--;
      return true;
    },
  };
}

const BACKOFF_MS = 500;

/** A job that always has a request to make, at a source that answers after `serviceMs`. */
function simulate(
  limit: RateLimit,
  { serviceMs, most, untilMs }: { serviceMs: number; most: number; untilMs: number },
): { served: number; refused: number } {
  const limiter = new RequestLimiter(most);
  let [served, refused] = [0, 0];
  const ends: Array<{ at: number; place: RequestPlace | undefined; isTaken: boolean }> = [];
  for (let each = 0; each < 2 * most; each++) limiter.join('job');
  for (let now = 0; now < untilMs;) {
    for (let place = limiter.next(now); place !== undefined; place = limiter.next(now)) {
      const isTaken = limit.takes(now);
      ends.push({ at: now + (isTaken ? serviceMs : 1), place, isTaken });
    }
    ends.sort((a, b) => a.at - b.at);
    const resumesAt = limiter.resumesAt(now) ?? Number.POSITIVE_INFINITY;
    if (ends[0] === undefined || (resumesAt < ends[0].at && limiter.underWay < limiter.limit)) {
      now = Math.min(resumesAt, untilMs);
      continue;
    }
    const { at, place, isTaken } = ends.shift() as (typeof ends)[number];
    now = at;
    if (place === undefined) {
      limiter.join('job');
      continue;
    }
    limiter.leave(place, isTaken ? 'served' : 'limited', now, isTaken ? 0 : limit.retryAfterMs);
    if (isTaken) served++;
    else refused++;
    // A request that was refused waits before it is made again.
    const wait = isTaken ? 0 : limit.retryAfterMs === 0 ? BACKOFF_MS : limit.retryAfterMs;
    ends.push({ at: now + wait, place: undefined, isTaken });
  }
  return { served, refused };
}

describe('a source that permits so many requests a second', () => {
  it.each([
    ['200 in any second', 200, slidingWindow(200, 1000)],
    ['200 in each second', 200, fixedWindow(200, 1000)],
    ['200 in any second, without Retry-After', 200, slidingWindow(200, 0)],
    ['20 in any second', 20, slidingWindow(20, 1000)],
    ['20 in each second', 20, fixedWindow(20, 1000)],
    ['200 a second, as many at once', 200, tokenBucket(200, 200, 1000)],
  ])('is asked for at least nine tenths of them, with few refusals: %s', (_limit, rate, limit) => {
    const untilMs = 300_000;
    const { served, refused } = simulate(limit, { serviceMs: 15, most: 8, untilMs });
    expect(served).toBeGreaterThan(0.9 * rate * (untilMs / 1000));
    expect(refused).toBeLessThan(0.02 * served);
  });

  it('is asked for nine tenths of them in the first three seconds, too', () => {
    const { served } = simulate(slidingWindow(200, 1000), { serviceMs: 5, most: 8, untilMs: 3_100 });
    expect(served).toBeGreaterThan(0.9 * 200 * 3);
  });

  it('is asked for most of them also where it holds few at once', () => {
    const { served } = simulate(tokenBucket(200, 10, 1000), { serviceMs: 15, most: 8, untilMs: 300_000 });
    expect(served).toBeGreaterThan(0.6 * 200 * 300);
  });

  it('is asked for all it can serve again once it has no limit any more', () => {
    const limited = slidingWindow(20, 1000);
    let from = 0;
    const limit: RateLimit = {
      retryAfterMs: 1000,
      takes: (now) => {
        if (now > 60_000) from++;
        return now > 60_000 || limited.takes(now);
      },
    };
    simulate(limit, { serviceMs: 100, most: 8, untilMs: 240_000 });
    // 80 a second are possible.
    expect(from).toBeGreaterThan(0.5 * 80 * 180);
  });
});
