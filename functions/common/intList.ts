/** A list of 32-bit numbers that keeps its room when it is emptied. */
export class IntList {
  /** The numbers, up to `length`. */
  items = new Int32Array(64);
  length = 0;

  push(number: number): void {
    if (this.length === this.items.length) this.#grow(this.length + 1);
    this.items[this.length++] = number;
  }

  /** Adds the numbers of an array from `start` on. */
  addAll(numbers: Int32Array, start: number, count: number): void {
    if (this.length + count > this.items.length) this.#grow(this.length + count);
    const { items, length } = this;
    for (let at = 0; at < count; at++) items[length + at] = numbers[start + at] as number;
    this.length += count;
  }

  /** The last number, of a list that has one. */
  get last(): number {
    return this.items[this.length - 1] as number;
  }

  #grow(least: number): void {
    const larger = new Int32Array(2 * least);
    larger.set(this.items);
    this.items = larger;
  }
}
