import { increase } from '../../common/counts.js';
import { RecentMap } from '../../common/recentMap.js';

/** Requests of all callers that one instance works on at the same time. */
const MAX_RUNNING = 16;
/** Callers whose rate is remembered; the one longest not seen is forgotten. */
const MAX_CALLERS = 1000;
const MS_PER_MINUTE = 60_000;
/** Seconds to wait for another request to end. */
const RETRY_AFTER_RUNNING = 1;

export interface CallerLimits {
  /** Requests of one caller in a minute. */
  readonly maxPerMinute: number;
  /** Requests of one caller at the same time. */
  readonly maxParallel: number;
}

interface Allowance {
  readonly requests: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Why a request may not be worked on now, and the seconds to wait. */
export interface Refused {
  readonly why: string;
  readonly retryAfter: number;
}

/** Bounds how often and how many at a time callers may ask, in this process alone. */
export class CallerLimiter {
  readonly #limits: CallerLimits;
  readonly #allowances = new RecentMap<string, Allowance>(MAX_CALLERS);
  readonly #running = new Map<string, number>();
  #total = 0;

  constructor(limits: CallerLimits) {
    this.#limits = limits;
  }

  /**
   * Counts a request as running until what is returned is called; what is refused does not count.
   * @param now milliseconds since the epoch
   */
  enter(caller: string, now: number): (() => void) | Refused {
    const { maxPerMinute, maxParallel } = this.#limits;
    const running = this.#running.get(caller) ?? 0;
    if (running >= maxParallel)
      return { why: `${running} of your requests are running`, retryAfter: RETRY_AFTER_RUNNING };
    if (this.#total >= MAX_RUNNING)
      return { why: 'Too many requests are running', retryAfter: RETRY_AFTER_RUNNING };
    const known = this.#allowances.get(caller) ?? { requests: maxPerMinute, at: now };
    const msPerRequest = MS_PER_MINUTE / maxPerMinute;
    const earned = Math.max(0, now - known.at) / msPerRequest;
    const requests = Math.min(maxPerMinute, known.requests + earned);
    if (requests < 1) {
      const retryAfter = Math.ceil(((1 - requests) * msPerRequest) / 1000);
      return { why: `You have sent more than ${maxPerMinute} requests in a minute`, retryAfter };
    }
    this.#allowances.set(caller, { requests: requests - 1, at: now });
    increase(this.#running, caller);
    this.#total++;
    return () => this.#leave(caller);
  }

  #leave(caller: string): void {
    const left = (this.#running.get(caller) ?? 0) - 1;
    if (left > 0) this.#running.set(caller, left);
    else this.#running.delete(caller);
    this.#total--;
  }
}
