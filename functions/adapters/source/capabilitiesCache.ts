import { setTimeout } from 'node:timers/promises';
import type { Capabilities } from '../../export/source/capabilities.js';

/** After this it is read anew. */
const FRESH_MS = 600_000;
/** So long it is used where it cannot be read anew. */
const MAX_AGE_MS = 3_600_000;
/** From the end of one reading to the next, whatever came of it. */
const BETWEEN_READINGS_MS = 60_000;
/** From the beginning of a reading: so long callers wait for it who have nothing else. */
const MAX_WAIT_MS = 5000;

/**
 * What the source says of itself, for callers who are not known: however many there are, the source is asked once at a
 * time and once a minute at most, and they wait some seconds at most.
 */
export class CapabilitiesCache {
  readonly #read: () => Promise<Capabilities>;
  readonly #now: () => number;
  readonly #maxWaitMs: number;
  #known: { readonly capabilities: Capabilities; readonly at: number } | undefined;
  #reading: { readonly done: Promise<void>; readonly startedAt: number } | undefined;
  #endedAt = Number.NEGATIVE_INFINITY;

  /** @param read reads it once; what it throws is only that it cannot be read */
  constructor(read: () => Promise<Capabilities>, now: () => number, maxWaitMs = MAX_WAIT_MS) {
    this.#read = read;
    this.#now = now;
    this.#maxWaitMs = maxWaitMs;
  }

  /** @returns `undefined` where it cannot be read, or not in time */
  async get(): Promise<Capabilities | undefined> {
    if (this.#age() > FRESH_MS && this.#now() - this.#endedAt >= BETWEEN_READINGS_MS) this.#begin();
    if (this.#age() > MAX_AGE_MS && this.#reading !== undefined) await this.#waitFor(this.#reading);
    return this.#age() > MAX_AGE_MS ? undefined : this.#known?.capabilities;
  }

  #age(): number {
    return this.#known === undefined ? Number.POSITIVE_INFINITY : this.#now() - this.#known.at;
  }

  #begin(): void {
    if (this.#reading !== undefined) return;
    const done = this.#renew();
    this.#reading = { done, startedAt: this.#now() };
    void done.then(() => (this.#reading = undefined));
  }

  async #renew(): Promise<void> {
    try {
      this.#known = { capabilities: await this.#read(), at: this.#now() };
    } catch {
      // An answer to callers who are not known has nothing of why.
    }
    this.#endedAt = this.#now();
  }

  async #waitFor({ done, startedAt }: { done: Promise<void>; startedAt: number }): Promise<void> {
    const over = new AbortController();
    const wait = Math.max(0, startedAt + this.#maxWaitMs - this.#now());
    await Promise.race([done, setTimeout(wait, undefined, { signal: over.signal }).catch(() => undefined)]);
    over.abort();
  }
}
