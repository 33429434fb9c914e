import { remembered } from '../../common/maps.js';
import { JsonTape } from '../../json/jsonTape.js';
import { nameLength, nameNumber } from '../../json/keyNames.js';
import type { LineBuffer } from '../../json/lineBuffer.js';
import type { HashWork, TextResults } from '../methods/textResults.js';
import { UNUSUAL } from '../plan/conditions.js';
import { DATE, FORM, NOTHING, REFERENCE, URI, type Entry, type PlanNode } from '../plan/plan.js';
import { operationOf } from './operations.js';
import type { ResourceRun } from './resourceRun.js';
import { DATE_PRECISIONS, type Survey } from './survey.js';
import type { LookOptions } from './valueLook.js';
import {
  COUNTED,
  ELEMENTS,
  ENTRIES,
  ENTRY_SIZE,
  ENTRY_SLOTS,
  HEAD,
  ID,
  INPUT,
  LISTS,
  LISTS_END,
  MAX_ENTRY_SLOTS,
  MAX_ID,
  MAX_INPUT,
  MAX_ROWS,
  MAX_SCRATCH,
  MAX_TAPE,
  NODES,
  NODE_SIZE,
  OUTPUT,
  SCRATCH,
  TAPE,
  WalkMemory,
  type WalkHost,
} from './walkMemory.js';

/** Kinds of entries, as the program has them; others are left to the walk that is the definition. */
const KINDS: Readonly<Partial<Record<Entry['kind'], number>>> = {
  unknown: 0,
  ignored: 1,
  type: 2,
  value: 3,
  values: 4,
  complex: 5,
  list: 6,
  resource: 7,
  resources: 8,
};
const OTHER_KIND = 9;
const WORKS: Readonly<Record<Entry['work'], number>> = {
  text: 0,
  taken: 1,
  replaced: 2,
  integer: 3,
  decimal: 4,
  boolean: 5,
  primitive: 6,
};
/** Work on dates whose year decides what becomes of them. */
const YEAR = 7;
/** What of forms the program can look at by itself. */
const FORMS: Readonly<Record<string, number>> = {
  code: 5,
  uri: 5,
  url: 5,
  canonical: 5,
  positiveInt: 7,
};
const CODE = 6;
/** What of URIs the program counts, and remembers as of one kind. */
const URI_LOOKS = { extensions: 8, systems: 9 } as const;
const IS_PLAIN = 1;
const IS_LEFT_ALONE = 2;
const IS_DAY = 4;
const HAS_SHAPE = 1;
const IS_RESOURCE = 4;

/** Where the numbers of an entry's row are. */
const ENTRY = {
  kind: 0,
  work: 1,
  bit: 2,
  looks: 3,
  operation: 4,
  nameLength: 5,
  inner: 6,
  flags: 7,
  names: 8,
  results: 9,
  hash: 10,
  /** Of a URI: what the text that was found last was remembered as. */
  last: 11,
  mask: 12,
  otherName: 13,
  done: 14,
  nextDone: 15,
} as const;

/** Most bytes of a text that is hashed in the memory. */
const MAX_HASHED = 200;
const TYPE_NAME = 'resourceType'.length;
const UNASKED = -1;
/** Room for what is known of a key: two states, and two numbers. */
const NO_KEY: readonly number[] = Array.from({ length: 18 }, () => 0);
const RELATIVE = /^([A-Za-z]+)\/[A-Za-z0-9\-.]{1,64}$/;
/** What became of an id that is hashed in the memory. */
export const HASHED = 4;

/** What the walk does for the program that is no table: a value or an object at a time. */
export interface WalkWork {
  resolve(entry: Entry, object: number): Entry;
  /** Decides a value and looks at it; its JSON is written to the line where it is not as it came. */
  changeValue(entry: Entry, value: number): number;
  /** Looks at a value that is written as it came. @returns whether another one with the same bytes is valid for certain */
  lookAtKept(entry: Entry, value: number): boolean;
  drop(entry: Entry): void;
  dropUnknown(node: PlanNode): void;
  /** Writes to the line what an object has to have. @returns whether it has members; undefined where it has to go */
  completeObject(
    object: number,
    node: PlanNode,
    had: number,
    left: number,
    depth: number,
    hasOthers: boolean,
  ): boolean | undefined;
  /** Begins a resource that is inside of another. @returns its plan; undefined where nothing of it is left */
  beginInner(entry: Entry, resource: number): PlanNode | undefined;
  endInner(): void;
  lookAtId(): void;
}

