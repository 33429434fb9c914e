import type { NdjsonFile } from './ndjsonFile.js';
import { insertionText, isInPlace } from './resourceScan.js';
import type { RowTable } from './rowTable.js';

/** Rows that lie closer together in the file than this are read at once. */
const READ_THROUGH_BYTES = 16 * 1024;
const MAX_RUN_BYTES = 8 * 1024 * 1024;
/** Characters of `2020-01-01T00:00:00.000Z`. */
const INSTANT_LENGTH = 24;
const MICROSECONDS_PER_MILLISECOND = 1000;
const LINE_FEED = 0x0a;

/** The texts of a table's rows: most of them in a file, those of changed resources in memory. */
export class TextStore {
  readonly #table: RowTable;
  readonly #file: NdjsonFile | undefined;
  readonly #changed = new Map<number, Buffer>();
  #scratch = Buffer.alloc(0);

  constructor(table: RowTable, file: NdjsonFile | undefined) {
    this.#table = table;
    this.#file = file;
  }

  /** Gives a row that is in no file its text. */
  put(row: number, text: Buffer): void {
    this.#changed.set(row, text);
  }

  /** Bytes of a row's text as it is served, with a `meta.lastUpdated`. */
  length(row: number): number {
    const insertion = this.#table.insertions[row]!;
    const added = isInPlace(insertion) ? 0 : insertionText(insertion, '').length + INSTANT_LENGTH;
    return this.#table.lengths[row]! + added;
  }

  /** Writes the texts of rows into `target`, each at the position given for it. */
  copy(rows: Uint32Array, target: Buffer, positions: Float64Array): void {
    const { offsets } = this.#table;
    const byOffset = Uint32Array.from(rows.keys());
    const isAscending = rows.every(
      (row, index) => index === 0 || offsets[rows[index - 1]!]! <= offsets[row]!,
    );
    if (!isAscending) byOffset.sort((left, right) => offsets[rows[left]!]! - offsets[rows[right]!]!);
    for (let index = 0; index < rows.length;) index = this.#copyRun(rows, byOffset, index, target, positions);
  }

  /** Writes the texts of rows into `target`, which they fill, each with a line feed behind it. */
  copyLines(rows: Uint32Array, target: Buffer): void {
    if (rows.length === 0) return;
    if (this.#file && this.#areLines(rows)) {
      this.#file.read(target, 0, target.length - 1, this.#table.offsets[rows[0]!]!);
    } else {
      const positions = new Float64Array(rows.length);
      let at = 0;
      for (const [index, row] of rows.entries()) {
        positions[index] = at;
        at += this.length(row);
        target[at++] = LINE_FEED;
      }
      this.copy(rows, target, positions);
    }
    target[target.length - 1] = LINE_FEED;
  }

  /** Whether rows follow each other in the file as they are served, with nothing but a line feed in between. */
  #areLines(rows: Uint32Array): boolean {
    const { offsets, lengths, insertions } = this.#table;
    for (let index = 0; index < rows.length; index++) {
      const row = rows[index]!;
      if (!isInPlace(insertions[row]!) || offsets[row]! < 0) return false;
      if (index === 0) continue;
      const before = rows[index - 1]!;
      if (offsets[row] !== offsets[before]! + lengths[before]! + 1) return false;
    }
    return true;
  }

  /** Copies the row at `index` and those behind it that are near in the file; returns the next index. */
  #copyRun(
    rows: Uint32Array,
    byOffset: Uint32Array,
    index: number,
    target: Buffer,
    positions: Float64Array,
  ): number {
    const { offsets, lengths } = this.#table;
    const first = rows[byOffset[index]!]!;
    const from = offsets[first]!;
    if (from < 0 || !this.#file) {
      this.#changed.get(first)?.copy(target, positions[byOffset[index]!]);
      return index + 1;
    }
    let to = from + lengths[first]!;
    let next = index + 1;
    for (; next < rows.length; next++) {
      const row = rows[byOffset[next]!]!;
      const end = offsets[row]! + lengths[row]!;
      if (offsets[row]! - to > READ_THROUGH_BYTES || end - from > MAX_RUN_BYTES) break;
      to = end;
    }
    if (this.#scratch.length < to - from) this.#scratch = Buffer.allocUnsafe((to - from) * 2);
    this.#file.read(this.#scratch, 0, to - from, from);
    for (let member = index; member < next; member++) {
      const row = rows[byOffset[member]!]!;
      this.#copyText(row, offsets[row]! - from, target, positions[byOffset[member]!]!);
    }
    return next;
  }

  /** Copies a text that begins at `start` of the scratch buffer, with the `meta.lastUpdated` it lacks. */
  #copyText(row: number, start: number, target: Buffer, at: number): void {
    const { lengths, insertions, insertAts, times } = this.#table;
    const end = start + lengths[row]!;
    if (isInPlace(insertions[row]!)) {
      this.#scratch.copy(target, at, start, end);
      return;
    }
    const split = start + insertAts[row]!;
    const instant = new Date(times[row]! / MICROSECONDS_PER_MILLISECOND).toISOString();
    const inserted = insertionText(insertions[row]!, instant);
    this.#scratch.copy(target, at, start, split);
    target.write(inserted, at + split - start, 'latin1');
    this.#scratch.copy(target, at + split - start + inserted.length, split, end);
  }
}
