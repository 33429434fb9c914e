const SECOND_MS = 1000;
/** What is asked for at first, of what the source was seen to permit. */
const FIRST_SHARE = 0.98;
/** After how long it is asked for as much again as it refused, at first; twice as long whenever that was right. */
const MIN_PATIENCE_MS = 10_000;
const MAX_PATIENCE_MS = 25_000;
/** Two measurements so close are of the same limit. */
const SAME_LIMIT = 0.3;
/** A pace so many times what was measured holds no request back: the limit is gone. */
const MAX_GROWTH = 10;
/** Requests may be late by so much, and are then made up for: timers are not exact. */
const TOLERANCE_MS = 15;
/** Fewer that were served in a second say nothing of what is permitted: the source may bear no more at a time. */
const MIN_MEASURED = 10;

/**
 * The pace at which a source that refuses with 429 is asked: what it served in the second before it refused, then slowly
 * more until it refuses again, and ever faster where it does not, as TCP has it by RFC 9438 (section 4.2). No clock: times
 * are milliseconds since any moment.
 */
export class RequestPace {
  /** When requests of the last second began that were served. */
  readonly #servedAt: number[] = [];
  /** Requests per second that were served before the last refusal; `undefined`: none was refused. */
  #permitted: number | undefined;
  #refusedAt = 0;
  #since = 0;
  #patienceMs = MIN_PATIENCE_MS;
  #dueAt = 0;

  /** The earliest moment of the next request. */
  get opensAt(): number {
    return this.#permitted === undefined ? Number.NEGATIVE_INFINITY : this.#dueAt - TOLERANCE_MS;
  }

  /** A request begins. */
  take(now: number): void {
    if (this.#permitted === undefined) return;
    const growth = FIRST_SHARE + (1 - FIRST_SHARE) * (Math.max(0, now - this.#since) / this.#patienceMs) ** 4;
    if (growth > MAX_GROWTH) this.#permitted = undefined;
    else this.#dueAt = Math.max(now, this.#dueAt) + SECOND_MS / (this.#permitted * growth);
  }

  /**
   * A request was served that began at a moment.
   * @param isEarlier whether that was before the last refusal, so that it is of what the source permitted then
   */
  served(at: number, now: number, isEarlier: boolean): void {
    this.#forget(now);
    this.#servedAt.push(at);
    if (isEarlier && this.#permitted !== undefined && this.#refusedAt - at < SECOND_MS) this.#permitted++;
  }

  /**
   * The source permits no more than it has served.
   * @param resumesAt when it may be asked again
   */
  refused(now: number, resumesAt: number): void {
    const before = this.#permitted;
    const served = this.#servedAt.filter((at) => now - at < SECOND_MS).length;
    if (served < MIN_MEASURED) return;
    this.#permitted = served;
    this.#refusedAt = now;
    const isSame = before !== undefined && Math.abs(this.#permitted - before) <= SAME_LIMIT * before;
    this.#patienceMs = isSame ? Math.min(MAX_PATIENCE_MS, 2 * this.#patienceMs) : MIN_PATIENCE_MS;
    this.#since = Math.max(now, resumesAt);
    this.#dueAt = this.#since;
  }

  #forget(now: number): void {
    // Nearly in order: one that took longer is forgotten a little later.
    while (now - (this.#servedAt[0] ?? now) >= SECOND_MS) this.#servedAt.shift();
  }
}
