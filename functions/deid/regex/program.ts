import { remembered } from '../../common/maps.js';
import type { CharSet } from './charSet.js';
import type { Anchor, CaptureNode, LoopNode, ParsedRegex, RegexNode } from './syntax.js';

/** Instructions of the matcher. Each has four operands; `PROGRAM_STRIDE` numbers in all. */
export const enum Op {
  /** The pattern matched. */
  Match,
  /** Operands: set, whether backwards. */
  Char,
  /** Tries the next instruction; if that fails, the one at operand 0. */
  Split,
  Jump,
  /** A repeated set. Operands: set, least, most, flags. */
  CharLoop,
  /** Operand 0: place in `ANCHORS`. */
  Anchor,
  /** Operands: slot, whether case is ignored, whether backwards. */
  Backreference,
  /** Keeps the position in the register of operand 0. */
  Mark,
  /** Operands: slot or -1, register of the start, balanced slot or -1. */
  Capture,
  /** Begins a loop. Operands: register, first count, whether the position is kept as the last iteration's. */
  LoopStart,
  /** Ends an iteration. Operands: register, place of the body, most iterations beyond the least, whether lazy. */
  LoopNext,
  /** Keeps the height of the stack in the register of operand 0. */
  Enter,
  /** Forgets the choices made since `Enter`; goes back to the position in the register of operand 1, unless -1. */
  Cut,
  /** Undoes what was done since `Enter`, and fails. */
  Undo,
  /** Goes to operand 1 unless the slot of operand 0 has a capture. */
  IfCaptured,
}

export const PROGRAM_STRIDE = 5;
export const LOOP_LAZY = 1;
export const LOOP_BACKWARDS = 2;
export const UNBOUNDED = 0x7fffffff;
export const ANCHORS: readonly Anchor[] = [
  'start',
  'end',
  'lastLineEnd',
  'lineStart',
  'lineEnd',
  'boundary',
  'noBoundary',
  'previousEnd',
];

export interface Program {
  readonly code: Int32Array;
  readonly sets: readonly CharSet[];
  readonly registers: number;
  /** Places of groups among the captures: ascending by number, the whole match first. */
  readonly slots: number;
}

/** Translates a parsed pattern into instructions. */
export function programOf({ root, groups }: ParsedRegex): Program {
  const compiler = new Compiler(groups.numbers);
  compiler.emit(root, false);
  return compiler.program();
}

class Compiler {
  readonly #code: number[] = [];
  readonly #sets: CharSet[] = [];
  readonly #setPlaces = new Map<CharSet, number>();
  readonly #slots: ReadonlyMap<number, number>;
  #registers = 0;

  constructor(numbers: readonly number[]) {
    this.#slots = new Map(numbers.map((number, slot) => [number, slot]));
  }

  program(): Program {
    this.#add(Op.Match);
    return {
      code: Int32Array.from(this.#code),
      sets: this.#sets,
      registers: this.#registers,
      slots: this.#slots.size,
    };
  }

  get #here(): number {
    return this.#code.length;
  }

