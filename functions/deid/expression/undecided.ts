/**
 * Keeps account of comparisons that could not be decided (of units that do not convert, say) while an expression is
 * evaluated: such a comparison is empty, and a condition made of it does not hold though that is not known.
 */
export class Undecided {
  /** Whether what was evaluated since this was last reset rests on such a comparison. */
  isOpen = false;
  /** Whether conditions that were not decided count as true. */
  applies = false;
  #depth = 0;
  #conditions = 0;

  /** Evaluates a condition of a path; those inside it are parts of it. @throws FhirPathError */
  condition(evaluate: () => boolean): boolean {
    if (this.#depth > 0) return evaluate();
    const before = this.isOpen;
    this.isOpen = false;
    this.#depth++;
    try {
      const holds = evaluate();
      if (!this.isOpen) return holds;
      this.#conditions++;
      return holds || this.applies;
    } finally {
      this.#depth--;
      this.isOpen = before;
    }
  }

  /** How many conditions were not decided since the last call; what is outside of any counts as one. */
  takeCount(): number {
    const count = this.#conditions + (this.isOpen ? 1 : 0);
    this.#conditions = 0;
    this.isOpen = false;
    return count;
  }
}
