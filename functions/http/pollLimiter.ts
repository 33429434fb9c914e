import { RecentMap } from '../common/recentMap.js';

/** Early polls a client may have in hand: it may have restarted, or be several. */
const MAX_EARLY_POLLS = 10;
/** A client may ask after half of its `Retry-After`. */
const PATIENCE = 0.5;
/** Jobs remembered; the one asked for longest ago is forgotten. */
const MAX_JOBS = 1000;

interface Allowance {
  polls: number;
  at: number;
  /** The last `Retry-After` of the client, in seconds. */
  retryAfter: number;
}

/**
 * Keeps clients from polling a running job much faster than `Retry-After` asks: a client that honors it is never
 * refused. By job, in this process alone.
 */
export class PollLimiter {
  readonly #jobs = new RecentMap<string, Allowance>(MAX_JOBS);

  /**
   * Whether a poll may be answered; if not, the seconds to wait.
   * @param now milliseconds since the epoch
   */
  secondsToWait(jobId: string, now: number): number | undefined {
    const known = this.#jobs.get(jobId);
    if (known === undefined) return undefined;
    const perPoll = known.retryAfter * PATIENCE * 1000;
    const polls = Math.min(MAX_EARLY_POLLS, known.polls + Math.max(0, now - known.at) / perPoll);
    const isAllowed = polls >= 1;
    this.#jobs.set(jobId, { ...known, polls: isAllowed ? polls - 1 : polls, at: now });
    return isAllowed ? undefined : known.retryAfter;
  }

  /** Notes the `Retry-After` that a client got, in seconds, above 0. */
  noteRetryAfter(jobId: string, retryAfter: number, now: number): void {
    const known = this.#jobs.get(jobId) ?? { polls: MAX_EARLY_POLLS, at: now };
    this.#jobs.set(jobId, { ...known, retryAfter });
  }

  /** The job has ended: its manifest may be asked for at any time. */
  forget(jobId: string): void {
    this.#jobs.delete(jobId);
  }
}