/** What was written of a resource, but for its closing brace: all of it in `bytes`, from `start` to `end`. */
export interface QuickResult {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  /** Where its member `meta` was written, from `start` on, up to `metaEnd`; -1 where it was not. */
  readonly metaStart: number;
  readonly metaEnd: number;
  /** The place of `meta` on the tape. */
  readonly meta: number;
  readonly hasOthers: boolean;
}

/** What is in the memory of a tape and its text. */
interface Loaded {
  readonly tape: JsonTape | undefined;
  readonly readings: number;
  /** Places in the text. */
  readonly start: number;
  readonly end: number;
  /** Places on the tape. */
  readonly node: number;
  readonly lastNode: number;
  /** Bytes of resources that were walked. */
  used: number;
}

const NOTHING_LOADED: Readonly<Loaded> = {
  tape: undefined,
  readings: 0,
  start: 0,
  end: 0,
  node: 0,
  lastNode: 0,
  used: 0,
};

const ID_NAME = nameNumber('id');
const META_NAME = nameNumber('meta');

/** The tables of one engine's plans in the memory of the program, and what it asks for while it walks along them. */
export class QuickWalk implements WalkHost {
  readonly #work: WalkWork;
  readonly #line: LineBuffer;
  readonly #options: LookOptions;
  readonly #owner = {};
  #memory: WalkMemory | undefined;
  #tape = new JsonTape(0);
  #loaded = NOTHING_LOADED;
  #entries: Entry[] = [];
  #nodes: PlanNode[] = [];
  readonly #rows = new Map<Entry, number>();
  readonly #numbers = new Map<PlanNode, number>();
  readonly #results = new Map<TextResults, number>();
  readonly #keys = new Map<TextResults, number>();
  #slots = 0;
  #lists = LISTS;
  #isFull = false;

  /** @param line what the work writes to */
  constructor(work: WalkWork, line: LineBuffer, options: LookOptions) {
    this.#work = work;
    this.#line = line;
    this.#options = options;
  }

  /**
   * Walks a resource.
   * @param becameId what became of its id, whose JSON is in the line where it was changed
   * @returns undefined where the walk that is the definition has to do it
   * @throws whatever the work throws; UNUSUAL where the walk that is the definition has to do it
   */
  resource(tape: JsonTape, root: number, plan: PlanNode, becameId: number): QuickResult | undefined {
    const size = tape.end(root) - tape.start(root);
    if (size > MAX_INPUT || 4 * (tape.after(root) - root) > MAX_TAPE) return undefined;
    const memory = this.#ready();
    if (memory === undefined) return undefined;
    const idLength = this.#takeLine(memory, ID, MAX_ID);
    const loaded = this.#load(memory, tape, root);
    loaded.used += size;
    this.#tape = tape;
    const { ints, program } = memory;
    const siblings = tape.hasSiblings ? 1 : 0;
    memory.host = this;
    let length: number;
    try {
      length = program.resource(
        this.#numberOf(plan),
        loaded.start,
        loaded.node,
        root,
        siblings,
        becameId,
        idLength,
      );
    } finally {
      memory.host = undefined;
    }
    return {
      bytes: memory.bytes,
      start: OUTPUT,
      end: OUTPUT + length,
      metaStart: ints[HEAD.metaStart] as number,
      metaEnd: ints[HEAD.metaEnd] as number,
      meta: ints[HEAD.meta] as number,
      hasOthers: ints[HEAD.hasOthers] === 1,
    };
  }

