import { RegexLimitError } from './steps.js';

/** Kinds of entries. Those up to `UNDO_LOOP` undo something; the others are places to go on from. */
export const UNDO_CAPTURE = 0;
export const UNDO_REGISTER = 1;
export const UNDO_LOOP = 2;
export const CHOICE = 3;
export const GREEDY_RUN = 4;
export const LAZY_RUN = 5;
export const LAZY_LOOP = 6;

/** Numbers of an entry: its kind and three more. */
export const ENTRY = 4;
const FIRST_SIZE = 1 << 12;
/** 32 MiB. A loop over a group takes three entries for an iteration. */
const MAX_SIZE = 1 << 23;

/** What a match may have to go back to. One for the whole thread: matching calls nothing that matches. */
class BacktrackStack {
  entries = new Int32Array(FIRST_SIZE);
  /** Numbers in use. */
  height = 0;

  push(kind: number, one: number, two: number, three: number): void {
    if (this.height + ENTRY > this.entries.length) this.#grow();
    const { entries } = this;
    let at = this.height;
    entries[at++] = kind;
    entries[at++] = one;
    entries[at++] = two;
    entries[at++] = three;
    this.height = at;
  }

  #grow(): void {
    if (this.entries.length >= MAX_SIZE) throw new RegexLimitError();
    const larger = new Int32Array(this.entries.length * 2);
    larger.set(this.entries);
    this.entries = larger;
  }

  /** Removes the places to go on from above a height; what undoes something stays. Gives the numbers looked at. */
  forgetChoices(height: number): number {
    const { entries } = this;
    const end = this.height;
    let kept = height;
    for (let at = height; at < end; at += ENTRY) {
      if ((entries[at] as number) > UNDO_LOOP) continue;
      if (at !== kept) entries.copyWithin(kept, at, at + ENTRY);
      kept += ENTRY;
    }
    this.height = kept;
    return end - height;
  }

  /** Empties the stack, and gives back the memory of an unusual match. */
  clear(): void {
    this.height = 0;
    if (this.entries.length > FIRST_SIZE * 16) this.entries = new Int32Array(FIRST_SIZE);
  }
}

export const STACK = new BacktrackStack();
