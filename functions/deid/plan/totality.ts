import { remembered } from '../../common/maps.js';
import type { Argument } from '../expression/functionRow.js';
import { functionOf } from '../expression/functions.js';
import { isOperatorOf, type Expression } from '../expression/syntax.js';

/** Of conditions that were looked at: every plan asks about every condition, again and again. */
const known = new WeakMap<Expression, boolean>();

/** Whether a condition can be evaluated on anything without failing: paths, comparisons for equality, logic. */
export function isTotal(expression: Expression): boolean {
  return remembered(known, expression, () => looksTotal(expression));
}

function looksTotal(expression: Expression): boolean {
  switch (expression.kind) {
    case 'literal':
      return typeof expression.value === 'boolean';
    case 'binary':
      if (isOperatorOf(expression.operator, 'logic'))
        return isTotal(expression.left) && isTotal(expression.right);
      return (
        isOperatorOf(expression.operator, 'equality', 'equivalence') &&
        isPath(expression.left) &&
        isPath(expression.right)
      );
    case 'call':
      return functionOf(expression).gives === 'boolean' && neverFails(expression);
    case 'member':
    case 'item':
    case 'polarity':
    case 'type':
    case 'variable':
    case 'this':
    case 'iteration':
      return false;
  }
}

function isPath(expression: Expression): boolean {
  switch (expression.kind) {
    case 'literal':
    case 'this':
      return true;
    case 'member':
      return expression.focus === null || isPath(expression.focus);
    case 'type':
      return expression.operator === 'as' && isPath(expression.operand);
    case 'call':
      return neverFails(expression);
    default:
      return false;
  }
}

function neverFails(call: Extract<Expression, { kind: 'call' }>): boolean {
  const { fails, kinds } = functionOf(call);
  const { focus } = call;
  // A condition gives one item at most.
  const isFocusFit = fails === 'never' ? focus === null || isPath(focus) : focus !== null && isTotal(focus);
  return (
    fails !== 'on values' && isFocusFit && call.arguments.every((argument, at) => isFit(kinds[at], argument))
  );
}

/** Whether an argument never fails and is what the function needs. */
function isFit(kind: Argument | undefined, argument: Expression): boolean {
  switch (kind) {
    case 'type':
      return true;
    case 'condition':
      return isTotal(argument);
    case 'projection':
    case 'collection':
      return isPath(argument);
    case 'string':
      return argument.kind === 'literal' && typeof argument.value === 'string';
    case 'integer':
      return argument.kind === 'literal' && typeof argument.value === 'bigint';
    default:
      return false;
  }
}
