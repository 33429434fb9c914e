import type { IntList } from '../../common/intList.js';

/** Counts of small numbers. */
export class Tally {
  #counts = new Int32Array(64);

  /** Counts each of some numbers. */
  add({ items, length }: IntList): void {
    for (let at = 0; at < length; at++) {
      const number = items[at] as number;
      if (number >= this.#counts.length) this.#grow(number);
      this.#counts[number] = (this.#counts[number] as number) + 1;
    }
  }

  /** Counts a number several times. */
  addTimes(number: number, times: number): void {
    if (number >= this.#counts.length) this.#grow(number);
    this.#counts[number] = (this.#counts[number] as number) + times;
  }

  /** Hands over the numbers that were counted, and forgets them. */
  drain(take: (number: number, count: number) => void): void {
    this.#counts.forEach((count, number) => {
      if (count > 0) take(number, count);
    });
    this.#counts.fill(0);
  }

  #grow(number: number): void {
    const larger = new Int32Array(2 * number);
    larger.set(this.#counts);
    this.#counts = larger;
  }
}
