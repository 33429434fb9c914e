import type { FhirType } from '../model/types.js';
import type { Primitive } from '../model/primitive.js';
import type { TextResults } from './textResults.js';

/** What a primitive element is, as far as methods care. Known before any data: the work is chosen once. */
export interface Target {
  readonly type: FhirType;
  /** Name of the element. */
  readonly name: string;
  /** Type of the element around it. */
  readonly parentType: string;
}

/** What a method needs while a resource is processed. */
export interface Run {
  /** Counts an operation, by the place of its label. */
  did(label: number): void;
  /** Counts conditions of the rule being applied that could not be decided. */
  wasUndecided(conditions: number): void;
  /** Days the dates of this resource move by; null where they must be redacted. */
  dateShiftDays(rule: number): number | null;
  /** Random bytes, for initialization vectors and noise. */
  randomBytes(size: number): Uint8Array;
}

/** De-identifies the value of one kind of primitive; undefined takes the value away. */
export interface ValueMethod {
  (value: Primitive, run: Run): Primitive | undefined;
  /** Set where what becomes of a text is another text that depends on it alone. */
  readonly results?: TextResults;
}
