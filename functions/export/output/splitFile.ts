import type { LineSink } from './lineMaker.js';

const LINE_BREAK = 0x0a;

/** A file that goes on in further ones, so that none has more bytes than are permitted, unless one line has. */
export class SplitFile implements LineSink {
  readonly #parts: LineSink[];
  readonly #maxBytes: number;
  readonly #create: (nth: number) => Promise<LineSink>;

  /**
   * @param first the file that it begins with
   * @param create makes a further one; the first of these is number 1
   */
  constructor(first: LineSink, maxBytes: number, create: (nth: number) => Promise<LineSink>) {
    this.#parts = [first];
    this.#maxBytes = maxBytes;
    this.#create = create;
  }

  /** The files, in the order of their lines. */
  get parts(): readonly LineSink[] {
    return this.#parts;
  }

  get bytes(): number {
    return this.#parts.reduce((sum, part) => sum + part.bytes, 0);
  }

  get lines(): number {
    return this.#parts.reduce((sum, part) => sum + part.lines, 0);
  }

  writeLines(lines: Uint8Array, count: number): Promise<void> | undefined {
    const last = this.#last;
    return last.bytes + lines.length <= this.#maxBytes
      ? last.writeLines(lines, count)
      : this.#writeAcross(lines);
  }

  async close(): Promise<void> {
    await this.#last.close();
  }

  get #last(): LineSink {
    return this.#parts.at(-1) as LineSink;
  }

  /** Fills the last file with whole lines, then others. */
  async #writeAcross(lines: Uint8Array): Promise<void> {
    for (let start = 0; start < lines.length;) {
      const room = this.#maxBytes - this.#last.bytes;
      let [end, count] = [start, 0];
      while (end < lines.length) {
        const next = lines.indexOf(LINE_BREAK, end) + 1;
        if (next - start > room && (count > 0 || this.#last.lines > 0)) break;
        end = next;
        count++;
        if (next - start > room) break;
      }
      if (count > 0) await this.#last.writeLines(lines.subarray(start, end), count);
      start = end;
      if (start === lines.length) return;
      await this.#last.close();
      this.#parts.push(await this.#create(this.#parts.length));
    }
  }
}