  /** Adds an instruction and gives its place. */
  #add(op: Op, ...operands: readonly number[]): number {
    const at = this.#here;
    this.#code.push(op);
    for (let place = 0; place < PROGRAM_STRIDE - 1; place++) this.#code.push(operands[place] ?? 0);
    return at;
  }

  /** Lets operand `place` of an instruction lead here. */
  #land(instruction: number, place: number): void {
    this.#code[instruction + 1 + place] = this.#here;
  }

  #set(set: CharSet): number {
    return remembered(this.#setPlaces, set, () => this.#sets.push(set) - 1);
  }

  #slot(group: number): number {
    return this.#slots.get(group) as number;
  }

  #register(count = 1): number {
    const first = this.#registers;
    this.#registers += count;
    return first;
  }

  /** @param back whether the node is matched from right to left, as in a lookbehind */
  emit(node: RegexNode, back: boolean): void {
    switch (node.kind) {
      case 'empty':
        return;
      case 'char':
        this.#add(Op.Char, this.#set(node.set), Number(back));
        return;
      case 'sequence':
        for (const item of back ? [...node.items].reverse() : node.items) this.emit(item, back);
        return;
      case 'alternatives':
        this.#alternatives(node.options, back);
        return;
      case 'capture':
        this.#capture(node, back);
        return;
      case 'loop':
        this.#loop(node, back);
        return;
      case 'anchor':
        this.#add(Op.Anchor, ANCHORS.indexOf(node.at));
        return;
      case 'backreference':
        this.#add(Op.Backreference, this.#slot(node.group), Number(node.ignoreCase), Number(back));
        return;
      case 'look':
        this.#look(node.body, node.behind, node.negative);
        return;
      case 'atomic': {
        const height = this.#register();
        this.#add(Op.Enter, height);
        this.emit(node.body, back);
        this.#add(Op.Cut, height, -1);
        return;
      }
      case 'ifCaptured': {
        const branch = this.#add(Op.IfCaptured, this.#slot(node.group));
        this.#branches(branch, 1, node.yes, node.no, back);
        return;
      }
      case 'ifMatches': {
        const height = this.#register(2);
        this.#add(Op.Enter, height);
        this.#add(Op.Mark, height + 1);
        const branch = this.#add(Op.Split);
        this.emit(node.condition, back);
        this.#add(Op.Cut, height, height + 1);
        this.#branches(branch, 0, node.yes, node.no, back);
        return;
      }
    }
  }

  #branches(branch: number, place: number, yes: RegexNode, no: RegexNode, back: boolean): void {
    this.emit(yes, back);
    const jump = this.#add(Op.Jump);
    this.#land(branch, place);
    this.emit(no, back);
    this.#land(jump, 0);
  }

  #alternatives(options: readonly RegexNode[], back: boolean): void {
    const jumps: number[] = [];
    options.forEach((option, place) => {
      if (place === options.length - 1) {
        this.emit(option, back);
        return;
      }
      const split = this.#add(Op.Split);
      this.emit(option, back);
      jumps.push(this.#add(Op.Jump));
      this.#land(split, 0);
    });
    for (const jump of jumps) this.#land(jump, 0);
  }

  #capture({ capture, balance, body }: CaptureNode, back: boolean): void {
    const start = this.#register();
    this.#add(Op.Mark, start);
    this.emit(body, back);
    const slot = capture === null ? -1 : this.#slot(capture);
    this.#add(Op.Capture, slot, start, balance === null ? -1 : this.#slot(balance));
  }

  #loop({ body, min, max, lazy }: LoopNode, back: boolean): void {
    const most = max === Infinity ? UNBOUNDED : max;
    if (body.kind === 'char') {
      const flags = (lazy ? LOOP_LAZY : 0) | (back ? LOOP_BACKWARDS : 0);
      this.#add(Op.CharLoop, this.#set(body.set), min, most, flags);
      return;
    }
    const register = this.#register(2);
    // The least iterations are counted up from below 0; the first of them is done without asking.
    this.#add(Op.LoopStart, register, min === 0 ? 0 : 1 - min, Number(min > 0));
    const jump = min === 0 ? this.#add(Op.Jump) : null;
    const start = this.#here;
    this.emit(body, back);
    if (jump !== null) this.#land(jump, 0);
    this.#add(Op.LoopNext, register, start, max === Infinity ? UNBOUNDED : max - min, Number(lazy));
  }

  #look(body: RegexNode, behind: boolean, negative: boolean): void {
    const height = this.#register(2);
    this.#add(Op.Enter, height);
    if (!negative) {
      this.#add(Op.Mark, height + 1);
      this.emit(body, behind);
      this.#add(Op.Cut, height, height + 1);
      return;
    }
    const split = this.#add(Op.Split);
    this.emit(body, behind);
    this.#add(Op.Undo, height);
    this.#land(split, 0);
  }
}
