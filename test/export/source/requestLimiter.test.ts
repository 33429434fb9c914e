import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  MAX_PAUSE_MS,
  RequestLimiter,
  type RequestOutcome,
  type RequestPlace,
} from '../../../functions/export/source/requestLimiter.js';
import { randomly } from '../../random.js';

/** Lets all go that may. */
function admitted(limiter: RequestLimiter, now: number): RequestPlace[] {
  const places: RequestPlace[] = [];
  for (let place = limiter.next(now); place !== undefined; place = limiter.next(now)) places.push(place);
  return places;
}

interface Source {
  /** Requests at a time that it bears; more are refused at once. */
  capacity: (now: number) => number;
  serviceMs: number;
  retryAfterMs: number;
}

/** Jobs that always want `workers` requests at a time, at a source of a capacity, by a clock that steps from event to event. */
function simulate(
  most: number,
  jobs: Record<string, number>,
  source: Source,
  untilMs: number,
): { served: Map<string, number>; refused: number; limiter: RequestLimiter } {
  const limiter = new RequestLimiter(most);
  const served = new Map(Object.keys(jobs).map((job) => [job, 0]));
  let refused = 0;
  let atSource = 0;
  const ends: Array<{ at: number; place: RequestPlace; outcome: RequestOutcome }> = [];
  for (const [job, workers] of Object.entries(jobs))
    for (let worker = 0; worker < workers; worker++) limiter.join(job);
  for (let now = 0; now < untilMs;) {
    for (const place of admitted(limiter, now)) {
      const isRefused = atSource >= source.capacity(now);
      if (!isRefused) atSource++;
      ends.push({
        at: now + (isRefused ? 1 : source.serviceMs),
        place,
        outcome: isRefused ? 'busy' : 'served',
      });
    }
    ends.sort((a, b) => a.at - b.at);
    const end = ends.shift();
    if (end === undefined) {
      now = limiter.resumesAt(now) ?? untilMs;
      continue;
    }
    now = end.at;
    if (end.outcome === 'busy') refused++;
    else {
      atSource--;
      served.set(end.place.job, (served.get(end.place.job) ?? 0) + 1);
    }
    limiter.leave(end.place, end.outcome, now, end.outcome === 'busy' ? source.retryAfterMs : 0);
    limiter.join(end.place.job);
  }
  return { served, refused, limiter };
}

const total = (served: Map<string, number>): number => [...served.values()].reduce((a, b) => a + b, 0);

