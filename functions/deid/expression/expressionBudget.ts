import { FhirPathSyntaxError } from './syntax.js';

/** Most tokens (names, literals, operators, brackets, characters of regular expressions) of one expression. */
export const MAX_TOKENS = 20_000;
/** Most tokens of all expressions of a configuration. */
const MAX_TOKENS_IN_ALL = 60_000;
/** What is counted, for messages. */
export const WHAT_COUNTS = 'names, literals, operators, brackets and characters of regular expressions';

/** How many tokens the expressions of one configuration may still have. */
export class ExpressionBudget {
  #left = MAX_TOKENS_IN_ALL;

  /** Whether an expression had more tokens than were left. */
  get isSpent(): boolean {
    return this.#left < 0;
  }

  /** @throws FhirPathSyntaxError where fewer are left */
  take(tokens: number): void {
    this.#left -= tokens;
    if (this.isSpent)
      throw new FhirPathSyntaxError(
        `All expressions of a configuration may have ${MAX_TOKENS_IN_ALL} ${WHAT_COUNTS}; they have more`,
        0,
      );
  }
}
