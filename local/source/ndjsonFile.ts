import { openSync, readSync, closeSync, fstatSync } from 'node:fs';

const CHUNK_BYTES = 8 * 1024 * 1024;
const LINE_FEED = 0x0a;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** An NDJSON file open for reading. */
export class NdjsonFile {
  readonly #descriptor: number;
  #isClosed = false;
  readonly size: number;

  constructor(readonly path: string) {
    this.#descriptor = openSync(path, 'r');
    this.size = fstatSync(this.#descriptor).size;
  }

  /** Fills `target` from `start` up to `end` with the file's bytes from `offset` on. */
  read(target: Buffer, start: number, end: number, offset: number): void {
    for (let at = start; at < end;) {
      const bytes = readSync(this.#descriptor, target, at, end - at, offset + at - start);
      if (bytes === 0) throw new Error(`${this.path} became shorter while it was being served`);
      at += bytes;
    }
  }

  /**
   * Visits the file's lines in order, white space around them and blank lines left out: `line` is the
   * line's number from 1, `offset` the position of `buffer[start]` in the file. The buffer is used again
   * after the call.
   */
  visitLines(
    visit: (buffer: Buffer, start: number, end: number, offset: number, line: number) => void,
  ): void {
    let buffer = Buffer.allocUnsafe(Math.max(1, Math.min(CHUNK_BYTES, this.size)));
    let kept = 0;
    let line = 0;
    for (let offset = 0; offset < this.size;) {
      const filled = kept + Math.min(buffer.length - kept, this.size - offset);
      this.read(buffer, kept, filled, offset);
      const base = offset - kept;
      offset += filled - kept;
      let start = base === 0 && buffer.subarray(0, 3).equals(BYTE_ORDER_MARK) ? 3 : 0;
      for (;;) {
        let end = buffer.subarray(0, filled).indexOf(LINE_FEED, start);
        if (end < 0 && offset === this.size && start < filled) end = filled;
        if (end < 0) break;
        line++;
        const trimmed = trim(buffer, start, end);
        if (trimmed.start < trimmed.end)
          visit(buffer, trimmed.start, trimmed.end, base + trimmed.start, line);
        start = end + 1;
      }
      kept = Math.max(0, filled - start);
      if (kept === buffer.length) buffer = Buffer.concat([buffer], buffer.length * 2);
      else buffer.copyWithin(0, start, filled);
    }
  }

  /** Safe to repeat: the number of a closed descriptor is soon that of a socket or file of somebody else. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.#descriptor);
  }
}

function trim(buffer: Buffer, start: number, end: number): { start: number; end: number } {
  while (start < end && buffer[start]! <= 0x20) start++;
  while (end > start && buffer[end - 1]! <= 0x20) end--;
  return { start, end };
}
