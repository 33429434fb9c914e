/** Matching that was given up because of its cost. The message holds nothing of pattern or text. */
export class RegexLimitError extends Error {
  constructor() {
    super('Matching a regular expression took too many steps: repeat less, or anchor the pattern');
    this.name = 'RegexLimitError';
  }
}

/** Steps for one resource, whatever is matched in it: about a tenth of a second. */
const STEPS_PER_RESOURCE = 2_000_000;
/** Steps that every character adds that is searched, so that long texts do not fail for their length. */
const STEPS_PER_CHARACTER = 50;

/** The steps that matching may still take. One for each resource. */
export class RegexSteps {
  left = STEPS_PER_RESOURCE;

  /** Begins a resource. */
  reset(): void {
    this.left = STEPS_PER_RESOURCE;
  }

  /** Adds what searching a text may take. */
  allow(characters: number): void {
    this.left += characters * STEPS_PER_CHARACTER;
  }
}
