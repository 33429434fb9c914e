/** What groups captured: for each group a chain from its last capture to its first, since balancing takes captures back. */
export class Captures {
  /** Each slot's last capture; -1 for none. */
  readonly #last: Int32Array;
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #previous: number[] = [];

  constructor(slots: number) {
    this.#last = new Int32Array(slots).fill(-1);
  }

  clear(): void {
    this.#last.fill(-1);
    this.#starts.length = this.#ends.length = this.#previous.length = 0;
  }

  has(slot: number): boolean {
    return (this.#last[slot] as number) >= 0;
  }

  /** Start of a slot's last capture; -1 without one. */
  start(slot: number): number {
    return this.#starts[this.#last[slot] as number] ?? -1;
  }

  end(slot: number): number {
    return this.#ends[this.#last[slot] as number] ?? -1;
  }

  /** A slot's last capture, for `restore`. */
  last(slot: number): number {
    return this.#last[slot] as number;
  }

  /** Captures there are, for `restore`. */
  get count(): number {
    return this.#starts.length;
  }

  add(slot: number, start: number, end: number): void {
    this.#previous.push(this.#last[slot] as number);
    this.#last[slot] = this.#starts.push(start) - 1;
    this.#ends.push(end);
  }

  takeBack(slot: number): void {
    this.#last[slot] = this.#previous[this.#last[slot] as number] ?? -1;
  }

  /** Undoes a change of a slot: captures are undone in the reverse of their order. */
  restore(slot: number, last: number, count: number): void {
    this.#last[slot] = last;
    this.#starts.length = this.#ends.length = this.#previous.length = count;
  }
}
