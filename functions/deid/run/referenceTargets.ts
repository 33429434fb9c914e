import { remembered } from '../../common/maps.js';
import { targetTypeOf } from '../../fhir/referenceTarget.js';

const SLASH = 0x2f;
/** Longest id (https://hl7.org/fhir/R4/datatypes.html#id). */
const MAX_ID = 64;
/** Bytes that an id may have. */
const IS_ID = new Uint8Array(256);
for (let byte = 0x2d; byte < 0x7b; byte++)
  if (/[A-Za-z0-9.-]/.test(String.fromCharCode(byte))) IS_ID[byte] = 1;

/** Numbers for what references refer to: as `targetTypeOf` names it. */
export class ReferenceTargets {
  readonly #names: string[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #isResourceType: (name: string) => boolean;
  /** Resource types by the hash of their names, as far as they were met; the last one of a hash. */
  readonly #met = new Map<number, { readonly bytes: Buffer; readonly number: number }>();

  constructor(isResourceType: (name: string) => boolean) {
    this.#isResourceType = isResourceType;
  }

  nameOf(number: number): string {
    return this.#names[number] as string;
  }

  ofText(reference: string): number {
    const name = targetTypeOf(reference, this.#isResourceType);
    return remembered(this.#numbers, name, () => this.#names.push(name) - 1);
  }

  /** Of the bytes of a text that has no escapes. Most references are `Type/id`: this is the short way for these. */
  ofBytes(bytes: Buffer, start: number, end: number): number {
    let at = start;
    let hash = 0;
    for (; at < end && bytes[at] !== SLASH; at++) hash = (Math.imul(hash, 31) + (bytes[at] as number)) | 0;
    const met = this.#met.get(hash);
    if (met !== undefined && met.bytes.length === at - start && isIdAt(bytes, at + 1, end)) {
      if (isSame(met.bytes, bytes, start)) return met.number;
    }
    const text = bytes.toString('utf8', start, end);
    const number = this.ofText(text);
    const name = text.slice(0, at - start);
    if (name === this.nameOf(number)) this.#met.set(hash, { bytes: Buffer.from(name), number });
    return number;
  }
}

function isIdAt(bytes: Buffer, start: number, end: number): boolean {
  const length = end - start;
  if (length < 1 || length > MAX_ID) return false;
  for (let at = start; at < end; at++) if (IS_ID[bytes[at] as number] === 0) return false;
  // A path goes up with these.
  return length > 2 || bytes.toString('latin1', start, end).replaceAll('.', '') !== '';
}

function isSame(name: Buffer, bytes: Buffer, start: number): boolean {
  for (let at = 0; at < name.length; at++) if (name[at] !== bytes[start + at]) return false;
  return true;
}
