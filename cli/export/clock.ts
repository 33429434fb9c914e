import { setTimeout as timer } from 'node:timers/promises';
import type { ServerFailure } from './serverFailure.js';

/** Time, or its replacement in tests. */
export interface Clock {
  now(): number;
  /** @throws AbortError */
  wait(ms: number, signal: AbortSignal | undefined): Promise<void>;
}

export const SYSTEM_CLOCK: Clock = {
  now: Date.now,
  wait: async (ms, signal) => {
    await timer(ms, undefined, signal === undefined ? {} : { signal });
  },
};

/** For so long a server may be away, or busy, before a client gives up. */
const MAX_OUTAGE_MS = 1_800_000;
const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 60_000;
/** The longest time that `Retry-After` is taken for. */
const MAX_ASKED_MS = 600_000;

/** Waits between attempts that fail, longer each time, and as long as the server asks for. */
export class Patience {
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  #attempts = 0;
  #since: number | undefined;

  constructor(clock: Clock, signal: AbortSignal | undefined) {
    this.#clock = clock;
    this.#signal = signal;
  }

  /** The next failure is the first again. */
  reset(): void {
    this.#attempts = 0;
    this.#since = undefined;
  }

  /**
   * @param onFirst takes until when attempts go on, after the first failure
   * @throws the failure, where it does not pass or has lasted too long
   */
  async after(failure: ServerFailure, onFirst?: (untilMs: number) => void): Promise<void> {
    const now = this.#clock.now();
    const isFirst = this.#since === undefined;
    this.#since ??= now;
    const backoff = Math.min(FIRST_WAIT_MS * 2 ** this.#attempts++, MAX_WAIT_MS) * (0.75 + Math.random() / 2);
    const ms = failure.waitMs > 0 ? Math.min(failure.waitMs, MAX_ASKED_MS) : backoff;
    if (!failure.isPassing || now + ms - this.#since > MAX_OUTAGE_MS) throw failure;
    if (isFirst) onFirst?.(this.#since + MAX_OUTAGE_MS);
    await this.#clock.wait(ms, this.#signal);
  }
}
