import type { Expression } from '../expression/syntax.js';

/** What a rule applies to. */
export interface RulePath {
  /** As written. */
  readonly path: string;
  /** Leading type of the path: resources it applies to. Null, `Resource` and `DomainResource`: all. */
  readonly resourceType: string | null;
  /** The rest of the path, evaluated on the resource. Null selects the resource itself. */
  readonly expression: Expression | null;
}
