import { programOf } from '../../common/webAssembly.js';
import { WALK_PROGRAM } from './walkProgram.js';

/*
 * Where everything is in the memory of the quick walk, in bytes: as `wasm/walk.ts` has it. All of it is made once, and
 * none of it grows: pages of it that were never written take no memory.
 */

/** What the two tell each other, as numbers of 32 bits. */
export const HEAD = {
  elements: 1,
  counted: 2,
  metaStart: 3,
  metaEnd: 4,
  meta: 5,
  hasOthers: 6,
  length: 7,
  note: 8,
  isKept: 9,
  hostElements: 10,
  hostCounted: 11,
  hostProblems: 12,
  done: 13,
} as const;
/** What a `Survey` holds. */
export const ELEMENTS = 0x1000;
export const COUNTED = 0x2000;
/** JSON that the id of the outermost resource became. */
export const ID = 0xd000;
/** JSON that the host has made. */
export const SCRATCH = 0x10000;
/** The bytes of the resource; its tape; what is written. */
export const INPUT = 0x20000;
export const TAPE = 0x40000;
export const OUTPUT = 0x80000;
/** Rows of entries by the numbers of their nodes and names: open addressing. */
export const ENTRY_SLOTS = 0xc0000;
export const MAX_ENTRY_SLOTS = 0x2000;
export const ENTRIES = 0xd0000;
export const ENTRY_SIZE = 64;
export const NODES = 0x110000;
export const NODE_SIZE = 32;
export const MAX_ROWS = 4096;
/** Lists of numbers that rows refer to. */
export const LISTS = 0x130000;
export const LISTS_END = 0x150000;
/** What it remembers: verdicts of conditions, and results of methods. */
const VERDICT_SLOTS = 0x150000;
const VERDICT_SLOTS_END = 0x158000;
const RESULT_SLOTS = 0x200000;
const RESULT_SLOTS_END = 0x240000;

/** Most bytes that there is room for. */
export const MAX_ID = SCRATCH - ID - 16;
export const MAX_SCRATCH = INPUT - SCRATCH - 16;
export const MAX_INPUT = TAPE - INPUT - 64;
export const MAX_TAPE = OUTPUT - TAPE;

/** What the program asks the host for, where it needs more than its tables. Rows are places in the memory. */
export interface WalkHost {
  /** The row of the entry of a name in a node. */
  entry(node: number, name: number): number;
  /** The node of the children of an entry. */
  inner(row: number): number;
  /** The row that holds at an object whose conditions have to be evaluated. */
  resolve(row: number, place: number): number;
  /** What becomes of a value. */
  value(row: number, place: number): number;
  /** Makes what replaces a text. @returns the length of its JSON; -1 where there is none yet */
  make(row: number, place: number): number;
  /** Looks at a value that is written as it came. */
  look(row: number, place: number): void;
  drop(row: number): void;
  dropUnknown(node: number): void;
  /** Writes what an object has to have. @returns -1 where it has to go; else whether it has members */
  complete(node: number, place: number, had: number, left: number, depth: number, hasOthers: number): number;
  /** Takes back what was counted since there was this much of it. */
  back(elements: number, counted: number, problems: number): void;
  /** Begins a resource that is inside of another. @returns its node; -1 where nothing of it is left */
  beginInner(row: number, node: number, place: number): number;
  endInner(): void;
  lookAtId(): void;
  /** @throws UNUSUAL */
  leave(): never;
}

interface Program {
  readonly memory: { readonly buffer: ArrayBuffer };
  reset(id: number, meta: number): void;
  /** Makes what is known of a key whose padded blocks are in `SCRATCH`. */
  knowKey(hash: number, digits: number, isReference: number): void;
  /** Remembers a resource type that references begin with. */
  knowType(hash: number, place: number, length: number, number: number): void;
  resource(
    node: number,
    start: number,
    first: number,
    place: number,
    siblings: number,
    idBecame: number,
    idLength: number,
  ): number;
}

const instantiate = programOf(WALK_PROGRAM);

/** Memories of a thread: as many engines may take turns without either forgetting anything. */
const MAX_MEMORIES = 3;
const memories: WalkMemory[] = [];

/** What a program imports: the host's methods, whichever host it is. */
function importsOf(host: () => WalkHost): Readonly<Record<keyof WalkHost, unknown>> {
  const imports: WalkHost = {
    entry: (node, name) => host().entry(node, name),
    inner: (row) => host().inner(row),
    resolve: (row, place) => host().resolve(row, place),
    value: (row, place) => host().value(row, place),
    make: (row, place) => host().make(row, place),
    look: (row, place) => host().look(row, place),
    drop: (row) => host().drop(row),
    dropUnknown: (node) => host().dropUnknown(node),
    complete: (node, place, had, left, depth, hasOthers) =>
      host().complete(node, place, had, left, depth, hasOthers),
    back: (elements, counted, problems) => host().back(elements, counted, problems),
    beginInner: (row, node, place) => host().beginInner(row, node, place),
    endInner: () => host().endInner(),
    lookAtId: () => host().lookAtId(),
    leave: () => host().leave(),
  };
  return imports;
}

/** The memory of the quick walk and the program that works on it. */
export class WalkMemory {
  readonly ints: Int32Array;
  readonly bytes: Buffer;
  readonly program: Program;
  /** Set while a resource is walked. */
  host: WalkHost | undefined;
  #owner: object;

  private constructor(program: Program, owner: object) {
    this.#owner = owner;
    this.program = program;
    this.ints = new Int32Array(program.memory.buffer);
    this.bytes = Buffer.from(program.memory.buffer);
  }

  /**
   * A memory for an owner: the one that it had, or that of the owner which has waited longest. Whoever gets another one
   * than before has to reset it. Undefined where there is no WebAssembly.
   */
  static of(owner: object): WalkMemory | undefined {
    const place = memories.findIndex((memory) => memory.isOf(owner));
    if (place === 0) return memories[0];
    if (place < 0 && memories.length < MAX_MEMORIES) {
      const made = WalkMemory.#made(owner);
      if (made !== undefined) memories.unshift(made);
      return made;
    }
    const [memory] = memories.splice(place, 1) as [WalkMemory];
    memories.unshift(memory);
    memory.#owner = owner;
    return memory;
  }

  static #made(owner: object): WalkMemory | undefined {
    let memory: WalkMemory | undefined;
    const host = (): WalkHost => memory?.host as WalkHost;
    const program = instantiate({ walk: importsOf(host) }) as Program | undefined;
    memory = program && new WalkMemory(program, owner);
    return memory;
  }

  isOf(owner: object): boolean {
    return this.#owner === owner;
  }

  /** Forgets all rows, and all that was remembered of them. */
  reset(id: number, meta: number): void {
    this.clearEntrySlots();
    this.ints.fill(0, VERDICT_SLOTS / 4, VERDICT_SLOTS_END / 4);
    this.ints.fill(0, RESULT_SLOTS / 4, RESULT_SLOTS_END / 4);
    this.program.reset(id, meta);
  }

  clearEntrySlots(): void {
    this.ints.fill(0, ENTRY_SLOTS / 4, ENTRY_SLOTS / 4 + 2 * MAX_ENTRY_SLOTS);
  }
}
