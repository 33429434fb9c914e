/** Smaller buffers are made of this many bytes, so that they fit more often. */
const SMALLEST = 65_536;

/**
 * Buffers that are used again. Memory outside of V8's heap counts as garbage to collect for each few dozen megabytes,
 * and collecting looks through all of the heap: buffers of pages and blocks that were made anew each time cost a
 * quarter of the processor.
 */
export class BufferPool {
  readonly #mostBytes: number;
  readonly #idle: Buffer[] = [];
  #idleBytes = 0;

  /** @param mostBytes that idle buffers may take together */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** A buffer of at least so many bytes, with anything in it. */
  take(bytes: number): Buffer {
    const at = this.#idle.findIndex(({ length }) => length >= bytes);
    if (at < 0) return Buffer.allocUnsafeSlow(Math.max(bytes, SMALLEST));
    const [buffer] = this.#idle.splice(at, 1) as [Buffer];
    this.#idleBytes -= buffer.length;
    return buffer;
  }

  /** Lets others have a buffer. Whoever gives it must not look at it, or have it sent, any more. */
  giveBack(buffer: Buffer): void {
    if (this.#idleBytes + buffer.length > this.#mostBytes) return;
    this.#idle.push(buffer);
    this.#idleBytes += buffer.length;
  }
}
