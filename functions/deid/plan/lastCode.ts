import type { JsonTape } from '../../json/jsonTape.js';

/** The last code of an element that its value set has: most are the one before. */
export class LastCode {
  #bytes = Buffer.alloc(0);

  /** Whether a value on a tape is one of some codes. */
  isOneOf(codes: ReadonlySet<string>, tape: JsonTape, node: number): boolean {
    const start = tape.start(node) + 1;
    const end = tape.end(node) - 1;
    if (this.#isAt(tape.bytes, start, end) && tape.isVerbatim(node)) return true;
    const code = tape.primitive(node);
    if (typeof code !== 'string' || !codes.has(code)) return false;
    this.#bytes = Buffer.from(tape.bytes.subarray(start, end));
    return true;
  }

  #isAt(bytes: Uint8Array, start: number, end: number): boolean {
    const last = this.#bytes;
    if (last.length !== end - start || end === start) return false;
    for (let at = 0; at < last.length; at++) if (last[at] !== bytes[start + at]) return false;
    return true;
  }
}
