import { expect, it } from 'vitest';
import { parseFhirPath } from '../../../functions/deid/expression/parser.js';
import { partsOf, type Expression } from '../../../functions/deid/expression/syntax.js';

const NUMBER = 2000;

function depthOf(expression: Expression): number {
  return 1 + Math.max(0, ...partsOf(expression).map(depthOf));
}

/** The names of an expression, from left to right. */
function namesOf(expression: Expression): string[] {
  return expression.kind === 'member' ? [expression.name] : partsOf(expression).flatMap(namesOf);
}

it.each(['or', 'and'])('samples have chains of %s that stacks of browsers could not follow', (operator) => {
  const names = Array.from({ length: NUMBER }, (_, number) => `n${number}`);
  const chain = parseFhirPath(names.join(` ${operator} `));
  expect(namesOf(chain)).toEqual(names);
  expect(depthOf(chain)).toBe(1 + Math.ceil(Math.log2(NUMBER)));
});

it.each([
  ['a or b and c', '(or a (and b c))'],
  ['a and b or c and d', '(or (and a b) (and c d))'],
  ['a xor b or c xor d', '(xor (or (xor a b) c) d)'],
  ['a or b implies c or d', '(implies (or a b) (or c d))'],
  ['a implies b implies c', '(implies (implies a b) c)'],
  ['a - b - c - d', '(- (- (- a b) c) d)'],
  ['a | b | c', '(| (| a b) c)'],
  ['a or b or c or d', '(or (or a b) (or c d))'],
])('%s binds as the language says', (text, expected) => {
  const form = (expression: Expression): string => {
    if (expression.kind === 'binary')
      return `(${expression.operator} ${form(expression.left)} ${form(expression.right)})`;
    return namesOf(expression).join('');
  };
  expect(form(parseFhirPath(text))).toBe(expected);
});