  /** Whether a value is hashed in the memory, and not looked at. */
  hashes({ results, looks }: Entry, tape: JsonTape, node: number): boolean {
    if (results?.hash === undefined || results.hash.isType !== undefined) return false;
    if (looks !== NOTHING && !(looks === FORM && this.#options.isValid)) return false;
    return tape.isAsciiText(node, MAX_HASHED);
  }

  /** Adds what was counted of the last resource. */
  addCounts(run: ResourceRun, { elements, counted }: Survey): void {
    const { ints } = this.#memory as WalkMemory;
    for (let row = ints[HEAD.done] as number; row !== 0; row = ints[row / 4 + ENTRY.nextDone] as number)
      run.didOperation(ints[row / 4 + ENTRY.operation] as number, ints[row / 4 + ENTRY.done] as number);
    elements.addAll(ints, ELEMENTS / 4, ints[HEAD.elements] as number);
    counted.addAll(ints, COUNTED / 4, ints[HEAD.counted] as number);
  }

  /**
   * Puts a resource into the memory unless it is there, and what follows it: twice as much as was used of what was put there
   * before.
   */
  #load(memory: WalkMemory, tape: JsonTape, root: number): Loaded {
    const had = this.#loaded;
    const end = tape.end(root);
    const isSame = had.tape === tape && had.readings === tape.readings;
    if (isSame && root >= had.node && tape.after(root) <= had.lastNode && end <= had.end) return had;
    const start = tape.start(root);
    const most = Math.min(MAX_INPUT, Math.max(end - start, 2 * had.used));
    const loaded: Loaded = {
      tape,
      readings: tape.readings,
      start,
      end: Math.min(tape.bytes.length, start + most),
      node: root,
      lastNode: Math.min(tape.after(tape.root), root + MAX_TAPE / 4),
      used: 0,
    };
    tape.bytes.copy(memory.bytes, INPUT, start, loaded.end);
    tape.copyNodes(root, loaded.lastNode, memory.ints, TAPE / 4);
    this.#loaded = loaded;
    return loaded;
  }

  #ready(): WalkMemory | undefined {
    const had = this.#memory;
    if (had?.isOf(this.#owner) === true && !this.#isFull) return had;
    const memory = WalkMemory.of(this.#owner);
    this.#memory = memory;
    this.#entries = [];
    this.#nodes = [];
    this.#rows.clear();
    this.#numbers.clear();
    this.#results.clear();
    this.#keys.clear();
    this.#slots = 0;
    this.#lists = LISTS;
    this.#isFull = false;
    this.#loaded = NOTHING_LOADED;
    memory?.reset(ID_NAME, META_NAME);
    return memory;
  }

  /** Puts what was written to the line into the memory. @returns its length */
  #takeLine(memory: WalkMemory, place: number, most: number): number {
    const { length } = this.#line;
    if (length > most) throw UNUSUAL;
    if (length > 0) this.#line.slice(0, length).copy(memory.bytes, place);
    this.#line.truncate(0);
    return length;
  }

  /** Hands over what was written, and how much was counted so far. */
  #tell(): void {
    const memory = this.#own;
    memory.ints[HEAD.length] = this.#takeLine(memory, SCRATCH, MAX_SCRATCH);
    this.#tellCounts();
  }

  #tellCounts(): void {
    const { ints } = this.#own;
    const { elements, counted, problems } = this.#options.survey;
    ints[HEAD.hostElements] = elements.length;
    ints[HEAD.hostCounted] = counted.length;
    ints[HEAD.hostProblems] = problems.length;
  }

