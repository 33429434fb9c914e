import {
  CHOICE,
  ENTRY,
  GREEDY_RUN,
  LAZY_LOOP,
  LAZY_RUN,
  STACK,
  UNDO_CAPTURE,
  UNDO_LOOP,
  UNDO_REGISTER,
} from './backtrackStack.js';
import { Captures } from './captures.js';
import type { CharSet } from './charSet.js';
import {
  ANCHORS,
  LOOP_BACKWARDS,
  LOOP_LAZY,
  Op,
  PROGRAM_STRIDE,
  UNBOUNDED,
  type Program,
} from './program.js';
import type { SearchStart } from './search.js';
import { RegexLimitError, type RegexSteps } from './steps.js';
import { boundaryWordSet, lowerCase } from './unicode.js';

const LINE_BREAK = 0x0a;

/** Runs a program on one text with .NET's semantics: backtracking, counted in steps. */
export class Matcher {
  readonly captures: Captures;
  readonly #program: Program;
  readonly #start: SearchStart;
  readonly #text: string;
  readonly #registers: Int32Array;
  readonly #steps: RegexSteps;
  #previousEnd = 0;
  /** Where the match so far ends. */
  #position = 0;

  constructor(program: Program, start: SearchStart, text: string, steps: RegexSteps) {
    this.#program = program;
    this.#start = start;
    this.#text = text;
    this.#steps = steps;
    this.#registers = new Int32Array(program.registers);
    this.captures = new Captures(program.slots);
  }

  /**
   * Looks for the first match from a place on; slot 0 of `captures` then has it.
   * @param previousEnd where the last match ended, for `\G`
   * @throws RegexLimitError
   */
  find(from: number, previousEnd: number): boolean {
    this.#previousEnd = previousEnd;
    this.captures.clear();
    try {
      return this.#search(from);
    } finally {
      STACK.clear();
    }
  }

  #search(from: number): boolean {
    const { anchor } = this.#start;
    if (anchor === 'start') return from === 0 && this.#matchAt(0);
    if (anchor === 'previousEnd') return from === this.#previousEnd && this.#matchAt(from);
    const length = this.#text.length;
    for (let at = from; at <= length; at++) {
      at = this.#nextCandidate(at);
      if (at > length) return false;
      if (this.#matchAt(at)) return true;
      at = this.#pastLeadingLoop(at);
    }
    return false;
  }

