import { valueAt, type JsonObject } from '../../json/json.js';
import type { JsonTape } from '../../json/jsonTape.js';
import { nameNumber, nameOf, UNKNOWN_NAME, UNRESOLVED_NAME } from '../../json/keyNames.js';
import type { FhirType } from '../model/types.js';
import type { Guard } from './pattern.js';

/** Thrown at what only the tree engine can do. */
export const UNUSUAL = new Error('The resource is not one for the tape');

/** Verdicts that are remembered for one element's conditions. */
const REMEMBERED = 256;
/** Longest JSON whose verdict is remembered, in bytes. */
const MAX_LENGTH = 512;
/** Bytes before a member that is remembered: the number of its name, and its length. */
const HEAD = 4;

/** Returns, by JSON, the entry that holds at an element whose conditions have to be evaluated. */
type Evaluate<Entry> = (entry: Entry, json: JsonObject) => Entry;

/** What has conditions. */
interface Conditional {
  readonly guards: readonly Guard[];
  readonly type: FhirType | null;
}

/**
 * The conditions of an element. They look at a few of its members only: these alone become objects, and of those that
 * were seen before, the verdict is known by their bytes. Codes and their systems repeat without end.
 */
export class Conditions<Entry extends Conditional> {
  /** Numbers of the names they look at; null where they look at all of the element. */
  readonly looksAt: ReadonlySet<number> | null;
  /** Bit n is set where `looksAt` has a number that ends with these five bits. */
  readonly lookMask: number;
  private readonly seen: (Buffer | undefined)[] = [];
  private readonly verdicts: Entry[] = [];

  constructor(private readonly entry: Entry) {
    this.looksAt = namesOf(entry);
    let mask = 0;
    for (const name of this.looksAt ?? []) mask |= 1 << (name & 31);
    this.lookMask = mask;
  }

  /** The entry that holds at an object. @throws FhirPathError */
  resolve(tape: JsonTape, object: number, evaluate: Evaluate<Entry>): Entry {
    const { bytes } = tape;
    const end = tape.after(object);
    let length = 0;
    let hash = 0;
    for (let node = tape.first(object); node < end; node = tape.after(node)) {
      const name = tape.name(node);
      if (!this.isLookedAt(name)) continue;
      const last = tape.end(node);
      let at = tape.start(node);
      length += last - at + HEAD;
      if (length > MAX_LENGTH) break;
      hash = (hash ^ name) | 0;
      while (at < last) hash = (Math.imul(hash, 31) + (bytes[at++] as number)) | 0;
    }
    if (this.looksAt === null || length > MAX_LENGTH)
      return evaluate(this.entry, partOf(tape, object, this.looksAt));
    const slot = (hash ^ (hash >>> 15)) & (REMEMBERED - 1);
    const seen = this.seen[slot];
    if (seen?.length === length && this.isSame(seen, tape, object)) return this.verdicts[slot] as Entry;
    const entry = evaluate(this.entry, partOf(tape, object, this.looksAt));
    this.seen[slot] = this.spelled(tape, object, length);
    this.verdicts[slot] = entry;
    return entry;
  }

  private isLookedAt(name: number): boolean {
    return ((this.lookMask >>> (name & 31)) & 1) === 1 && this.looksAt?.has(name) === true;
  }

  /** The members that are looked at: of each its name's number, its length and its bytes. */
  private spelled(tape: JsonTape, object: number, length: number): Buffer {
    const spelled = Buffer.alloc(length);
    const end = tape.after(object);
    let at = 0;
    for (let node = tape.first(object); node < end; node = tape.after(node)) {
      const name = tape.name(node);
      if (!this.isLookedAt(name)) continue;
      spelled.writeUInt16LE(name, at);
      spelled.writeUInt16LE(tape.end(node) - tape.start(node), at + 2);
      at += HEAD;
      at += tape.bytes.copy(spelled, at, tape.start(node), tape.end(node));
    }
    return spelled;
  }

  /** Whether the members that are looked at are those that `spelled` has spelled. */
  private isSame(seen: Buffer, tape: JsonTape, object: number): boolean {
    const { bytes } = tape;
    const objectEnd = tape.after(object);
    let at = 0;
    for (let node = tape.first(object); node < objectEnd; node = tape.after(node)) {
      const name = tape.name(node);
      if (!this.isLookedAt(name)) continue;
      const end = tape.end(node);
      let byte = tape.start(node);
      if (uint16(seen, at) !== name || uint16(seen, at + 2) !== end - byte) return false;
      at += HEAD;
      while (byte < end) if (seen[at++] !== bytes[byte++]) return false;
    }
    return at === seen.length;
  }
}

/**
 * The members of an object that have one of some names; all that have numbers where it is null.
 * @throws UNUSUAL where a name has no number
 */
export function partOf(tape: JsonTape, object: number, names: ReadonlySet<number> | null): JsonObject {
  const json: JsonObject = {};
  const end = tape.after(object);
  for (let node = tape.first(object); node < end; node = tape.after(node)) {
    const name = tape.name(node);
    if (name === UNRESOLVED_NAME) throw UNUSUAL;
    if (name === UNKNOWN_NAME || names?.has(name) === false) continue;
    json[nameOf(name)] = valueAt(tape, node);
  }
  return json;
}

function uint16(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
}

/** The numbers of the names that an element's conditions look at: its children's, and those of their siblings. */
function namesOf({ guards, type }: Conditional): ReadonlySet<number> | null {
  const looksAt = new Set<number>();
  for (const { reads } of guards) {
    for (const { names: path } of reads) {
      const [first] = path;
      if (first === undefined) return null;
      for (const { name, key } of type?.elements.values() ?? [])
        if (name === first) looksAt.add(nameNumber(key)).add(nameNumber(`_${key}`));
    }
  }
  return looksAt;
}
