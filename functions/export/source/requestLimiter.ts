import { RequestPace } from './requestPace.js';

/**
 * How the source took a request: `limited` where it said that these are more than it permits (429), `busy` where it has
 * too much to do (503).
 */
export type RequestOutcome = 'served' | 'limited' | 'busy' | 'failed';

/** The place of one request, from the queue to its end. */
export interface RequestPlace {
  readonly job: string;
  /** How often the limit had been lowered when the request was let go. */
  round: number;
  /** When it was let go. */
  at: number;
}

/** The longest time for which a source can stop all requests with one `Retry-After`. */
export const MAX_PAUSE_MS = 60_000;

/** Names a job to the limiter, so that the jobs of one caller count together. */
export function requesterOf({ owner, jobId }: { owner?: string; jobId: string }): string {
  return owner === undefined ? jobId : `${owner} ${jobId}`;
}

/** A caller's name has a mark of its own, so that it is no job's. */
function callerOf(job: string): string {
  return `caller ${job.split(' ')[0] ?? job} `;
}

/** How often all that the limit allows is served before it goes up. A source at its limit refuses less with more. */
const SERVED_BEFORE_MORE = 4;

/**
 * How many requests may be at the source at the same time, and whose is next. The limit goes up by one after four times
 * as many served requests as it counts, and is halved when the source says that it is busy: additive increase, multiplicative
 * decrease, as TCP has it (RFC 5681, section 3.1). Requests that were already under way when it was halved say nothing
 * of the new limit, so that a burst of refusals halves it once. Where it says that it permits no more in a time, the
 * pace is adapted, too (`RequestPace`). No clock: times are milliseconds since any moment.
 *
 * Of the callers whose jobs wait, the one with the fewest requests under way is next, of its jobs the one with the
 * fewest; among equals, they take turns. A job is named `caller job`, or by itself where it has no caller.
 */
export class RequestLimiter {
  readonly #most: number;
  #limit: number;
  /** Since the limit changed. */
  #served = 0;
  #round = 0;
  #pausedUntil = 0;
  readonly #pace = new RequestPace();
  #underWay = 0;
  readonly #underWayOf = new Map<string, number>();
  /** Of each job that waits, its places in order; the jobs in the order of their turns. */
  readonly #waiting = new Map<string, RequestPlace[]>();

  /** @param most requests at a time, whatever the source bears; 1 or more */
  constructor(most: number) {
    this.#most = most;
    this.#limit = most;
  }

  /** Requests that may be under way at the same time now. */
  get limit(): number {
    return this.#limit;
  }

  get underWay(): number {
    return this.#underWay;
  }

  /** When a pause ends that the source asked for, or that its pace needs, if a request waits for that; else `undefined`. */
  resumesAt(now: number): number | undefined {
    const at = Math.max(this.#pausedUntil, this.#pace.opensAt);
    return this.#waiting.size > 0 && now < at ? at : undefined;
  }

  /** Joins the queue; the place is let go by a later `next`. */
  join(job: string): RequestPlace {
    const place = { job, round: 0, at: 0 };
    const queue = this.#waiting.get(job);
    if (queue === undefined) this.#waiting.set(job, [place]);
    else queue.push(place);
    return place;
  }

  /** The next place that may go to the source, which it then counts as; `undefined`: none may now. */
  next(now: number): RequestPlace | undefined {
    if (now < Math.max(this.#pausedUntil, this.#pace.opensAt) || this.#underWay >= this.limit)
      return undefined;
    let job: string | undefined;
    for (const candidate of this.#waiting.keys()) {
      if (job === undefined || this.#isBefore(candidate, job)) job = candidate;
    }
    if (job === undefined) return undefined;
    const queue = this.#waiting.get(job) ?? [];
    const place = queue.shift();
    // To the end of the turns.
    this.#waiting.delete(job);
    if (queue.length > 0) this.#waiting.set(job, queue);
    if (place === undefined) return undefined;
    place.round = this.#round;
    place.at = now;
    this.#pace.take(now);
    this.#underWay++;
    this.#add(job, 1);
    this.#add(callerOf(job), 1);
    return place;
  }

  /**
   * Gives a place back.
   * @param retryAfterMs what a busy source asked to wait; 0 where it did not say
   */
  leave({ job, round, at }: RequestPlace, outcome: RequestOutcome, now: number, retryAfterMs = 0): void {
    this.#underWay--;
    this.#add(job, -1);
    this.#add(callerOf(job), -1);
    if (outcome === 'served') this.#pace.served(at, now, round < this.#round);
    if (outcome === 'busy' || outcome === 'limited') {
      const pauseMs = Math.min(retryAfterMs, MAX_PAUSE_MS);
      if (pauseMs > 0) this.#pausedUntil = Math.max(this.#pausedUntil, now + pauseMs);
      if (round === this.#round) {
        if (outcome === 'limited') this.#pace.refused(now, this.#pausedUntil);
        this.#limit = Math.max(1, Math.floor(this.#limit / 2));
        this.#round++;
        this.#served = 0;
      }
    } else if (outcome === 'served' && round === this.#round && this.#limit < this.#most) {
      // Where the pace holds requests back, these show nothing of how many at a time the source bears.
      if (now < this.#pace.opensAt) return;
      this.#served++;
      if (this.#served < SERVED_BEFORE_MORE * this.#limit) return;
      this.#limit++;
      this.#served = 0;
    }
  }

  #isBefore(job: string, other: string): boolean {
    const [own, others] = [this.#count(callerOf(job)), this.#count(callerOf(other))];
    return own < others || (own === others && this.#count(job) < this.#count(other));
  }

  #add(name: string, more: number): void {
    const sum = this.#count(name) + more;
    if (sum > 0) this.#underWayOf.set(name, sum);
    else this.#underWayOf.delete(name);
  }

  #count(job: string): number {
    return this.#underWayOf.get(job) ?? 0;
  }
}
