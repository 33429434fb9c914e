import { valueAt, type JsonObject } from '../../json/json.js';
import type { JsonTape } from '../../json/jsonTape.js';
import { nameNumber, nameOf, UNKNOWN_NAME, UNRESOLVED_NAME } from '../../json/keyNames.js';
import type { TextResults } from '../methods/textResults.js';
import { shapeOf, type Shape } from '../model/shape.js';
import type { FhirType } from '../model/types.js';
import { LastCode } from './lastCode.js';
import type { Entry, PlanNode } from './plan.js';

/** Thrown at what only the tree engine can do. */
export const UNUSUAL = new Error('The resource is not one for the tape');

/** What is to be done at an element, in the order of how often it is. */
export type TapeWork =
  /** A text that is kept. */
  | 'text'
  /** A text that is taken away. */
  | 'taken'
  /** A text that is replaced by another that depends on it alone. */
  | 'replaced'
  | 'integer'
  | 'decimal'
  | 'boolean'
  /** Any other value of a primitive. */
  | 'primitive';

/** What is looked at of a value that was written. */
export const NOTHING = 0;
/** Its precision is counted. */
export const DATE = 1;
/** What it refers to is counted. */
export const REFERENCE = 2;
/** Whether it has the form of its type. */
const FORM = 3;
/** The same, of which only a text with escapes may lack it. */
export const PLAIN_FORM = 4;

/** Entries that a node finds without a look-up. */
const SLOTS = 64;

/** The plan of a resource type, by the numbers of names instead of names. */
export class TapePlan {
  readonly root: TapeEntry;
  private readonly nodes = new Map<PlanNode, TapeNode>();
  private readonly entries = new Map<Entry, TapeEntry>();
  private readonly refused = new Set<number>();

  /** Numbers of the names of the elements that identify the patient. */
  readonly patientNames: ReadonlySet<number>;
  /** Whether values are looked at for their form. */
  readonly validates: boolean;

  /**
   * @param validates whether values are looked at for their form
   * @param refused names of the resource's elements with which it is not one for the tape
   * @param patientElements names of those that identify the patient
   */
  constructor(
    root: Entry,
    validates: boolean,
    refused: Iterable<string>,
    patientElements: readonly string[],
  ) {
    this.validates = validates;
    this.root = this.entry(root);
    this.patientNames = new Set(patientElements.map(nameNumber));
    for (const name of refused) this.refused.add(nameNumber(name)).add(nameNumber(`_${name}`));
  }

  /** Whether all elements of a resource of the plan's type are for the tape. */
  takes(tape: JsonTape, resource: number): boolean {
    if (this.refused.size === 0) return true;
    const end = tape.after(resource);
    for (let member = tape.first(resource); member < end; member = tape.after(member))
      if (this.refused.has(tape.name(member))) return false;
    return true;
  }

  node(node: PlanNode): TapeNode {
    let known = this.nodes.get(node);
    if (known === undefined) {
      known = new TapeNode(this, node);
      this.nodes.set(node, known);
    }
    return known;
  }

  entry(entry: Entry): TapeEntry {
    let known = this.entries.get(entry);
    if (known === undefined) {
      known = new TapeEntry(this, entry);
      this.entries.set(entry, known);
    }
    return known;
  }
}

/** What to do with the elements of an object, by the numbers of their names. */
export class TapeNode {
  readonly type: FhirType;
  /** Set where the type's objects need anything, or have choices. */
  readonly shape: Shape | null;
  readonly mayBeRemoved: boolean;
  readonly choices: number;
  private readonly plan: TapePlan;
  private readonly node: PlanNode;
  private readonly slotNames = new Int32Array(SLOTS).fill(-1);
  private readonly slotEntries: TapeEntry[] = [];

  constructor(plan: TapePlan, node: PlanNode) {
    this.plan = plan;
    this.node = node;
    this.type = node.type;
    const shape = shapeOf(node.type);
    this.shape = shape.isAsking ? shape : null;
    this.mayBeRemoved = shape.mayBeRemoved;
    this.choices = shape.choices;
    const unknown = this.entryOf(UNKNOWN_NAME);
    for (let slot = 0; slot < SLOTS; slot++) this.slotEntries.push(unknown);
  }

  entry(name: number): TapeEntry {
    const slot = name & (SLOTS - 1);
    if (this.slotNames[slot] === name) return this.slotEntries[slot] as TapeEntry;
    const entry = this.entryOf(name);
    this.slotNames[slot] = name;
    this.slotEntries[slot] = entry;
    return entry;
  }

  private entryOf(name: number): TapeEntry {
    return this.plan.entry(this.node.entry(nameOf(name)));
  }
}

