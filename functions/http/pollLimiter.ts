/** Early polls a client may have in hand: it may have restarted, or be several. */
const MOST_EARLY_POLLS = 10;
/** A client that waits for half of what it was told to wait for is no trouble yet. */
const PATIENCE = 0.5;
/** Jobs remembered; the one asked for longest ago is forgotten. */
const MOST_JOBS = 1000;

interface Allowance {
  polls: number;
  at: number;
  /** What the client was told to wait, in seconds. */
  retryAfter: number;
}

/**
 * Keeps clients from polling a running job much faster than they are told to: who asks at the time told is never
 * refused. By job, in this process alone.
 */
export class PollLimiter {
  readonly #jobs = new Map<string, Allowance>();

  /**
   * Whether a poll may be answered; if not, the seconds to wait.
   * @param now milliseconds since the epoch
   */
  secondsToWait(jobId: string, now: number): number | undefined {
    const known = this.#jobs.get(jobId);
    if (known === undefined) return undefined;
    const perPoll = known.retryAfter * PATIENCE * 1000;
    const polls = Math.min(MOST_EARLY_POLLS, known.polls + Math.max(0, now - known.at) / perPoll);
    const isAllowed = polls >= 1;
    this.#remember(jobId, { ...known, polls: isAllowed ? polls - 1 : polls, at: now });
    return isAllowed ? undefined : known.retryAfter;
  }

  /** Notes what a client was told to wait, in seconds, above 0. */
  told(jobId: string, retryAfter: number, now: number): void {
    const known = this.#jobs.get(jobId) ?? { polls: MOST_EARLY_POLLS, at: now };
    this.#remember(jobId, { ...known, retryAfter });
  }

  /** The job has ended: its manifest may be asked for at any time. */
  forget(jobId: string): void {
    this.#jobs.delete(jobId);
  }

  #remember(jobId: string, allowance: Allowance): void {
    // Put last in the order of the map.
    this.#jobs.delete(jobId);
    this.#jobs.set(jobId, allowance);
    for (const oldest of this.#jobs.keys()) {
      if (this.#jobs.size <= MOST_JOBS) break;
      this.#jobs.delete(oldest);
    }
  }
}
