import { hmac, sha256 } from '../../common/crypto.js';

/** SHA-256's block and digest, in bytes. */
const BLOCK = 64;
const DIGEST = 32;
/** Longest text, in UTF-16 units, that is hashed in the quick manner; a unit is three bytes of UTF-8 at most. */
const MAX_LENGTH = 1024;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

/** The key, padded, as the first blocks of the two hashes of HMAC-SHA256. */
export interface HmacPads {
  readonly inner: Uint8Array;
  readonly outer: Uint8Array;
}

/**
 * HMAC of texts under one key: RFC 2104. For SHA-256 the two padded keys are kept and a short text takes two
 * one-shot hashes, which costs half of what an HMAC object does.
 */
export class Hmac {
  readonly #algorithm: string;
  readonly #key: Uint8Array;
  readonly #inner = Buffer.alloc(BLOCK + 3 * MAX_LENGTH);
  readonly #outer = Buffer.alloc(BLOCK + DIGEST);
  /** The first bytes of `#inner`, by their number: most texts have the same few lengths. */
  readonly #inners = new Map<number, Buffer>();

  constructor(algorithm: string, key: Uint8Array) {
    this.#algorithm = algorithm;
    this.#key = key;
    const block = Buffer.alloc(BLOCK);
    block.set(key.length > BLOCK ? Buffer.from(sha256(key, 'binary'), 'latin1') : key);
    for (let at = 0; at < BLOCK; at++) {
      this.#inner[at] = (block[at] ?? 0) ^ INNER_PAD;
      this.#outer[at] = (block[at] ?? 0) ^ OUTER_PAD;
    }
  }

  /** Undefined where the hash is not SHA-256. */
  get pads(): HmacPads | undefined {
    if (this.#algorithm !== 'sha256') return undefined;
    return { inner: this.#inner.subarray(0, BLOCK), outer: this.#outer.subarray(0, BLOCK) };
  }

  /** The HMAC of a text's UTF-8 bytes in lowercase hex digits. */
  hex(text: string): string {
    if (this.#algorithm !== 'sha256' || text.length > MAX_LENGTH) {
      return hmac(this.#algorithm, this.#key, text).toString('hex');
    }
    const length = this.#inner.write(text, BLOCK, 'utf8');
    this.#outer.write(sha256(this.#innerOf(BLOCK + length), 'binary'), BLOCK, 'latin1');
    return sha256(this.#outer, 'hex');
  }

  #innerOf(length: number): Buffer {
    let inner = this.#inners.get(length);
    if (inner === undefined) {
      inner = this.#inner.subarray(0, length);
      this.#inners.set(length, inner);
    }
    return inner;
  }
}