describe('the limit of requests at the source', () => {
  it('holds, and lets no request wait for nothing, whatever happens', () => {
    const step = fc.record({
      wait: fc.integer({ min: 0, max: 5_000 }),
      joins: fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 6 }),
      ends: fc.array(
        fc.record({
          which: fc.nat(),
          outcome: fc.constantFrom<RequestOutcome>('served', 'busy', 'failed'),
          retryAfterMs: fc.constantFrom(0, 0, 1_000, 10_000_000),
        }),
        { maxLength: 6 },
      ),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.array(step, { maxLength: 60 }), (most, steps) => {
        const limiter = new RequestLimiter(most);
        const underWay: RequestPlace[] = [];
        let waiting = 0;
        let pausedUntil = 0;
        let now = 0;
        for (const { wait, joins, ends } of steps) {
          now += wait;
          for (const job of joins) limiter.join(job);
          waiting += joins.length;
          for (const { which, outcome, retryAfterMs } of ends) {
            const [place] = underWay.splice(which % Math.max(1, underWay.length), 1);
            if (place === undefined) continue;
            limiter.leave(place, outcome, now, retryAfterMs);
            if (outcome === 'busy' && retryAfterMs > 0) {
              pausedUntil = Math.max(pausedUntil, now + Math.min(retryAfterMs, MAX_PAUSE_MS));
            }
          }
          const entered = admitted(limiter, now);
          underWay.push(...entered);
          waiting -= entered.length;
          expect(limiter.underWay).toBe(underWay.length);
          expect(limiter.limit).toBeGreaterThanOrEqual(1);
          expect(limiter.limit).toBeLessThanOrEqual(most);
          if (now < pausedUntil) {
            expect(entered).toEqual([]);
            expect(limiter.resumesAt(now)).toBe(waiting > 0 ? pausedUntil : undefined);
          } else if (waiting > 0) {
            // Of a limit that was lowered, more than it may still be under way.
            expect(underWay.length).toBeGreaterThanOrEqual(limiter.limit);
          }
        }
        // All get their turn at the end.
        for (now += MAX_PAUSE_MS; underWay.length + waiting > 0;) {
          const entered = admitted(limiter, now);
          waiting -= entered.length;
          underWay.push(...entered);
          const place = underWay.pop();
          expect(place).toBeDefined();
          if (place !== undefined) limiter.leave(place, 'served', now);
        }
      }),
      randomly(500),
    );
  });

  it('is halved once by a burst of refusals, and goes up by one with four times as many answers as it counts', () => {
    const limiter = new RequestLimiter(16);
    for (let index = 0; index < 1000; index++) limiter.join('job');
    for (const place of admitted(limiter, 0)) limiter.leave(place, 'busy', 0);
    expect(limiter.limit).toBe(8);
    const limits: number[] = [];
    for (let round = 0; round < 16; round++) {
      for (const place of admitted(limiter, 0)) limiter.leave(place, 'served', 0);
      limits.push(limiter.limit);
    }
    expect(limits).toEqual([8, 8, 8, 9, 9, 9, 9, 10, 10, 10, 10, 11, 11, 11, 11, 12]);
  });

  it('is not lowered by failures that say nothing of the load', () => {
    const limiter = new RequestLimiter(4);
    for (let index = 0; index < 40; index++) limiter.join('job');
    for (let index = 0; index < 10; index++) {
      for (const place of admitted(limiter, 0)) limiter.leave(place, 'failed', 0);
    }
    expect(limiter.limit).toBe(4);
  });

  it('finds what the source bears: most of it is used, and few requests are refused', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 32 }),
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: 20, max: 500 }),
        (capacity, most, serviceMs) => {
          const untilMs = serviceMs * 400;
          const source = { capacity: () => capacity, serviceMs, retryAfterMs: 0 };
          const { served, refused } = simulate(most, { job: 64 }, source, untilMs);
          const possible = Math.min(capacity, most) * (untilMs / serviceMs);
          expect(total(served)).toBeGreaterThan(possible * 0.6);
          if (most <= capacity) expect(refused).toBe(0);
          // On the way down from the most, and then one now and again.
          else expect(refused).toBeLessThan(2 * most + total(served) * 0.35);
        },
      ),
      randomly(100),
    );
  });

  it('comes back when the source does', () => {
    const source = { capacity: (now: number) => (now < 20_000 ? 1 : 100), serviceMs: 100, retryAfterMs: 0 };
    const { limiter } = simulate(16, { job: 32 }, source, 60_000);
    expect(limiter.limit).toBe(16);
  });
});

describe('the jobs', () => {
  it('share the source, however many requests one of them wants', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 16 }),
        fc.integer({ min: 17, max: 200 }),
        fc.integer({ min: 1, max: 6 }),
        (most, noisy, others) => {
          const jobs = {
            noisy,
            ...Object.fromEntries(Array.from({ length: others }, (_, index) => [`job${index}`, 16])),
          };
          const source = { capacity: () => 1_000, serviceMs: 100, retryAfterMs: 0 };
          const { served } = simulate(most, jobs, source, 60_000);
          const even = total(served) / (others + 1);
          for (const count of served.values()) {
            expect(count).toBeGreaterThan(even * 0.7);
            expect(count).toBeLessThan(even * 1.3 + 2);
          }
        },
      ),
      randomly(100),
    );
  });

  it('with one request at a time wait for one end of a request at most', () => {
    const limiter = new RequestLimiter(4);
    for (let index = 0; index < 100; index++) limiter.join('noisy');
    const underWay = admitted(limiter, 0);
    limiter.join('quiet');
    expect(limiter.next(0)).toBeUndefined();
    const [first] = underWay;
    if (first !== undefined) limiter.leave(first, 'served', 0);
    expect(limiter.next(0)?.job).toBe('quiet');
  });
});
