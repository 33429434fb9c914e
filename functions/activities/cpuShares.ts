/**
 * Divides the CPU time of a thread among the slices that run on it at the same time, since nothing shows which of them
 * took it: all shares together are what the thread took while there were any.
 */
export class CpuShares {
  readonly #cpuSeconds: () => number | undefined;
  #running = 0;
  /** CPU time of the thread when it was divided last. */
  #at: number | undefined;
  /** What has fallen so far to a slice that was there all the time. */
  #each = 0;

  /** @param cpuSeconds that this thread has taken; `undefined` where that is not known */
  constructor(cpuSeconds: () => number | undefined) {
    this.#cpuSeconds = cpuSeconds;
  }

  /** Runs a slice. @param slice is given what gives its share so far, in seconds; `undefined` where that is not known */
  async during<T>(slice: (share: () => number | undefined) => Promise<T>): Promise<T> {
    this.#divide();
    this.#running++;
    const before = this.#each;
    try {
      return await slice(() => {
        this.#divide();
        return this.#at === undefined ? undefined : this.#each - before;
      });
    } finally {
      this.#divide();
      this.#running--;
    }
  }

  #divide(): void {
    const now = this.#cpuSeconds();
    if (now !== undefined && this.#at !== undefined && this.#running > 0)
      this.#each += (now - this.#at) / this.#running;
    this.#at = now;
  }
}
