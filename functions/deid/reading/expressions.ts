import { compileExpression } from '../expression/evaluate.js';
import type { ExpressionBudget } from '../expression/expressionBudget.js';
import { functionOf } from '../expression/functions.js';
import { PatternError } from '../expression/matching.js';
import { parseFhirPath } from '../expression/parser.js';
import { FhirPathSyntaxError, partsOf, type Expression } from '../expression/syntax.js';
import { FhirPathError } from '../values/values.js';

/**
 * Runs what reads an expression, which must throw where it cannot be compiled.
 * @param otherwise what is wrong, said before the reason: `Not a FHIRPath expression`
 * @param fail called with what is wrong; the result is then undefined
 */
export function readExpression<T>(
  read: () => T,
  otherwise: string,
  fail: (problem: string) => void,
): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof PatternError) fail(error.message);
    else if (error instanceof FhirPathSyntaxError || error instanceof FhirPathError)
      fail(`${otherwise}: ${error.message}`);
    else throw error;
    return undefined;
  }
}

/** An expression that can be compiled, without constants that fail on every resource. @throws FhirPathError */
export function checkedExpression(text: string, budget: ExpressionBudget): Expression {
  const expression = parseFhirPath(text, budget);
  compileExpression(expression);
  checkConstants(expression);
  return expression;
}

/** What constants have to be, by the kinds of arguments that are texts or integers. */
const STRING = { type: 'string', what: 'a string: write it in single quotes' };
const INTEGER = { type: 'bigint', what: 'an integer: write it without quotes and without a decimal point' };
const CONSTANTS = new Map<string | undefined, typeof STRING>([
  ['string', STRING],
  ['pattern', STRING],
  ['replacement', STRING],
  ['integer', INTEGER],
]);
/** Functions that never look at the string that they take. */
const HEEDLESS: ReadonlySet<string> = new Set(['trace', 'toQuantity', 'convertsToQuantity']);

/** Refuses constant arguments and indices of a wrong type, which fail whatever the resource is. */
function checkConstants(expression: Expression): void {
  if (expression.kind === 'item') checkConstant(expression.index, INTEGER, 'An index');
  if (expression.kind === 'call' && !HEEDLESS.has(expression.name)) {
    const { name, kinds } = functionOf(expression);
    expression.arguments.forEach((argument, at) =>
      checkConstant(argument, CONSTANTS.get(kinds[at]), `Argument ${at + 1} of ${name}()`),
    );
  }
  for (const part of partsOf(expression)) checkConstants(part);
}

function checkConstant(argument: Expression, wanted: typeof STRING | undefined, where: string): void {
  if (wanted === undefined || argument.kind !== 'literal' || argument.value === null) return;
  if (typeof argument.value !== wanted.type) throw new FhirPathError(`${where} must be ${wanted.what}`);
}
