import {
  RequestLimiter,
  type RequestOutcome,
  type RequestPlace,
} from '../../export/source/requestLimiter.js';

/** Gives a place at the source back, and reports how the source answered the request. */
export type Leave = (outcome: RequestOutcome, retryAfterMs?: number) => void;

/** The places at the source, shared by all jobs of this process. See `RequestLimiter`. */
export class SourceLimiter {
  readonly #limiter: RequestLimiter;
  readonly #entrances = new Map<RequestPlace, () => void>();
  #resumption: NodeJS.Timeout | undefined;

  constructor(most: number) {
    this.#limiter = new RequestLimiter(most);
  }

  /** Requests that may be at the source at the same time now. */
  get limit(): number {
    return this.#limiter.limit;
  }

  /** Waits for a place; every place has to be left. */
  async enter(job: string): Promise<Leave> {
    const place = this.#limiter.join(job);
    await new Promise<void>((resolve) => {
      this.#entrances.set(place, resolve);
      this.#admit();
    });
    return (outcome, retryAfterMs) => {
      this.#limiter.leave(place, outcome, performance.now(), retryAfterMs);
      this.#admit();
    };
  }

  #admit(): void {
    const now = performance.now();
    for (let place = this.#limiter.next(now); place !== undefined; place = this.#limiter.next(now)) {
      const enter = this.#entrances.get(place);
      this.#entrances.delete(place);
      enter?.();
    }
    const resumesAt = this.#limiter.resumesAt(now);
    if (resumesAt === undefined || this.#resumption !== undefined) return;
    this.#resumption = setTimeout(
      () => {
        this.#resumption = undefined;
        this.#admit();
      },
      Math.ceil(resumesAt - now),
    );
  }
}
