import { FhirNode } from '../model/node.js';
import type { Collection, Environment, Evaluator, Item, Scope } from './collection.js';
import { EMPTY } from './arguments.js';
import { functionOf } from './functions.js';
import {
  asDecimal,
  booleanOf,
  compareValues,
  distinctItems,
  isEqual,
  isEquivalent,
  ORDERS,
  optionalValue,
  singleValue,
} from './operators.js';
import { isOperatorOf, type BinaryOperator, type Expression, type OperatorOf } from './syntax.js';
import { typeTest } from './typeTest.js';
import { Decimal, FhirPathError, Long, Quantity, Temporal, type Value } from '../values/values.js';

/** Compiles an expression into closures; run the result with `evaluate`. @throws FhirPathError, PatternError */
export function compileExpression(expression: Expression): Evaluator {
  switch (expression.kind) {
    case 'literal': {
      const value: Collection = expression.value === null ? EMPTY : [expression.value];
      return () => value;
    }
    case 'member':
      return compileMember(expression.focus, expression.name);
    case 'call':
      return compileCall(expression);
    case 'item': {
      const focus = compileExpression(expression.focus);
      const index = compileExpression(expression.index);
      return (input, scope) => {
        const items = focus(input, scope);
        if (items.length === 0) return EMPTY;
        const at = singleValue(index(scope.self, scope), 'the index');
        if (at === undefined) return EMPTY;
        if (typeof at !== 'bigint') throw new FhirPathError('An index must be an integer');
        const item = items[Number(at)];
        return item === undefined ? EMPTY : [item];
      };
    }
    case 'polarity':
      return compilePolarity(expression.operator, compileExpression(expression.operand));
    case 'binary':
      return expression.isSelecting === true
        ? compileSelection(expression.left, expression.right)
        : compileBinary(expression.operator, expression.left, expression.right);
    case 'type': {
      const operand = compileExpression(expression.operand);
      const test = typeTest(expression.operator, expression.type);
      return (input, scope) => test(operand(input, scope));
    }
    case 'variable':
      return compileVariable(expression.name);
    case 'this':
      return (_, scope) => scope.self;
    case 'iteration':
      return expression.name === '$index' ? (_, scope) => [BigInt(scope.index)] : (_, scope) => scope.total;
  }
}

/**
 * An expression that selects elements, to act on them. A union drops items that are equal to others (FHIRPath 2.0.0,
 * section 6.5.1): of elements that are selected, that would leave the second one as it is. Here it drops none.
 */
export function selecting(expression: Expression): Expression {
  switch (expression.kind) {
    case 'member':
    case 'item':
      return expression.focus === null ? expression : { ...expression, focus: selecting(expression.focus) };
    case 'type':
      return { ...expression, operand: selecting(expression.operand) };
    case 'binary':
      return expression.operator === '|' ? union(expression.left, expression.right) : expression;
    case 'call': {
      const focus = expression.focus === null ? null : selecting(expression.focus);
      const [other] = expression.arguments;
      if (expression.name === 'union' && other !== undefined) return union(focus ?? { kind: 'this' }, other);
      const { kinds } = functionOf(expression);
      const given = expression.arguments.map((argument, index) =>
        SELECTED.has(kinds[index]) ? selecting(argument) : argument,
      );
      return { ...expression, focus, arguments: given };
    }
    default:
      return expression;
  }
}

/** Arguments that select what a function gives. */
const SELECTED: ReadonlySet<unknown> = new Set(['projection', 'branch', 'recursion']);

function union(left: Expression, right: Expression): Expression {
  return { kind: 'binary', operator: '|', left: selecting(left), right: selecting(right), isSelecting: true };
}

function compileSelection(leftSide: Expression, rightSide: Expression): Evaluator {
  const left = compileExpression(leftSide);
  const right = compileExpression(rightSide);
  return (input, scope) => [...new Set([...left(input, scope), ...right(input, scope)])];
}

/** Runs a compiled expression on an input. @throws FhirPathError */
export function evaluate(evaluator: Evaluator, input: Collection, environment: Environment): Collection {
  return evaluator(input, { environment, context: input, self: input, index: 0, total: EMPTY });
}

/** The children of that name; a leading type name selects an input of that type. */
function compileMember(focus: Expression | null, name: string): Evaluator {
  const isType = /^[A-Z]/.test(name);
  const of = focus === null ? null : compileExpression(focus);
  return (input, scope) => {
    const result: Item[] = [];
    for (const item of of === null ? input : of(input, scope)) {
      if (!(item instanceof FhirNode)) continue;
      if (isType && item.type.isResource && isResourceType(item, name)) result.push(item);
      for (const child of item.children) if (child.name === name) result.push(child);
    }
    return result;
  };
}

