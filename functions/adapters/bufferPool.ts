/** Smaller buffers are made of this many bytes, so that they fit more often. */
const SMALLEST = 65_536;

/**
 * Buffers that are used again. Memory outside of V8's heap counts as garbage to collect for each few dozen megabytes,
 * and collecting looks through all of the heap: buffers of pages and blocks that were made anew each time cost a
 * quarter of the processor.
 */
export class BufferPool {
  readonly #mostBytes: number;
  /** From the smallest to the largest. */
  readonly #idle: Buffer[] = [];
  #idleBytes = 0;

  /** @param mostBytes that idle buffers may take together */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /**
   * A buffer of at least so many bytes, with anything in it. A new one that may be kept has a power of two, so that it fits
   * the next ones: what is never written takes no memory.
   */
  take(bytes: number): Buffer {
    const at = this.#idle.findIndex(({ length }) => length >= bytes);
    if (at < 0) return Buffer.allocUnsafeSlow(Math.max(bytes, Math.min(sizeFor(bytes), this.#mostBytes)));
    const [buffer] = this.#idle.splice(at, 1) as [Buffer];
    this.#idleBytes -= buffer.length;
    return buffer;
  }

  /**
   * Lets others have a buffer. Whoever gives it must not look at it, or have it sent, any more. Where idle ones take too
   * much, the smallest go: they were made for what was smaller than what comes now.
   */
  giveBack(buffer: Buffer): void {
    // It would take the place of all others, and not be kept either.
    if (buffer.length > this.#mostBytes) return;
    const at = this.#idle.findIndex(({ length }) => length >= buffer.length);
    this.#idle.splice(at < 0 ? this.#idle.length : at, 0, buffer);
    this.#idleBytes += buffer.length;
    while (this.#idleBytes > this.#mostBytes) this.#idleBytes -= this.#idle.shift()?.length ?? 0;
  }
}

function sizeFor(bytes: number): number {
  return Math.max(2 ** Math.ceil(Math.log2(bytes)), SMALLEST);
}
