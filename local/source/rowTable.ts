/** What the table keeps of one resource besides its id and its place in the file. */
interface Row {
  /** Bytes of the text, without the line break. */
  length: number;
  /** `meta.lastUpdated`, in microseconds since the epoch. */
  time: number;
  /** How an absent `meta.lastUpdated` is put in, as `scanResource` says. */
  insertion: number;
  /** Where in the text an absent `meta.lastUpdated` goes, in bytes from its start. */
  insertAt: number;
}

/** A row and where its id is in a buffer. */
export interface RowWithId extends Row {
  idStart: number;
  idEnd: number;
}

const NONE = -1;

/**
 * The rows of one resource type in typed arrays: some 60 bytes and the id's text for each. A row's number
 * is its position, never changes and is never used again: an update adds a row and retires the old one.
 */
export class RowTable {
  count = 0;
  offsets = new Float64Array(64);
  lengths = new Uint32Array(64);
  times = new Float64Array(64);
  insertions = new Uint8Array(64);
  insertAts = new Uint32Array(64);
  #retired = new Uint8Array(64);
  #retiredCount = 0;
  #idStarts = new Uint32Array(65);
  #ids = Buffer.allocUnsafe(64 * 40);
  #slots = new Int32Array(256).fill(NONE);

  /**
   * Adds a row, whose id is in `ids` and whose text begins at `offset` of the file (-1: is in no file). An
   * earlier row of the id stays, but is no longer found by it. Returns the earlier row, or -1.
   */
  add(ids: Buffer, offset: number, row: RowWithId): number {
    const number = this.count;
    if (number === this.lengths.length) this.#growRows();
    if ((number + 1) * 2 > this.#slots.length) this.#growSlots();
    this.offsets[number] = offset;
    this.lengths[number] = row.length;
    this.times[number] = row.time;
    this.insertions[number] = row.insertion;
    this.insertAts[number] = row.insertAt;
    this.#addId(number, ids, row.idStart, row.idEnd);
    this.count++;
    const slot = this.#slotOf(ids, row.idStart, row.idEnd);
    const earlier = this.#slots[slot]!;
    this.#slots[slot] = number;
    return earlier;
  }

  /** The numbers of all rows that are not retired, ascending. */
  liveRows(): Uint32Array {
    const rows = new Uint32Array(this.count - this.#retiredCount);
    for (let row = 0, at = 0; row < this.count; row++) {
      if (!this.isRetired(row)) rows[at++] = row;
    }
    return rows;
  }

  /** The latest row of an id, retired or not; -1 when there never was one. */
  find(id: string): number {
    const bytes = Buffer.from(id);
    return this.#slots[this.#slotOf(bytes, 0, bytes.length)]!;
  }

  isRetired(row: number): boolean {
    return this.#retired[row] === 1;
  }

  retire(row: number): void {
    if (this.isRetired(row)) return;
    this.#retired[row] = 1;
    this.#retiredCount++;
  }

  id(row: number): string {
    return this.#ids.toString('utf8', this.#idStarts[row], this.#idStarts[row + 1]);
  }

  compareIds(left: number, right: number): number {
    return this.#ids.compare(
      this.#ids,
      this.#idStarts[right],
      this.#idStarts[right + 1],
      this.#idStarts[left],
      this.#idStarts[left + 1],
    );
  }

  idLength(row: number): number {
    return this.#idStarts[row + 1]! - this.#idStarts[row]!;
  }

  /** Writes the id's bytes at a position of `target`; returns the position behind them. */
  copyId(row: number, target: Buffer, at: number): number {
    return at + this.#ids.copy(target, at, this.#idStarts[row], this.#idStarts[row + 1]);
  }

  #addId(row: number, bytes: Buffer, from: number, to: number): void {
    const start = this.#idStarts[row]!;
    const end = start + to - from;
    if (end > this.#ids.length) this.#ids = Buffer.concat([this.#ids], Math.max(this.#ids.length * 2, end));
    this.#ids.set(bytes.subarray(from, to), start);
    this.#idStarts[row + 1] = end;
  }

  #growRows(): void {
    const size = this.lengths.length * 2;
    this.offsets = grown(this.offsets, new Float64Array(size));
    this.lengths = grown(this.lengths, new Uint32Array(size));
    this.times = grown(this.times, new Float64Array(size));
    this.insertions = grown(this.insertions, new Uint8Array(size));
    this.insertAts = grown(this.insertAts, new Uint32Array(size));
    this.#retired = grown(this.#retired, new Uint8Array(size));
    this.#idStarts = grown(this.#idStarts, new Uint32Array(size + 1));
  }

  #growSlots(): void {
    this.#slots = new Int32Array(this.#slots.length * 4).fill(NONE);
    for (let row = 0; row < this.count; row++) {
      this.#slots[this.#slotOf(this.#ids, this.#idStarts[row]!, this.#idStarts[row + 1]!)] = row;
    }
  }

  /** The slot that holds the id in these bytes, or the free one where it belongs. */
  #slotOf(bytes: Buffer, start: number, end: number): number {
    const mask = this.#slots.length - 1;
    let hash = 0x811c9dc5;
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
    hash ^= hash >>> 15;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const row = this.#slots[slot]!;
      if (row === NONE || this.#isId(row, bytes, start, end)) return slot;
    }
  }

  #isId(row: number, bytes: Buffer, start: number, end: number): boolean {
    const from = this.#idStarts[row]!;
    if (this.#idStarts[row + 1]! - from !== end - start) return false;
    for (let at = start; at < end; at++) {
      if (this.#ids[from + at - start] !== bytes[at]) return false;
    }
    return true;
  }
}

function grown<T extends Float64Array | Uint32Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
