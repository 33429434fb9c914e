import { blake3 } from '@noble/hashes/blake3.js';

/** fhir-pseudonymizer's context, by which it makes the 32 bytes that a BLAKE3 key has of a key of any length. */
const CONTEXT = Buffer.from('FhirPseudonymizer.CryptoHash.Blake3.v1');
const DIGEST = 32;
/** Longest text, in UTF-16 units, that is written into a buffer that is kept; a unit is three bytes of UTF-8 at most. */
const MAX_LENGTH = 1024;

/** BLAKE3 of texts under one key, which is derived from the given one. */
export class KeyedBlake3 {
  /** After the key. It is copied for each text, which costs half of what a new one does. */
  readonly #keyed: ReturnType<typeof blake3.create>;
  readonly #state: ReturnType<typeof blake3.create>;
  readonly #text = Buffer.alloc(3 * MAX_LENGTH);
  readonly #digest = Buffer.alloc(DIGEST);

  constructor(key: Uint8Array) {
    this.#keyed = blake3.create({ key: blake3(key, { context: CONTEXT }) });
    this.#state = this.#keyed.clone();
  }

  /** The hash of a text's UTF-8 bytes in lowercase hex digits. */
  hex(text: string): string {
    const state = this.#keyed._cloneInto(this.#state);
    const isLong = text.length > MAX_LENGTH;
    state.update(isLong ? Buffer.from(text, 'utf8') : this.#text.subarray(0, this.#text.write(text, 'utf8')));
    state.digestInto(this.#digest);
    return this.#digest.toString('hex');
  }
}