/** `Resource` and `DomainResource` mean every resource, as in the reference. */
function isResourceType(node: FhirNode, name: string): boolean {
  return node.type.name === name || name === 'Resource' || name === 'DomainResource';
}

function compileCall(call: Extract<Expression, { kind: 'call' }>): Evaluator {
  const { body, name } = functionOf(call);
  const of = call.focus === null ? null : compileExpression(call.focus);
  const run = typeof body === 'function' ? body : body.prepare(call.arguments, name);
  const isOfType = functionOf(call).kinds.includes('type');
  const compiled = isOfType ? [] : call.arguments.map(compileExpression);
  return (input, scope) => run(of === null ? input : of(input, scope), compiled, scope, name);
}

function compileVariable(name: string): Evaluator {
  switch (name) {
    case 'context':
      return (_, scope) => scope.context;
    case 'resource':
    case 'rootResource':
      return (_, { environment }) => {
        const node = environment[name];
        return node === null ? EMPTY : [node];
      };
  }
  const constant = constantVariable(name);
  return () => [constant];
}

const CONSTANTS = new Map([
  ['ucum', 'http://unitsofmeasure.org'],
  ['sct', 'http://snomed.info/sct'],
  ['loinc', 'http://loinc.org'],
]);

/** The variables FHIR gives every expression (FHIR R4, section 2.1.4.4.1). */
export function constantVariable(name: string): string {
  const constant = CONSTANTS.get(name);
  if (constant !== undefined) return constant;
  if (name.startsWith('vs-')) return `http://hl7.org/fhir/ValueSet/${name.slice(3)}`;
  if (name.startsWith('ext-')) return `http://hl7.org/fhir/StructureDefinition/${name.slice(4)}`;
  throw new FhirPathError(`Unknown symbol '%${name}'`);
}

function compilePolarity(operator: '+' | '-', operand: Evaluator): Evaluator {
  return (input, scope) => {
    const value = singleValue(operand(input, scope), `operator '${operator}'`);
    if (value === undefined) return EMPTY;
    if (operator === '+') return [value];
    if (typeof value === 'bigint') return [-value];
    if (value instanceof Long) return [new Long(-value.value)];
    if (value instanceof Decimal || value instanceof Quantity) return [value.negated()];
    throw new FhirPathError("Operator '-' needs a number");
  };
}

function compileBinary(operator: BinaryOperator, leftSide: Expression, rightSide: Expression): Evaluator {
  const left = compileExpression(leftSide);
  const right = compileExpression(rightSide);
  switch (operator) {
    case '|':
      return (input, scope) => distinctItems([...left(input, scope), ...right(input, scope)]);
    case '=':
    case '!=':
      return (input, scope) => equality(left(input, scope), right(input, scope), operator === '!=', scope);
    case '~':
    case '!~':
      return (input, scope) => [isEquivalent(left(input, scope), right(input, scope)) === (operator === '~')];
    case 'in':
      return (input, scope) => membership(left(input, scope), right(input, scope), operator);
    case 'contains':
      return (input, scope) => membership(right(input, scope), left(input, scope), operator);
    case '&':
      return (input, scope) => {
        const one = textOf(left(input, scope));
        return [one + textOf(right(input, scope))];
      };
    default:
      if (isOperatorOf(operator, 'order')) return compileComparison(left, right, operator);
      return isOperatorOf(operator, 'logic')
        ? compileLogic(left, right, operator)
        : compileArithmetic(left, right, operator);
  }
}

function equality(left: Collection, right: Collection, negate: boolean, scope: Scope): Collection {
  const equal = isEqual(left, right);
  if (equal !== null) return [equal !== negate];
  return left.length === 0 || right.length === 0 ? EMPTY : undecided(scope);
}

/** The result of a comparison that cannot be decided. */
function undecided({ environment }: Scope): Collection {
  if (environment.undecided !== undefined) environment.undecided.isOpen = true;
  return EMPTY;
}

function compileComparison(left: Evaluator, right: Evaluator, operator: OperatorOf<'order'>): Evaluator {
  const accepts = ORDERS[operator];
  const where = `operator '${operator}'`;
  return (input, scope) => {
    const one = optionalValue(left(input, scope), where);
    const two = optionalValue(right(input, scope), where);
    if (one === undefined || two === undefined) return EMPTY;
    const difference = compareValues(one, two);
    return difference === null ? undecided(scope) : [accepts(difference)];
  };
}

