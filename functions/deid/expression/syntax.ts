import type { Value } from './values.js';

/** A parsed FHIRPath expression (FHIRPath 2.0.0, grammar of annex A). `focus: null` is the expression's input. */
export type Expression =
  | { kind: 'literal'; value: Value | null }
  | { kind: 'member'; focus: Expression | null; name: string }
  | { kind: 'call'; focus: Expression | null; name: string; arguments: Expression[] }
  | { kind: 'item'; focus: Expression; index: Expression }
  | { kind: 'polarity'; operator: '+' | '-'; operand: Expression }
  | { kind: 'binary'; operator: BinaryOperator; left: Expression; right: Expression }
  | { kind: 'type'; operator: 'is' | 'as'; operand: Expression; type: string }
  | { kind: 'variable'; name: string }
  | { kind: 'this' }
  | { kind: 'iteration'; name: '$index' | '$total' };

export type BinaryOperator =
  | '*' | '/' | 'div' | 'mod' | '+' | '-' | '&' | '|'
  | '<=' | '<' | '>' | '>=' | '=' | '~' | '!=' | '!~'
  | 'in' | 'contains' | 'and' | 'or' | 'xor' | 'implies'; // prettier-ignore

/** An expression that is not FHIRPath. The message quotes the expression, which is configuration, never data. */
export class FhirPathSyntaxError extends Error {
  readonly position: number;
  constructor(message: string, position: number) {
    super(`${message} at character ${position + 1}`);
    this.name = 'FhirPathSyntaxError';
    this.position = position;
  }
}
