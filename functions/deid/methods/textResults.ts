import { viewOf } from '../../json/lineBuffer.js';
import type { HmacPads } from './hmac.js';

/** Longest text whose result is remembered, in bytes. */
const MAX_LENGTH = 200;
const SLOTS = 65_536;
/** Results are forgotten all at once when they take more than this. */
const MAX_BYTES = 6 * 1024 * 1024;
/** Bytes before a text in the store: a note, its length, and that of its result. */
const HEAD = 6;

/** Work that puts a hash in the place of a text, which others may do quicker. */
export interface HashWork {
  /** The two blocks of the key that HMAC-SHA256 begins with. */
  readonly pads: HmacPads;
  /** Hexadecimal digits that stay. */
  readonly digits: number;
  /**
   * Set where of a relative reference, a name and an id (`[A-Za-z0-9.-]{1,64}`), the id alone is hashed: whether a name is
   * one of those.
   */
  readonly isType?: (name: string) => boolean;
}

/**
 * What a method made of texts, by the bytes of the texts: references and codes repeat. A result is in `view` as
 * JSON, from `start` to `end` of the place that `find` or `add` gives; it is there until the next `add`.
 */
export class TextResults {
  /** The label that each use of a result counts for. */
  readonly label: number;
  private store = Buffer.allocUnsafe(65_536);
  view = viewOf(this.store);
  private filled = HEAD;
  private used = 0;
  private slot = 0;
  /** Places in the store by hash: open addressing, half full at most. */
  private readonly places = new Int32Array(SLOTS);

  /** What is made of a text, whether it is remembered or not; undefined where that is not known yet. */
  readonly make: (text: string) => string | undefined;
  readonly #sample: string | undefined;
  /** Set where a hash takes the place of ASCII texts. */
  readonly hash: HashWork | undefined;

  /** @param sample a text whose form all results have; without one, what is made of any text */
  constructor(
    label: number,
    make: (text: string) => string | undefined,
    { sample, hash }: { readonly sample?: string; readonly hash?: HashWork | undefined } = {},
  ) {
    this.label = label;
    this.hash = hash;
    this.make = make;
    this.#sample = sample;
  }

  /** A text of the form that results have. */
  get sample(): string {
    return this.#sample ?? this.make('a') ?? '';
  }

  /** The place of the result for the text that these bytes are; 0 for none. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    let hash = length;
    for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (bytes[at] as number)) | 0;
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    const { places, store } = this;
    let slot = (hash ^ (hash >>> 13)) & (SLOTS - 1);
    for (;;) {
      const place = places[slot] as number;
      if (place === 0) break;
      if (((store[place - 4] as number) | ((store[place - 3] as number) << 8)) === length) {
        let at = 0;
        while (at < length && store[place + at] === bytes[start + at]) at++;
        if (at === length) return place;
      }
      slot = (slot + 1) & (SLOTS - 1);
    }
    this.slot = slot;
    return 0;
  }

  /** Whether results of texts of this many bytes are remembered. */
  remembers(length: number): boolean {
    return length <= MAX_LENGTH;
  }

  /** Remembers the result for the text that `find` has not found just now. @returns its place; 0 where there is none yet */
  add(bytes: Buffer, start: number, end: number): number {
    const text = this.make(bytes.toString('utf8', start, end));
    if (text === undefined) return 0;
    const json = Buffer.from(JSON.stringify(text));
    const length = end - start;
    if (this.filled + length + json.length + HEAD > MAX_BYTES || this.used >= SLOTS / 2) {
      this.places.fill(0);
      this.used = 0;
      this.filled = HEAD;
    }
    while (this.filled + length + json.length + HEAD > this.store.length) this.grow();
    const { store } = this;
    const place = this.filled;
    store.writeUInt16LE(0, place - 6);
    store.writeUInt16LE(length, place - 4);
    store.writeUInt16LE(json.length, place - 2);
    bytes.copy(store, place, start, end);
    store.set(json, place + length);
    this.filled += length + json.length + HEAD;
    this.places[this.slot] = place;
    this.used++;
    return place;
  }

  /** A number that was kept beside a result; 0 for none. */
  note(place: number): number {
    const { store } = this;
    return (store[place - 6] as number) | ((store[place - 5] as number) << 8);
  }

  /** Keeps a number below 65,536 beside a result. */
  keepNote(place: number, note: number): void {
    this.store.writeUInt16LE(note, place - 6);
  }

  /** The text of a result. */
  textAt(place: number): string {
    return JSON.parse(this.store.toString('utf8', this.start(place), this.end(place))) as string;
  }

  /** Where the result of a place begins. */
  start(place: number): number {
    const { store } = this;
    return place + ((store[place - 4] as number) | ((store[place - 3] as number) << 8));
  }

  /** Where the result of a place has ended. */
  end(place: number): number {
    const { store } = this;
    return this.start(place) + ((store[place - 2] as number) | ((store[place - 1] as number) << 8));
  }

  private grow(): void {
    const larger = Buffer.allocUnsafe(2 * this.store.length);
    this.store.copy(larger, 0, 0, this.filled);
    this.store = larger;
    this.view = viewOf(larger);
  }
}