export class TapeEntry {
  readonly entry: Entry;
  readonly kind: Entry['kind'];
  readonly work: TapeWork;
  /** Set where the work is `replaced`. */
  readonly results: TextResults | undefined;
  /** Set where the work is `taken`: the label that it counts for. */
  readonly takenLabel: number;
  /** The number of `otherKey`. */
  readonly otherName: number;
  readonly isPlain: boolean;
  /** Its bit in the shape of the object's type. */
  readonly bit: number;
  /** What is looked at of its value: one of `NOTHING` to `PLAIN_FORM`. */
  readonly looks: number;
  readonly lastCode = new LastCode();
  /** The conditions, where there are any. */
  readonly conditions: Conditions | null;
  private readonly plan: TapePlan;
  private innerNode: TapeNode | undefined;

  constructor(plan: TapePlan, entry: Entry) {
    this.plan = plan;
    this.entry = entry;
    this.kind = entry.kind;
    this.work = workOf(entry);
    this.results = this.work === 'replaced' ? entry.method?.results : undefined;
    this.takenLabel = entry.method?.taken ?? 0;
    this.otherName = nameNumber(entry.otherKey);
    this.isPlain = entry.isPlain;
    this.bit = entry.bit;
    this.looks = looksOf(entry, plan.validates);
    this.conditions = entry.guards.length === 0 ? null : new Conditions(plan, entry);
  }

  get inner(): TapeNode {
    return (this.innerNode ??= this.plan.node(this.entry.inner));
  }

  get perturbed(): TapeNode | null {
    const { perturbed } = this.entry;
    return perturbed === null ? null : this.plan.node(perturbed);
  }
}

function workOf({ type, method, nodeMethod, keepsText }: Entry): TapeWork {
  if (keepsText) return 'text';
  const primitive = type?.primitive ?? null;
  if (method?.taken !== undefined && primitive === 'string') return 'taken';
  if (method?.results !== undefined && primitive === 'string') return 'replaced';
  if (method !== null || nodeMethod !== null) return 'primitive';
  return primitive === 'integer' || primitive === 'decimal' || primitive === 'boolean'
    ? primitive
    : 'primitive';
}

/** Types of which every JSON value of the right kind is one. */
const FORMLESS: ReadonlySet<string> = new Set(['boolean', 'integer', 'decimal']);

function looksOf({ type, element, target }: Entry, validates: boolean): number {
  if (type?.primitive === 'date' || type?.primitive === 'dateTime') return DATE;
  if (element?.path === 'Reference.reference') return REFERENCE;
  if (!validates || type === null || type.primitive === null || FORMLESS.has(type.name)) return NOTHING;
  const isText = type.name === 'string' || type.name === 'markdown';
  return isText && target?.codes === undefined ? PLAIN_FORM : FORM;
}

/** Verdicts that are remembered for one element's conditions. */
const REMEMBERED = 256;
/** Longest JSON whose verdict is remembered, in bytes. */
const MAX_LENGTH = 512;
/** Bytes before a member that is remembered: the number of its name, and its length. */
const HEAD = 4;

/** Tells by JSON which entry holds at an element whose conditions have to be evaluated. */
type Evaluate = (entry: Entry, json: JsonObject) => Entry;

/**
 * The conditions of an element. They look at a few of its members only: these alone become objects, and of those that
 * were seen before, the verdict is known by their bytes. Codes and their systems repeat without end.
 */
export class Conditions {
  /** Numbers of the names they look at; null where they look at all of the element. */
  private readonly looksAt: ReadonlySet<number> | null;
  private readonly plan: TapePlan;
  private readonly entry: Entry;
  /** Bit n is set where `looksAt` has a number that ends with these five bits. */
  private readonly lookMask: number;
  private readonly seen: (Buffer | undefined)[] = [];
  private readonly verdicts: TapeEntry[] = [];

  constructor(plan: TapePlan, entry: Entry) {
    this.plan = plan;
    this.entry = entry;
    this.looksAt = namesOf(entry);
    let mask = 0;
    for (const name of this.looksAt ?? []) mask |= 1 << (name & 31);
    this.lookMask = mask;
  }

  /** The entry that holds at an object. @throws FhirPathError */
  resolve(tape: JsonTape, object: number, evaluate: Evaluate): TapeEntry {
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
      return this.plan.entry(evaluate(this.entry, partOf(tape, object, this.looksAt)));
    const slot = (hash ^ (hash >>> 15)) & (REMEMBERED - 1);
    const seen = this.seen[slot];
    if (seen?.length === length && this.isSame(seen, tape, object)) return this.verdicts[slot] as TapeEntry;
    const entry = this.plan.entry(evaluate(this.entry, partOf(tape, object, this.looksAt)));
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
function namesOf({ guards, type }: Entry): ReadonlySet<number> | null {
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
