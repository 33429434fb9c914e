import { programOf } from '../common/webAssembly.js';
import { nameAt } from './keyNames.js';
import { TAPE_PROGRAM } from './tapeProgram.js';

/*
 * Reads texts onto tapes in WebAssembly (`wasm/tape.ts`): all of them in one memory of a thread, which never grows. Pages of
 * it that were never written take no memory.
 */

/** Where the text is in the memory, and its tape: as the program has it. */
const INPUT = 0x200000;
const TAPE = 0x610000;
const MAX_INPUT = TAPE - INPUT - 64;
/** Where lines are that are read as an array. */
const LINES = INPUT + 1;
const LINE_BREAK = 0x0a;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

interface Program {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly hasSiblings: { readonly value: number };
  read(length: number, start: number): number;
}

const NOTHING = Buffer.alloc(0);

const instantiate = programOf(TAPE_PROGRAM);

/** What `JsonTape.read` does, for most texts. */
export class TapeReader {
  readonly #program: Program | undefined;
  readonly #bytes: Buffer;
  readonly #ints: Int32Array;
  #text: Buffer = NOTHING;
  #start = 0;

  constructor() {
    this.#program = instantiate({
      tape: {
        nameNumber: (start: number, length: number) =>
          nameAt(this.#text, this.#start + start, this.#start + start + length),
      },
    }) as Program | undefined;
    const buffer = this.#program?.memory.buffer ?? new ArrayBuffer(0);
    this.#bytes = Buffer.from(buffer);
    this.#ints = new Int32Array(buffer);
  }

  /** @returns how many numbers the tape of a text has; 0 where it was not read, whether it is JSON or not */
  read(text: Buffer, start: number): number {
    const length = text.length - start;
    if (this.#program === undefined || length > MAX_INPUT || length <= 0) return 0;
    text.copy(this.#bytes, INPUT, start);
    return this.#read(text, length, start);
  }

  /**
   * Reads lines as the items of an array: its bracket is at -1, and line breaks are its commas.
   * @returns as `read`
   */
  readLines(lines: Buffer): number {
    const end = lines.at(-1) === LINE_BREAK ? lines.length - 1 : lines.length;
    const length = end + '[]'.length;
    if (this.#program === undefined || length > MAX_INPUT || end <= 0) return 0;
    const bytes = this.#bytes;
    lines.copy(bytes, LINES);
    bytes[INPUT] = OPEN_BRACKET;
    for (let at = lines.indexOf(LINE_BREAK); at >= 0 && at < end; at = lines.indexOf(LINE_BREAK, at + 1))
      bytes[LINES + at] = COMMA;
    bytes[LINES + end] = CLOSE_BRACKET;
    return this.#read(lines, length, INPUT - LINES);
  }

  #read(text: Buffer, length: number, start: number): number {
    this.#text = text;
    this.#start = start;
    const numbers = this.#program?.read(length, start) ?? 0;
    this.#text = NOTHING;
    return numbers;
  }

  /** Whether a name of the text that was read last begins with `_`. */
  get hasSiblings(): boolean {
    return this.#program?.hasSiblings.value === 1;
  }

  /** The first numbers of the tape of the text that was read last. */
  numbers(length: number): Int32Array {
    return this.#ints.subarray(TAPE / 4, TAPE / 4 + length);
  }
}
