import { viewOf } from './lineBuffer.js';

/** The number of every name that no element can have: not ASCII, empty, too long, or `__proto__`. */
export const UNKNOWN_NAME = 0;
/** The number of every name that only a parser can read: written with escapes, or one too many. */
export const UNRESOLVED_NAME = 1;

/** Bytes of the longest name that has a number; those of FHIR's elements are shorter. */
export const MAX_NAME = 64;
/** Names of data that have numbers: FHIR has some 2,000, and as many of their siblings. Data may hold any number of others. */
const MAX_NAMES = 10_000;
/** With those of the app and of its results, which have numbers also where data has used up its own. */
const MAX_ALL_NAMES = 20_000;
let most = MAX_NAMES;
const SLOTS = 32_768;
const QUOTE = 0x22;

const names: string[] = ['', ''];
const lengths: number[] = [0, 0];
const spelled: Uint8Array[] = [new Uint8Array(0), new Uint8Array(0)];
const views: DataView[] = spelled.map(viewOf);
/** Numbers by hash: open addressing, filled by a third at most. */
const slots = new Int32Array(SLOTS);
const numbers = new Map<string, number>();

/** Names that were found, by the four bytes they begin with and the name before: a name's place is mostly the same. */
const GUESS_BITS = 12;
const guesses = new Int32Array(1 << GUESS_BITS);

/** The hash of a name from that of the name without its last byte; 0 for none. */
export function hashByte(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0;
}

/** The number of a name of a JSON object's member, in this process: a name of code, definitions or configurations. */
export function nameNumber(name: string): number {
  const number = numbers.get(name);
  if (number !== undefined) return number;
  const bytes = Buffer.from(name, 'utf8');
  let hash = 0;
  for (const byte of bytes) hash = hashByte(hash, byte);
  return numberingAll(() => findName(bytes, 0, bytes.length, hash));
}

/** Runs work whose names are the app's own, or those of a result, not of data that may have any. */
export function numberingAll<T>(work: () => T): T {
  most = MAX_ALL_NAMES;
  try {
    return work();
  } finally {
    most = MAX_NAMES;
  }
}

/** The name of a number. */
export function nameOf(number: number): string {
  return names[number] as string;
}

/** Bytes of a number's name. */
export function nameLength(number: number): number {
  return lengths[number] as number;
}

/** The number of the name that these ASCII bytes are. @param hash `hashByte` of each, from 0 on */
export function findName(bytes: Uint8Array, start: number, end: number, hash: number): number {
  const length = end - start;
  for (let slot = hash & (SLOTS - 1); ; slot = (slot + 1) & (SLOTS - 1)) {
    const number = slots[slot] as number;
    if (number === UNKNOWN_NAME) return addName(bytes, start, end, slot);
    if (lengths[number] === length && isSpelled(spelled[number] as Uint8Array, bytes, start)) return number;
  }
}

/** The same, of a name whose hash is not known. */
export function nameAt(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0;
  for (let at = start; at < end; at++) hash = hashByte(hash, bytes[at] as number);
  return findName(bytes, start, end, hash);
}

/** Where the guess of a name is that begins with four bytes and comes after another. */
export function guessOf(first: number, before: number): number {
  return (Math.imul(first, 0x2c1b3c6d) ^ Math.imul(before, 0x297a2d39)) >>> (32 - GUESS_BITS);
}

/**
 * The number of the name that is most likely at a place, if it is there and its quote after it;
 * `UNKNOWN_NAME` where it does not. @param view at least as many bytes as the longest name and its quote
 */
export function guessedName(view: DataView, start: number, guess: number): number {
  const number = guesses[guess] as number;
  const length = lengths[number] as number;
  if (length === 0 || view.getUint8(start + length) !== QUOTE) return UNKNOWN_NAME;
  const name = views[number] as DataView;
  let at = 0;
  for (; at + 4 <= length; at += 4)
    if (name.getInt32(at, true) !== view.getInt32(start + at, true)) return UNKNOWN_NAME;
  for (; at < length; at++) if (name.getUint8(at) !== view.getUint8(start + at)) return UNKNOWN_NAME;
  return number;
}

/** Remembers a name that was found where another one, or none, was guessed. */
export function rememberGuess(guess: number, number: number): void {
  if (number !== UNRESOLVED_NAME) guesses[guess] = number;
}

function addName(bytes: Uint8Array, start: number, end: number, slot: number): number {
  if (start === end || end - start > MAX_NAME) return UNKNOWN_NAME;
  for (let at = start; at < end; at++) if ((bytes[at] as number) >= 0x80) return UNKNOWN_NAME;
  if (names.length >= most) return UNRESOLVED_NAME;
  const own = Uint8Array.from(bytes.subarray(start, end));
  const name = Buffer.from(own).toString('latin1');
  // Whoever makes objects of numbered names need not think of it.
  if (name === '__proto__') return UNKNOWN_NAME;
  const number = names.push(name) - 1;
  lengths.push(own.length);
  spelled.push(own);
  views.push(viewOf(own));
  numbers.set(name, number);
  slots[slot] = number;
  return number;
}

function isSpelled(name: Uint8Array, bytes: Uint8Array, start: number): boolean {
  for (let at = 0; at < name.length; at++) if (name[at] !== bytes[start + at]) return false;
  return true;
}