function membership(items: Collection, collection: Collection, operator: string): Collection {
  if (items.length > 1) throw new FhirPathError(`Operator '${operator}' looks for a single item`);
  const item = items[0];
  return [item !== undefined && collection.some((other) => isEqual([other], [item]) === true)];
}

function compileLogic(left: Evaluator, right: Evaluator, operator: OperatorOf<'logic'>): Evaluator {
  return (input, scope) => {
    const { undecided: open } = scope.environment;
    const before = open?.isOpen ?? false;
    if (open !== undefined) open.isOpen = false;
    const one = booleanOf(left(input, scope));
    const isLeftOpen = open?.isOpen ?? false;
    if (open !== undefined) open.isOpen = false;
    const two = booleanOf(right(input, scope));
    if (open !== undefined) {
      // A side that decides it all by itself leaves nothing open.
      const isDecided =
        (!isLeftOpen && decides(operator, one, 'left')) || (!open.isOpen && decides(operator, two, 'right'));
      open.isOpen = before || (!isDecided && (isLeftOpen || open.isOpen));
    }
    const result = logic(operator, one, two);
    return result === null ? EMPTY : [result];
  };
}

/** Whether one side's value makes the result, whatever the other side's is. */
function decides(operator: OperatorOf<'logic'>, value: boolean | null, side: 'left' | 'right'): boolean {
  if (operator === 'implies') return value === (side === 'right');
  return operator !== 'xor' && value === (operator === 'or');
}

/** Logic of three values (FHIRPath 2.0.0, section 6.5). */
function logic(operator: OperatorOf<'logic'>, one: boolean | null, two: boolean | null): boolean | null {
  if (decides(operator, one, 'left') || decides(operator, two, 'right')) return operator !== 'and';
  if (one === null || two === null) return null;
  return operator === 'xor' ? one !== two : operator === 'and';
}

function textOf(items: Collection): string {
  const value = singleValue(items, "operator '&'");
  if (value === undefined) return '';
  if (typeof value !== 'string') throw new FhirPathError("Operator '&' joins strings");
  return value;
}

function compileArithmetic(left: Evaluator, right: Evaluator, operator: OperatorOf<'arithmetic'>): Evaluator {
  const where = `operator '${operator}'`;
  return (input, scope) => {
    const one = singleValue(left(input, scope), where);
    const two = singleValue(right(input, scope), where);
    const result = one === undefined || two === undefined ? null : arithmetic(operator, one, two);
    return result === null ? EMPTY : [result];
  };
}

/** Arithmetic of whole numbers, and of decimals; null where there is no result. */
const ARITHMETIC: Readonly<
  Record<
    OperatorOf<'arithmetic'>,
    {
      readonly whole?: (left: bigint, right: bigint) => bigint | null;
      readonly decimal: (left: Decimal, right: Decimal) => Value | null;
    }
  >
> = {
  '+': { whole: (left, right) => left + right, decimal: (left, right) => left.plus(right) },
  '-': { whole: (left, right) => left - right, decimal: (left, right) => left.plus(right.negated()) },
  '*': { whole: (left, right) => left * right, decimal: (left, right) => left.times(right) },
  '/': { decimal: (left, right) => left.dividedBy(right) },
  div: {
    whole: (left, right) => (right === 0n ? null : left / right),
    decimal: (left, right) => left.wholeQuotient(right),
  },
  mod: {
    whole: (left, right) => (right === 0n ? null : left % right),
    decimal: (left, right) => left.remainder(right),
  },
};

function arithmetic(operator: OperatorOf<'arithmetic'>, left: Value, right: Value): Value | null {
  if (typeof left === 'string' && typeof right === 'string' && operator === '+') return left + right;
  if (left instanceof Temporal && right instanceof Quantity && (operator === '+' || operator === '-')) {
    return left.plus(right, operator === '+' ? 1 : -1);
  }
  if (left instanceof Quantity && right instanceof Quantity && (operator === '+' || operator === '-')) {
    const sum = left.plus(operator === '+' ? right : right.negated());
    if (sum === null) throw new FhirPathError('Quantities of units that do not convert');
    return sum;
  }
  const { whole, decimal } = ARITHMETIC[operator];
  const long = left instanceof Long ? left.value : left;
  const other = right instanceof Long ? right.value : right;
  if (whole !== undefined && typeof long === 'bigint' && typeof other === 'bigint') {
    const result = whole(long, other);
    return result === null || (long === left && other === right) ? result : new Long(result);
  }
  const one = asDecimal(left) ?? left;
  const two = asDecimal(right) ?? right;
  if (one instanceof Decimal && two instanceof Decimal) return decimal(one, two);
  throw new FhirPathError(`Operator '${operator}' cannot be applied to these types`);
}