  get #own(): WalkMemory {
    return this.#memory as WalkMemory;
  }

  #entryAt(row: number): Entry {
    return this.#entries[(row - ENTRIES) / ENTRY_SIZE] as Entry;
  }

  #nodeAt(number: number): PlanNode {
    return this.#nodes[number] as PlanNode;
  }

  entry(node: number, name: number): number {
    const memory = this.#own;
    const row = this.#rowOf(this.#nodeAt(node).entry(name), name);
    if (++this.#slots > MAX_ENTRY_SLOTS / 2) {
      memory.clearEntrySlots();
      this.#slots = 1;
    }
    const { ints } = memory;
    const key = ((node << 15) | name) + 1;
    let slot = Math.imul(key, 0x9e3779b1) >>> 19;
    while (ints[ENTRY_SLOTS / 4 + 2 * slot] !== 0) slot = (slot + 1) & (MAX_ENTRY_SLOTS - 1);
    ints[ENTRY_SLOTS / 4 + 2 * slot] = key;
    ints[ENTRY_SLOTS / 4 + 2 * slot + 1] = row;
    return row;
  }

  inner(row: number): number {
    const number = this.#numberOf(this.#entryAt(row).inner);
    this.#own.ints[row / 4 + ENTRY.inner] = number;
    return number;
  }

  resolve(row: number, place: number): number {
    return this.#rowOf(this.#work.resolve(this.#entryAt(row), place), 0);
  }

  value(row: number, place: number): number {
    const memory = this.#own;
    const entry = this.#entryAt(row);
    const { problems, counted } = this.#options.survey;
    const [problemsBefore, countedBefore] = [problems.length, counted.length];
    const became = this.#work.changeValue(entry, place);
    this.#tell();
    const { ints } = memory;
    const years = entry.method?.ofYears;
    const isKept =
      ints[row / 4 + ENTRY.work] === YEAR &&
      problems.length === problemsBefore &&
      years?.isSame(Number(this.#tape.textAt(place).slice(0, 4))) === true;
    ints[HEAD.isKept] = isKept ? 1 : 0;
    ints[HEAD.note] = counted.length > countedBefore ? counted.last + 1 : 0;
    return became;
  }

  make(row: number, place: number): number {
    const memory = this.#own;
    const { results, looks } = this.#entryAt(row);
    const text = results?.make(this.#tape.textAt(place));
    if (text === undefined) return -1;
    const json = JSON.stringify(text);
    if (3 * json.length > MAX_SCRATCH) throw UNUSUAL;
    const note = looks === REFERENCE ? DATE_PRECISIONS.length + this.#options.names.ofText(text) + 1 : 0;
    memory.ints[HEAD.note] = note;
    this.#knowType(row, place, note);
    return memory.bytes.write(json, SCRATCH);
  }

  /** Of relative references to a type, the first is made here, and all others in the memory. */
  #knowType(row: number, place: number, note: number): void {
    const hash = this.#entryAt(row).results?.hash;
    const [, type = ''] = RELATIVE.exec(this.#tape.textAt(place)) ?? [];
    if (hash?.isType?.(type) !== true) return;
    const { ints, program } = this.#own;
    program.knowType(ints[row / 4 + ENTRY.hash] as number, place, type.length, note);
  }

  look(row: number, place: number): void {
    const { ints } = this.#own;
    const { counted } = this.#options.survey;
    const countedBefore = counted.length;
    ints[HEAD.isKept] = this.#work.lookAtKept(this.#entryAt(row), place) ? 1 : 0;
    ints[HEAD.note] = counted.length > countedBefore ? counted.last + 1 : 0;
    this.#tell();
  }

  drop(row: number): void {
    this.#work.drop(this.#entryAt(row));
  }

  dropUnknown(node: number): void {
    this.#work.dropUnknown(this.#nodeAt(node));
  }

  complete(node: number, place: number, had: number, left: number, depth: number, hasOthers: number): number {
    const hasMembers = this.#work.completeObject(
      place,
      this.#nodeAt(node),
      had,
      left,
      depth,
      hasOthers === 1,
    );
    this.#tell();
    return hasMembers === undefined ? -1 : hasMembers ? 1 : 0;
  }

  back(elements: number, counted: number, problems: number): void {
    this.#options.survey.back({ elements, counted, problems });
    // What is taken back next is counted from here.
    this.#tellCounts();
  }

  beginInner(row: number, _node: number, place: number): number {
    const plan = this.#work.beginInner(this.#entryAt(row), place);
    return plan === undefined ? -1 : this.#numberOf(plan);
  }

  endInner(): void {
    this.#work.endInner();
  }

  lookAtId(): void {
    this.#work.lookAtId();
    this.#tell();
  }

  leave(): never {
    throw UNUSUAL;
  }

  #full(): never {
    this.#isFull = true;
    throw UNUSUAL;
  }

  #rowOf(entry: Entry, name: number): number {
    const known = this.#rows.get(entry);
    if (known !== undefined) return known;
    const { ints } = this.#own;
    if (this.#entries.length === MAX_ROWS) this.#full();
    const row = ENTRIES + ENTRY_SIZE * this.#entries.length;
    const { results, conditions, type, replacement } = entry;
    const at = row / 4;
    const isLeftAlone = entry.isRefused || replacement !== null || entry.perturbed !== null;
    const isDay = type?.primitive === 'date';
    ints[at + ENTRY.kind] = KINDS[entry.kind] ?? OTHER_KIND;
    ints[at + ENTRY.work] = this.#workOf(entry);
    ints[at + ENTRY.bit] = entry.bit;
    ints[at + ENTRY.looks] = looksOf(entry);
    const label = results?.label ?? entry.method?.ofYears?.label ?? entry.takenLabel;
    ints[at + ENTRY.operation] = operationOf(entry.site, label);
    ints[at + ENTRY.last] = 0;
    ints[at + ENTRY.nameLength] = entry.kind === 'type' ? TYPE_NAME : nameLength(name);
    ints[at + ENTRY.inner] = UNASKED;
    ints[at + ENTRY.flags] =
      (entry.isPlain ? IS_PLAIN : 0) | (isLeftAlone ? IS_LEFT_ALONE : 0) | (isDay ? IS_DAY : 0);
    ints[at + ENTRY.names] =
      conditions === null ? 0 : conditions.looksAt === null ? -1 : this.#list([...conditions.looksAt]);
    ints[at + ENTRY.mask] = conditions?.lookMask ?? 0;
    ints[at + ENTRY.results] = results === undefined ? 0 : this.#numberOfResults(results);
    ints[at + ENTRY.hash] = results?.hash === undefined ? 0 : this.#knownKey(results, results.hash);
    ints[at + ENTRY.otherName] = entry.otherName;
    ints[at + ENTRY.done] = 0;
    ints[at + ENTRY.nextDone] = 0;
    this.#entries.push(entry);
    this.#rows.set(entry, row);
    return row;
  }

  #workOf(entry: Entry): number {
    if (entry.method?.ofYears !== undefined && entry.looks === DATE) return YEAR;
    // What replaces it may not have the form of its type, or is counted.
    const isLookedAt = entry.looks === URI || (entry.looks === FORM && !this.#options.isValid);
    if (entry.work === 'replaced' && isLookedAt) return WORKS.primitive;
    return WORKS[entry.work];
  }

  #numberOfResults(results: TextResults): number {
    return remembered(this.#results, results, () => this.#results.size + 1);
  }

  /** The place of what is known of a key. */
  #knownKey(results: TextResults, { pads, digits, isType }: HashWork): number {
    return remembered(this.#keys, results, () => {
      const { bytes, program } = this.#own;
      const place = this.#list(NO_KEY) + 4;
      bytes.set(pads.inner, SCRATCH);
      bytes.set(pads.outer, SCRATCH + pads.inner.length);
      program.knowKey(place, digits, isType === undefined ? 0 : 1);
      bytes.fill(0, SCRATCH, SCRATCH + 2 * pads.inner.length);
      return place;
    });
  }

  /** Puts numbers into the memory, with how many there are before them. @returns their place */
  #list(numbers: readonly number[]): number {
    const place = this.#lists;
    if (place + 4 * (numbers.length + 1) > LISTS_END) this.#full();
    this.#own.ints.set([numbers.length, ...numbers], place / 4);
    this.#lists += 4 * (numbers.length + 1);
    return place;
  }

  #numberOf(node: PlanNode): number {
    const known = this.#numbers.get(node);
    if (known !== undefined) return known;
    const number = this.#nodes.length;
    if (number === MAX_ROWS) this.#full();
    const { ints } = this.#own;
    const at = (NODES + NODE_SIZE * number) / 4;
    const { shape } = node;
    const { isValid, validates } = this.#options;
    const rules = shape?.asked ?? [];
    ints[at] = shape?.required ?? 0;
    ints[at + 1] = node.choices;
    ints[at + 2] =
      (shape !== null && (isValid || validates) ? HAS_SHAPE : 0) | (node.type.isResource ? IS_RESOURCE : 0);
    ints[at + 3] = this.#list(rules.flatMap(({ beside, oneOf }) => [beside, oneOf])) + 4;
    ints[at + 4] = rules.length;
    this.#nodes.push(node);
    this.#numbers.set(node, number);
    return number;
  }
}

function looksOf({ looks, target, type, uriKind }: Entry): number {
  if (uriKind !== undefined) return URI_LOOKS[uriKind];
  if (looks !== FORM) return looks;
  return target?.codes === undefined ? (FORMS[type?.name ?? ''] ?? looks) : CODE;
}
