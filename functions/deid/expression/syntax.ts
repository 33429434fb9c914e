import type { Value } from '../values/values.js';

/** A parsed FHIRPath expression (FHIRPath 2.0.0, grammar of annex A). `focus: null` is the expression's input. */
export type Expression =
  | { kind: 'literal'; value: Value | null }
  | { kind: 'member'; focus: Expression | null; name: string }
  | { kind: 'call'; focus: Expression | null; name: string; arguments: Expression[] }
  | { kind: 'item'; focus: Expression; index: Expression }
  | { kind: 'polarity'; operator: '+' | '-'; operand: Expression }
  | {
      kind: 'binary';
      operator: BinaryOperator;
      left: Expression;
      right: Expression;
      /** Set at a union whose elements are selected: two that are equal are still two. */
      isSelecting?: true;
    }
  | { kind: 'type'; operator: 'is' | 'as'; operand: Expression; type: string }
  | { kind: 'variable'; name: string }
  | { kind: 'this' }
  | { kind: 'iteration'; name: '$index' | '$total' };

/** The expressions directly in an expression, in their order. */
export function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'member':
      return expression.focus === null ? [] : [expression.focus];
    case 'call':
      return expression.focus === null ? expression.arguments : [expression.focus, ...expression.arguments];
    case 'item':
      return [expression.focus, expression.index];
    case 'polarity':
    case 'type':
      return [expression.operand];
    case 'binary':
      return [expression.left, expression.right];
    case 'literal':
    case 'variable':
    case 'this':
    case 'iteration':
      return [];
  }
}

/** A text that no other expression has; null for expressions of rare kinds. */
export function spelled(expression: Expression | null): string | null {
  switch (expression?.kind) {
    case undefined:
      return '-';
    case 'this':
      return '$';
    case 'literal':
      return typeof expression.value === 'string' ? JSON.stringify(expression.value) : null;
    case 'member': {
      const focus = spelled(expression.focus);
      return focus === null ? null : `${focus}.${JSON.stringify(expression.name)}`;
    }
    case 'binary': {
      const right = spelled(expression.right);
      const left = right === null ? null : spelled(expression.left);
      return left === null ? null : `(${left} ${expression.operator} ${right})`;
    }
    case 'call': {
      const parts = [expression.focus, ...expression.arguments].map(spelled);
      return parts.includes(null) ? null : `${JSON.stringify(expression.name)}(${parts.join(',')})`;
    }
    default:
      return null;
  }
}

/** The operators of two operands by what they do, loosest first in each level of binding (FHIRPath 2.0.0, section 6.8). */
export const OPERATORS = {
  implies: { level: 0, group: 'logic' },
  or: { level: 1, group: 'logic' },
  xor: { level: 1, group: 'logic' },
  and: { level: 2, group: 'logic' },
  in: { level: 3, group: 'membership' },
  contains: { level: 3, group: 'membership' },
  '=': { level: 4, group: 'equality' },
  '!=': { level: 4, group: 'equality' },
  '~': { level: 4, group: 'equivalence' },
  '!~': { level: 4, group: 'equivalence' },
  '<=': { level: 5, group: 'order' },
  '<': { level: 5, group: 'order' },
  '>': { level: 5, group: 'order' },
  '>=': { level: 5, group: 'order' },
  '|': { level: 6, group: 'union' },
  '+': { level: 8, group: 'arithmetic' },
  '-': { level: 8, group: 'arithmetic' },
  '&': { level: 8, group: 'text' },
  '*': { level: 9, group: 'arithmetic' },
  '/': { level: 9, group: 'arithmetic' },
  div: { level: 9, group: 'arithmetic' },
  mod: { level: 9, group: 'arithmetic' },
} as const;
/** The level of `is` and `as`, whose right side is a type. */
export const TYPE_LEVEL = 7;

export type BinaryOperator = keyof typeof OPERATORS;
type OperatorGroup = (typeof OPERATORS)[BinaryOperator]['group'];
/** The operators of a group. */
export type OperatorOf<Group extends OperatorGroup> = {
  [Name in BinaryOperator]: (typeof OPERATORS)[Name]['group'] extends Group ? Name : never;
}[BinaryOperator];

/** Whether an operator is of one of some groups. */
export function isOperatorOf<Group extends OperatorGroup>(
  operator: BinaryOperator,
  ...groups: readonly Group[]
): operator is OperatorOf<Group> {
  return groups.some((group) => OPERATORS[operator].group === group);
}

/** An expression that is not FHIRPath. The message quotes the expression, which is configuration, never data. */
export class FhirPathSyntaxError extends Error {
  readonly position: number;
  constructor(message: string, position: number) {
    super(`${message} at character ${position + 1}`);
    this.name = 'FhirPathSyntaxError';
    this.position = position;
  }
}
