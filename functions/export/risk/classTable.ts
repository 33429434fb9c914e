/** Bytes of a digest. */
export const DIGEST_BYTES = 16;
/** Bytes of an entry as it is stored: a digest, and how many Patients have it. */
export const ENTRY_BYTES = DIGEST_BYTES + 4;
const WORDS = DIGEST_BYTES / 4;
/** Classes that a table may have for each of its slots. */
const MAX_LOAD = 0.75;

type Digest = readonly [number, number, number, number];

/** How many Patients are in each class, by the digest of the class: 20 bytes for each slot, of which a class has 1.3 to 2.7. */
export class ClassTable {
  #size = 0;
  #slots = 1024;
  #words = new Uint32Array(this.#slots * WORDS);
  #counts = new Uint32Array(this.#slots);

  /** Classes that it has. */
  get size(): number {
    return this.#size;
  }

  /** How many Patients each class has. */
  *counts(): Generator<number> {
    for (const count of this.#counts) if (count > 0) yield count;
  }

  /** Adds Patients of a class. @param bytes have its digest at `at` */
  add(bytes: Buffer, at: number, count: number): void {
    this.#put(
      bytes.readUInt32LE(at),
      bytes.readUInt32LE(at + 4),
      bytes.readUInt32LE(at + 8),
      bytes.readUInt32LE(at + 12),
      count,
    );
  }

  /** Forgets the classes whose digests do not begin with 16 bits that are wanted, as `startOf` gives them. */
  keep(isWanted: (start: number) => boolean): void {
    const bytes = this.toBytes();
    this.clear();
    for (let at = 0; at < bytes.length; at += ENTRY_BYTES) {
      if (isWanted(startOf(bytes, at))) this.add(bytes, at, countOf(bytes, at));
    }
  }

  /** Forgets all classes, and keeps the room. */
  clear(): void {
    this.#counts.fill(0);
    this.#size = 0;
  }

  /** All classes as they are stored. */
  toBytes(): Buffer {
    const bytes = Buffer.allocUnsafe(this.#size * ENTRY_BYTES);
    let at = 0;
    for (const [slot, count] of this.#counts.entries()) {
      if (count === 0) continue;
      for (const word of this.#digest(slot)) at = bytes.writeUInt32LE(word, at);
      at = bytes.writeUInt32LE(count, at);
    }
    return bytes;
  }

  #digest(slot: number): Digest {
    const at = slot * WORDS;
    const words = this.#words;
    return [words[at] as number, words[at + 1] as number, words[at + 2] as number, words[at + 3] as number];
  }

  #put(first: number, second: number, third: number, fourth: number, count: number): void {
    if (this.#size >= this.#slots * MAX_LOAD) this.#grow();
    const words = this.#words;
    const counts = this.#counts;
    const mask = this.#slots - 1;
    // The first word decides what is counted at a time: the last one is spread evenly all the same.
    let slot = fourth & mask;
    let at = slot * WORDS;
    while (
      counts[slot] !== 0 &&
      (words[at] !== first || words[at + 1] !== second || words[at + 2] !== third || words[at + 3] !== fourth)
    ) {
      slot = (slot + 1) & mask;
      at = slot * WORDS;
    }
    if (counts[slot] === 0) {
      words[at] = first;
      words[at + 1] = second;
      words[at + 2] = third;
      words[at + 3] = fourth;
      this.#size++;
    }
    counts[slot] = (counts[slot] as number) + count;
  }

  #grow(): void {
    const larger = new ClassTable();
    larger.#slots = this.#slots * 2;
    larger.#words = new Uint32Array(larger.#slots * WORDS);
    larger.#counts = new Uint32Array(larger.#slots);
    for (const [slot, count] of this.#counts.entries()) {
      if (count > 0) larger.#put(...this.#digest(slot), count);
    }
    this.#slots = larger.#slots;
    this.#words = larger.#words;
    this.#counts = larger.#counts;
  }
}

/** The first 16 bits of a digest. */
export function startOf(bytes: Buffer, at: number): number {
  return bytes.readUInt16LE(at);
}

/** How many Patients a stored entry says. */
export function countOf(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at + DIGEST_BYTES);
}
