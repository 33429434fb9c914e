import { LineBuffer } from '../../json/lineBuffer.js';

const LINE_BREAK = 0x0a;

/**
 * The lines of a page, until they are written. They come out in the order of what is in them, not of the source: two
 * exports under different keys cannot be joined by the position of their lines.
 */
export class PageLines {
  /** Takes a line's bytes; `end` ends the line. */
  readonly buffer = new LineBuffer();
  /** Where lines begin; the last one is where the next line will. */
  readonly #starts: number[] = [0];
  #sorted = Buffer.alloc(0);

  /** Lines that are held. */
  get count(): number {
    return this.#starts.length - 1;
  }

  /** Bytes that are held. */
  get bytes(): number {
    return this.buffer.length;
  }

  /** Ends the line that was put into the buffer. */
  end(): void {
    this.buffer.byte(LINE_BREAK);
    this.#starts.push(this.buffer.length);
  }

  /** All lines in their order, each with its line break, and forgets them. Valid until the next call. */
  take(): Buffer {
    const starts = this.#starts;
    const { length } = this.buffer;
    const bytes = this.buffer.slice(0, length);
    if (this.#sorted.length < length) this.#sorted = Buffer.allocUnsafe(length);
    const sorted = this.#sorted;
    const shared = sharedLength(bytes, starts);
    const order = Uint32Array.from({ length: this.count }, (_, line) => line).sort((one, other) =>
      compareLines(bytes, (starts[one] as number) + shared, (starts[other] as number) + shared),
    );
    let filled = 0;
    for (const line of order) filled += bytes.copy(sorted, filled, starts[line], starts[line + 1]);
    starts.length = 1;
    this.buffer.truncate(0);
    return sorted.subarray(0, filled);
  }
}

/** How many bytes all lines begin with alike. */
function sharedLength(bytes: Buffer, starts: readonly number[]): number {
  let shared = bytes.indexOf(LINE_BREAK);
  for (let line = 1; line < starts.length - 1; line++) {
    const start = starts[line] as number;
    let at = 0;
    while (at < shared && bytes[start + at] === bytes[at]) at++;
    shared = at;
  }
  return Math.max(0, shared);
}

/** Compares two lines, which end with a line break, from a place in each. */
function compareLines(bytes: Buffer, one: number, other: number): number {
  for (let at = 0; ; at++) {
    const byte = bytes[one + at] as number;
    const difference = byte - (bytes[other + at] as number);
    if (difference !== 0 || byte === LINE_BREAK) return difference;
  }
}
