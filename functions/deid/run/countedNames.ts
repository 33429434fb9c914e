import { remembered } from '../../common/maps.js';
import { reportedUri, URI_KINDS, type UriKind } from '../../fhir/publishedUris.js';
import { targetTypeOf } from '../../fhir/referenceTarget.js';

const SLASH = 0x2f;
/** Longest id (https://hl7.org/fhir/R4/datatypes.html#id). */
const MAX_ID = 64;
/** Bytes that an id may have. */
const IS_ID = new Uint8Array(256);
for (let byte = 0x2d; byte < 0x7b; byte++)
  if (/[A-Za-z0-9.-]/.test(String.fromCharCode(byte))) IS_ID[byte] = 1;

/** A name that is counted, and as what. */
export interface CountedName {
  readonly kind: 'references' | UriKind;
  readonly name: string;
}

/** Numbers for what is counted by name: what references refer to, as `targetTypeOf` names it, and URIs, as `reportedUri` does. */
export class CountedNames {
  readonly #names: CountedName[] = [];
  readonly #targets = new Map<string, number>();
  readonly #uris: Readonly<Record<UriKind, Map<string, number>>> = Object.fromEntries(
    URI_KINDS.map((kind) => [kind, new Map<string, number>()]),
  ) as Record<UriKind, Map<string, number>>;
  readonly #isResourceType: (name: string) => boolean;
  /** Resource types by the hash of their names, as far as they were met; the last one of a hash. */
  readonly #met = new Map<number, { readonly bytes: Buffer; readonly number: number }>();

  constructor(isResourceType: (name: string) => boolean) {
    this.#isResourceType = isResourceType;
  }

  nameOf(number: number): CountedName {
    return this.#names[number] as CountedName;
  }

  /** Of a reference. */
  ofText(reference: string): number {
    return this.#numberOf(this.#targets, 'references', targetTypeOf(reference, this.#isResourceType));
  }

  /** Of a URI. */
  ofUri(kind: UriKind, uri: string): number {
    return this.#uris[kind].get(uri) ?? this.#numberOf(this.#uris[kind], kind, reportedUri(kind, uri));
  }

  #numberOf(numbers: Map<string, number>, kind: CountedName['kind'], name: string): number {
    return remembered(numbers, name, () => this.#names.push({ kind, name }) - 1);
  }

  /** Of the bytes of a reference that has no escapes. Most references are `Type/id`: this is the short way for these. */
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
    if (name === this.nameOf(number).name) this.#met.set(hash, { bytes: Buffer.from(name), number });
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
