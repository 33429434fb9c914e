const FIRST_BYTES = 65_536;
/** Shorter pieces are copied by fours of bytes: a call costs more, and garbage. */
const SHORT = 512;
const NOTHING = Buffer.alloc(0);

/** A state of a `LineBuffer` to go back to. */
export interface Mark {
  length: number;
  from: number;
  to: number;
}

/**
 * Lines in bytes, made of pieces of a source. Pieces that follow each other in the source are copied together, and a
 * byte that is the source's next one is not written but taken with them: what stays as it was is one piece.
 */
export class LineBuffer {
  private bytes = Buffer.allocUnsafe(FIRST_BYTES);
  private view = viewOf(this.bytes);
  private filled = 0;
  private source: Buffer = this.bytes;
  private sourceView: DataView | undefined;
  /** The piece of the source that is yet to be copied. */
  private from = 0;
  private to = 0;

  /** Begins to take pieces of a source. */
  begin(source: Buffer): void {
    this.flush();
    if (source !== this.source) this.sourceView = undefined;
    this.source = source;
    this.from = 0;
    this.to = 0;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.filled + this.to - this.from;
  }

  /** Forgets all bytes from a place on, and the source: its memory may be used for others from now on. */
  truncate(length: number): void {
    this.begin(NOTHING);
    this.filled = length;
  }

  /** The bytes between two places. Valid until more is written. */
  slice(start: number, end: number): Buffer {
    this.flush();
    return this.bytes.subarray(start, end);
  }

  /** Keeps its position in `mark`. */
  keep(mark: Mark): void {
    mark.length = this.filled;
    mark.from = this.from;
    mark.to = this.to;
  }

  /** Takes back what was written since a mark of the same source was kept. */
  back(mark: Mark): void {
    this.filled = mark.length;
    this.from = mark.from;
    this.to = mark.to;
  }

  /** Adds one byte. */
  byte(byte: number): void {
    if (this.source[this.to] === byte) {
      this.to++;
      return;
    }
    this.flush();
    if (this.filled === this.bytes.length) this.grow(1);
    this.bytes[this.filled++] = byte;
  }

  /** Adds a piece of the source. */
  piece(start: number, end: number): void {
    if (start !== this.to) {
      this.flush();
      this.from = start;
    }
    this.to = end;
  }

  /** Adds bytes from elsewhere. */
  copy(bytes: DataView, start: number, end: number): void {
    this.flush();
    if (this.filled + end - start > this.bytes.length) this.grow(end - start);
    this.put(bytes, start, end);
  }

  /** Adds many bytes from elsewhere. */
  add(bytes: Buffer, start: number, end: number): void {
    this.flush();
    if (this.filled + end - start > this.bytes.length) this.grow(end - start);
    this.filled += bytes.copy(this.bytes, this.filled, start, end);
  }

  /** Adds all bytes of another one. */
  append(other: LineBuffer): void {
    other.flush();
    this.copy(other.view, 0, other.filled);
  }

  /** Adds a text as a JSON string. */
  string(text: string): void {
    this.flush();
    const { length } = text;
    if (this.filled + length + 2 > this.bytes.length) this.grow(length + 2);
    const { bytes } = this;
    let at = this.filled;
    bytes[at++] = 0x22;
    for (let place = 0; place < length; place++) {
      const code = text.charCodeAt(place);
      if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c)
        return this.text(JSON.stringify(text));
      bytes[at++] = code;
    }
    bytes[at++] = 0x22;
    this.filled = at;
  }

  /** Adds a text as it is. */
  text(text: string): void {
    this.flush();
    const most = 3 * text.length;
    if (this.filled + most > this.bytes.length) this.grow(most);
    this.filled += this.bytes.write(text, this.filled, 'utf8');
  }

  /** Puts bytes in the place of those between two places. */
  replace(start: number, end: number, text: Uint8Array): void {
    this.flush();
    const more = text.length - (end - start);
    if (this.filled + more > this.bytes.length) this.grow(more);
    this.bytes.copyWithin(end + more, end, this.filled);
    this.bytes.set(text, start);
    this.filled += more;
  }

  private flush(): void {
    const { from, to } = this;
    const length = to - from;
    if (length === 0) return;
    if (this.filled + length > this.bytes.length) this.grow(length);
    if (length < SHORT) this.put((this.sourceView ??= viewOf(this.source)), from, to);
    else this.filled += this.source.copy(this.bytes, this.filled, from, to);
    this.from = to;
  }

  private put(source: DataView, from: number, to: number): void {
    const { view } = this;
    let at = this.filled;
    let place = from;
    for (; place + 4 <= to; place += 4, at += 4) view.setInt32(at, source.getInt32(place, true), true);
    for (; place < to; place++, at++) view.setUint8(at, source.getUint8(place));
    this.filled = at;
  }

  private grow(more: number): void {
    const larger = Buffer.allocUnsafe(Math.max(2 * this.bytes.length, this.filled + more));
    this.bytes.copy(larger, 0, 0, this.filled);
    this.bytes = larger;
    this.view = viewOf(larger);
  }
}

/** The same bytes, to be read and written by fours. */
export function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}
