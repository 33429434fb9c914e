/** A map of bounded size: the entry that was longest not used makes room for a new one. */
export class RecentMap<Key, Value> {
  readonly #max: number;
  /** The one longest unused is the first in the order of the map. */
  readonly #entries = new Map<Key, Value>();

  /** @param max entries, at least 1 */
  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#entries.size;
  }

  values(): Iterable<Value> {
    return this.#entries.values();
  }

  get(key: Key): Value | undefined {
    const value = this.#entries.get(key);
    if (value !== undefined) this.set(key, value);
    return value;
  }

  set(key: Key, value: Value): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#max) break;
      this.#entries.delete(oldest);
    }
  }

  delete(key: Key): void {
    this.#entries.delete(key);
  }
}
