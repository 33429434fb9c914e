import { parseJson, type JsonObject } from './json.js';
import { ARRAY, OBJECT, type JsonTape } from './jsonTape.js';
import { nameNumber, nameOf, UNKNOWN_NAME, UNTOLD_NAME } from './keyNames.js';
import type { TextResults } from './methods/textResults.js';
import { takeAway } from './methods/redact.js';
import type { FhirType } from './model/types.js';
import type { Entry, PlanNode } from './plan.js';

/** A resource that only the walk over objects processes; told apart from errors by being this one. */
export const UNUSUAL = new Error('The resource is not one for the tape');

/** What is to be done at an element, in the order of how often it is. */
export type TapeWork =
  /** A text that is kept. */
  | 'text'
  /** A text that is taken away. */
  | 'taken'
  /** A text in whose place stands another that depends on it alone. */
  | 'replaced'
  | 'integer'
  | 'decimal'
  | 'boolean'
  /** Any other value of a primitive. */
  | 'primitive';

/** Entries that a node finds without a look-up. */
const SLOTS = 64;

/** The plan of a resource type, by the numbers of names instead of names. */
export class TapePlan {
  readonly root: TapeEntry;
  private readonly nodes = new Map<PlanNode, TapeNode>();
  private readonly entries = new Map<Entry, TapeEntry>();
  private readonly refused = new Set<number>();

  /** @param refused names of the resource's elements with which it is not one for the tape */
  constructor(root: Entry, refused: Iterable<string>) {
    this.root = this.entry(root);
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
  private readonly plan: TapePlan;
  private readonly node: PlanNode;
  private readonly slotNames = new Int32Array(SLOTS).fill(-1);
  private readonly slotEntries: TapeEntry[] = [];

  constructor(plan: TapePlan, node: PlanNode) {
    this.plan = plan;
    this.node = node;
    this.type = node.type;
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
  /** The number of `otherKey`. */
  readonly otherName: number;
  readonly isPlain: boolean;
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
    this.otherName = nameNumber(entry.otherKey);
    this.isPlain = entry.isPlain;
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

function workOf({ type, method, generalizer, keepsText }: Entry): TapeWork {
  if (keepsText) return 'text';
  const primitive = type?.primitive ?? null;
  if (method === takeAway && primitive === 'string') return 'taken';
  if (method?.results !== undefined && primitive === 'string') return 'replaced';
  if (method !== null || generalizer !== null) return 'primitive';
  return primitive === 'integer' || primitive === 'decimal' || primitive === 'boolean'
    ? primitive
    : 'primitive';
}

/** Verdicts that are remembered for one element's conditions. */
const REMEMBERED = 256;
/** Longest JSON whose verdict is remembered, in bytes. */
const MAX_LENGTH = 512;

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
  private readonly seen: (Uint8Array | undefined)[] = [];
  private readonly verdicts: TapeEntry[] = [];
  private readonly scratch = Buffer.allocUnsafe(MAX_LENGTH);

  constructor(plan: TapePlan, entry: Entry) {
    this.plan = plan;
    this.entry = entry;
    this.looksAt = namesOf(entry);
  }

  /** The entry that holds at an object. @throws FhirPathError */
  resolve(tape: JsonTape, object: number, evaluate: Evaluate): TapeEntry {
    const length = this.spell(tape, object);
    if (length < 0) return this.plan.entry(evaluate(this.entry, this.json(tape, object)));
    const { scratch } = this;
    let hash = length;
    for (let at = 0; at < length; at++) hash = (Math.imul(hash, 31) + (scratch[at] as number)) | 0;
    const slot = (hash ^ (hash >>> 15)) & (REMEMBERED - 1);
    const seen = this.seen[slot];
    if (seen !== undefined && isSame(seen, scratch, length)) return this.verdicts[slot] as TapeEntry;
    const entry = this.plan.entry(evaluate(this.entry, this.json(tape, object)));
    this.seen[slot] = Uint8Array.prototype.slice.call(scratch, 0, length);
    this.verdicts[slot] = entry;
    return entry;
  }

  /** Writes the members that are looked at into `scratch`. @returns the length; -1 where that is too much */
  private spell(tape: JsonTape, object: number): number {
    const { looksAt, scratch } = this;
    if (looksAt === null) return -1;
    const { bytes } = tape;
    const end = tape.after(object);
    let length = 0;
    for (let node = tape.first(object); node < end; node = tape.after(node)) {
      const name = tape.name(node);
      if (!looksAt.has(name)) continue;
      const last = tape.end(node);
      let at = tape.start(node);
      if (length + last - at + 4 > MAX_LENGTH) return -1;
      scratch[length++] = name;
      scratch[length++] = name >> 8;
      scratch[length++] = last - at;
      scratch[length++] = (last - at) >> 8;
      while (at < last) scratch[length++] = bytes[at++] as number;
    }
    return length;
  }

  private json(tape: JsonTape, object: number): JsonObject {
    const json: JsonObject = {};
    const end = tape.after(object);
    for (let node = tape.first(object); node < end; node = tape.after(node)) {
      const name = tape.name(node);
      if (name === UNTOLD_NAME) throw UNUSUAL;
      if (name === UNKNOWN_NAME || this.looksAt?.has(name) === false) continue;
      const kind = tape.kind(node);
      const key = nameOf(name);
      json[key] = kind === OBJECT || kind === ARRAY ? parseJson(tape.json(node)) : tape.scalar(node);
    }
    return json;
  }
}

function isSame(seen: Uint8Array, bytes: Uint8Array, length: number): boolean {
  if (seen.length !== length) return false;
  for (let at = 0; at < length; at++) if (seen[at] !== bytes[at]) return false;
  return true;
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
