import type { Expression } from '../expression/syntax.js';

/** Of conditions that were looked at: every plan asks about every condition, again and again. */
const known = new WeakMap<Expression, boolean>();

/** Whether a condition can be evaluated on anything without failing: paths, comparisons for equality, logic. */
export function isTotal(expression: Expression): boolean {
  let total = known.get(expression);
  if (total === undefined) {
    total = looksTotal(expression);
    known.set(expression, total);
  }
  return total;
}

function looksTotal(expression: Expression): boolean {
  switch (expression.kind) {
    case 'literal':
      return typeof expression.value === 'boolean';
    case 'binary':
      switch (expression.operator) {
        case '=':
        case '!=':
        case '~':
        case '!~':
          return isPath(expression.left) && isPath(expression.right);
        case 'and':
        case 'or':
        case 'xor':
        case 'implies':
          return isTotal(expression.left) && isTotal(expression.right);
        default:
          return false;
      }
    case 'call':
      if (expression.name === 'exists' || expression.name === 'empty') {
        return (expression.focus === null || isPath(expression.focus)) && expression.arguments.every(isTotal);
      }
      return expression.name === 'not' && expression.focus !== null && isTotal(expression.focus);
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
      if (expression.focus !== null && !isPath(expression.focus)) return false;
      if (expression.name === 'where') return expression.arguments.every(isTotal);
      return (
        ['first', 'last', 'tail', 'extension'].includes(expression.name) && expression.arguments.every(isPath)
      );
    default:
      return false;
  }
}
