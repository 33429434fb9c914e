/** Runs jobs in the order of their arrival, at most so many at a time. A job must not reject. */
export class Slots {
  readonly #limit: number;
  readonly #waiting: (() => Promise<void>)[] = [];
  /** Where the next waiting job is: taking from the front of a long array is slow. */
  #head = 0;
  #running = 0;
  #closed = false;
  #whenIdle: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  run(job: () => Promise<void>): void {
    this.#waiting.push(job);
    this.#next();
  }

  /** Starts no further job; those waiting are dropped. */
  close(): void {
    this.#closed = true;
    this.#waiting.length = 0;
  }

  /** Resolves when no job is running. */
  idle(): Promise<void> {
    if (this.#running === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  #next(): void {
    while (!this.#closed && this.#running < this.#limit && this.#head < this.#waiting.length) {
      const job = this.#waiting[this.#head++];
      if (this.#head > 1024 && this.#head * 2 > this.#waiting.length) {
        this.#waiting.splice(0, this.#head);
        this.#head = 0;
      }
      if (job) void this.#start(job);
    }
  }

  async #start(job: () => Promise<void>): Promise<void> {
    this.#running++;
    try {
      await job();
    } finally {
      this.#running--;
      this.#next();
      if (this.#running === 0) for (const resolve of this.#whenIdle.splice(0)) resolve();
    }
  }
}