  /** The next place where a match could begin; beyond the end where there is none. */
  #nextCandidate(from: number): number {
    const { first } = this.#start;
    if (first === null) return from;
    const text = this.#text;
    const length = text.length;
    let at = from;
    while (at < length && !first.has(text.charCodeAt(at))) at++;
    this.#spend(at - from);
    return at < length ? at : length + 1;
  }

  #pastLeadingLoop(from: number): number {
    const { leadingLoop } = this.#start;
    if (leadingLoop === null) return from;
    const text = this.#text;
    let at = from;
    while (at < text.length && leadingLoop.has(text.charCodeAt(at))) at++;
    return at;
  }

  #spend(steps: number): void {
    this.#steps.left -= steps;
    if (this.#steps.left < 0) throw new RegexLimitError();
  }

  #matchAt(from: number): boolean {
    this.#position = from;
    if (!this.#run()) return false;
    this.captures.add(0, from, this.#position);
    return true;
  }

  #run(): boolean {
    const { code, sets } = this.#program;
    const text = this.#text;
    const registers = this.#registers;
    const steps = this.#steps;
    let at = 0;
    for (;;) {
      if (--steps.left < 0) throw new RegexLimitError();
      const one = code[at + 1] as number;
      const two = code[at + 2] as number;
      const three = code[at + 3] as number;
      let goesOn = true;
      switch (code[at] as Op) {
        case Op.Match:
          return true;
        case Op.Char: {
          // A backwards character is the one before the position.
          const place = this.#position - two;
          goesOn = place >= 0 && place < text.length && (sets[one] as CharSet).has(text.charCodeAt(place));
          if (goesOn) this.#position += 1 - 2 * two;
          break;
        }
        case Op.Split:
          STACK.push(CHOICE, one, this.#position, 0);
          break;
        case Op.Jump:
          at = one;
          continue;
        case Op.CharLoop:
          goesOn = this.#charLoop(at, sets[one] as CharSet, two, three, code[at + 4] as number);
          break;
        case Op.Anchor:
          goesOn = this.#isAnchored(one);
          break;
        case Op.Backreference:
          goesOn = this.#backreference(one, two === 1, three === 1);
          break;
        case Op.Mark:
          STACK.push(UNDO_REGISTER, one, registers[one] as number, 0);
          registers[one] = this.#position;
          break;
        case Op.Capture:
          goesOn = this.#capture(one, registers[two] as number, three);
          break;
        case Op.LoopStart:
          this.#setLoop(one, three === 1 ? this.#position : -1, two);
          break;
        case Op.LoopNext:
          if (this.#entersBody(at, one, three, code[at + 4] === 1)) {
            at = two;
            continue;
          }
          break;
        case Op.Enter:
          STACK.push(UNDO_REGISTER, one, registers[one] as number, 0);
          registers[one] = STACK.height;
          break;
        case Op.Cut:
          this.#spend(STACK.forgetChoices(registers[one] as number));
          if (two >= 0) this.#position = registers[two] as number;
          break;
        case Op.Undo:
          this.#unwind(registers[one] as number);
          goesOn = false;
          break;
        case Op.IfCaptured:
          if (!this.captures.has(one)) {
            at = two;
            continue;
          }
          break;
      }
      if (goesOn) at += PROGRAM_STRIDE;
      else {
        at = this.#goBack();
        if (at < 0) return false;
      }
    }
  }

  /** Undoes up to the last choice, and gives where to go on; -1 for nowhere. */
  #goBack(): number {
    const { entries } = STACK;
    let height = STACK.height;
    while (height > 0) {
      height -= ENTRY;
      STACK.height = height;
      const one = entries[height + 1] as number;
      switch (entries[height]) {
        case CHOICE:
          this.#position = entries[height + 2] as number;
          return one;
        case GREEDY_RUN:
        case LAZY_RUN: {
          const next = this.#nextOfRun(height);
          if (next >= 0) return next;
          break;
        }
        case LAZY_LOOP: {
          this.#position = entries[height + 2] as number;
          const next = this.#againLazily(one);
          if (next >= 0) return next;
          break;
        }
        default:
          this.#undo(height);
      }
    }
    return -1;
  }

  /** The next way on from a run of characters, which stays on the stack while it has others; -1 for none. */
  #nextOfRun(entry: number): number {
    const { entries } = STACK;
    const at = entries[entry + 1] as number;
    let position = entries[entry + 2] as number;
    const limit = entries[entry + 3] as number;
    if (entries[entry] === GREEDY_RUN) {
      position += position > limit ? -1 : 1;
      if (position !== limit) {
        entries[entry + 2] = position;
        STACK.height = entry + ENTRY;
      }
      this.#position = position;
      return at;
    }
    const { code, sets } = this.#program;
    const back = ((code[at + 4] as number) & LOOP_BACKWARDS) === 0 ? 0 : 1;
    const place = position - back;
    const set = sets[code[at + 1] as number] as CharSet;
    if (limit === 0 || place < 0 || place >= this.#text.length || !set.has(this.#text.charCodeAt(place)))
      return -1;
    position += 1 - 2 * back;
    entries[entry + 2] = position;
    if (limit !== UNBOUNDED) entries[entry + 3] = limit - 1;
    STACK.height = entry + ENTRY;
    this.#position = position;
    return at + PROGRAM_STRIDE;
  }

  #charLoop(at: number, set: CharSet, min: number, max: number, flags: number): boolean {
    const text = this.#text;
    const back = (flags & LOOP_BACKWARDS) === 0 ? 0 : 1;
    const direction = 1 - 2 * back;
    const from = this.#position;
    const room = back === 1 ? from : text.length - from;
    const lazy = (flags & LOOP_LAZY) !== 0;
    const most = Math.min(lazy ? min : max, room);
    let count = 0;
    for (let place = from - back; count < most && set.has(text.charCodeAt(place)); place += direction)
      count++;
    this.#spend(count);
    if (count < min) return false;
    this.#position = from + count * direction;
    if (lazy) {
      if (max > min) STACK.push(LAZY_RUN, at, this.#position, max === UNBOUNDED ? UNBOUNDED : max - min);
    } else if (count > min) {
      STACK.push(GREEDY_RUN, at + PROGRAM_STRIDE, this.#position, from + min * direction);
    }
    return true;
  }

  #setLoop(register: number, mark: number, count: number): void {
    const registers = this.#registers;
    STACK.push(UNDO_LOOP, register, registers[register] as number, registers[register + 1] as number);
    registers[register] = mark;
    registers[register + 1] = count;
  }

  /** At the end of an iteration: whether another comes next. An empty iteration is the last one, once enough are done. */
  #entersBody(at: number, register: number, most: number, lazy: boolean): boolean {
    const count = this.#registers[register + 1] as number;
    if (count >= 0) {
      if (lazy) {
        STACK.push(LAZY_LOOP, at, this.#position, 0);
        return false;
      }
      if (count >= most || this.#registers[register] === this.#position) return false;
      STACK.push(CHOICE, at + PROGRAM_STRIDE, this.#position, 0);
    }
    this.#setLoop(register, this.#position, count + 1);
    return true;
  }

  /** Back at a lazy loop: where another iteration begins; -1 if there may be none. */
  #againLazily(at: number): number {
    const { code } = this.#program;
    const register = code[at + 1] as number;
    const count = this.#registers[register + 1] as number;
    if (count >= (code[at + 3] as number) || this.#registers[register] === this.#position) return -1;
    this.#setLoop(register, this.#position, count + 1);
    return code[at + 2] as number;
  }

  #isAnchored(anchor: number): boolean {
    const text = this.#text;
    const at = this.#position;
    switch (ANCHORS[anchor]) {
      case 'start':
        return at === 0;
      case 'end':
        return at === text.length;
      case 'lastLineEnd':
        return at === text.length || (at === text.length - 1 && text.charCodeAt(at) === LINE_BREAK);
      case 'lineStart':
        return at === 0 || text.charCodeAt(at - 1) === LINE_BREAK;
      case 'lineEnd':
        return at === text.length || text.charCodeAt(at) === LINE_BREAK;
      case 'boundary':
        return this.#isWord(at - 1) !== this.#isWord(at);
      case 'noBoundary':
        return this.#isWord(at - 1) === this.#isWord(at);
      case 'previousEnd':
        return at === this.#previousEnd;
      default:
        return false;
    }
  }

  #isWord(at: number): boolean {
    return at >= 0 && at < this.#text.length && boundaryWordSet().has(this.#text.charCodeAt(at));
  }

  /** A reference to a group without a capture fails, as in .NET. */
  #backreference(slot: number, ignoreCase: boolean, back: boolean): boolean {
    if (!this.captures.has(slot)) return false;
    const text = this.#text;
    const start = this.captures.start(slot);
    const length = this.captures.end(slot) - start;
    const from = back ? this.#position - length : this.#position;
    if (from < 0 || from + length > text.length) return false;
    this.#spend(length);
    for (let at = 0; at < length; at++) {
      const one = text.charCodeAt(start + at);
      const two = text.charCodeAt(from + at);
      if (one !== two && !(ignoreCase && lowerCase(one) === lowerCase(two))) return false;
    }
    this.#position = back ? from : from + length;
    return true;
  }

  /** Ends a group. A balancing group fails without a capture to take back; it gets what lies between the two. */
  #capture(slot: number, mark: number, balance: number): boolean {
    const { captures } = this;
    let start = Math.min(mark, this.#position);
    let end = Math.max(mark, this.#position);
    if (balance >= 0) {
      if (!captures.has(balance)) return false;
      const otherStart = captures.start(balance);
      const otherEnd = captures.end(balance);
      if (start >= otherEnd) [start, end] = [otherEnd, start];
      else if (end <= otherStart) start = otherStart;
      else [start, end] = [Math.max(start, otherStart), Math.min(end, otherEnd)];
      this.#keepCapture(balance);
      captures.takeBack(balance);
    }
    if (slot >= 0) {
      this.#keepCapture(slot);
      captures.add(slot, start, end);
    }
    return true;
  }

  #keepCapture(slot: number): void {
    STACK.push(UNDO_CAPTURE, slot, this.captures.last(slot), this.captures.count);
  }

  #undo(entry: number): void {
    const { entries } = STACK;
    const one = entries[entry + 1] as number;
    const two = entries[entry + 2] as number;
    const three = entries[entry + 3] as number;
    if (entries[entry] === UNDO_CAPTURE) this.captures.restore(one, two, three);
    else {
      this.#registers[one] = two;
      if (entries[entry] === UNDO_LOOP) this.#registers[one + 1] = three;
    }
  }

  /** Undoes all down to a height, without going on from anywhere. */
  #unwind(height: number): void {
    const { entries } = STACK;
    this.#spend((STACK.height - height) / ENTRY);
    while (STACK.height > height) {
      STACK.height -= ENTRY;
      if ((entries[STACK.height] as number) <= UNDO_LOOP) this.#undo(STACK.height);
    }
  }
}
