import type { FhirNode } from '../model/node.js';
import type { Undecided } from './undecided.js';
import type { RegexSteps } from '../regex/steps.js';
import type { Value } from '../values/values.js';

/** An item of a collection: an element of a resource, or a computed value. */
export type Item = FhirNode | Value;
export type Collection = readonly Item[];

/** What an evaluation knows besides its input. */
export interface Environment {
  /** `%resource` and `%rootResource`: the resource a rule runs on, and the outermost one. */
  readonly resource: FhirNode | null;
  readonly rootResource: FhirNode | null;
  /** Milliseconds since the epoch, for `now()` and `today()`. */
  readonly now: number;
  /** Where comparisons that cannot be decided are noted, if that is asked for. */
  readonly undecided?: Undecided;
  /** Steps that regular expressions may still take in this resource; without it, in each call. */
  readonly regexSteps?: RegexSteps;
}

/** Variables of the innermost iteration. */
export interface Scope {
  readonly environment: Environment;
  readonly context: Collection;
  readonly self: Collection;
  readonly index: number;
  readonly total: Collection;
}

/** A compiled expression. @throws FhirPathError */
export type Evaluator = (input: Collection, scope: Scope) => Collection;
