import { remembered } from '../../common/maps.js';
import { functionOf } from '../expression/functions.js';
import { asDecimal, normalized, ORDERS } from '../expression/operators.js';
import {
  isOperatorOf,
  spelled,
  type BinaryOperator,
  type Expression,
  type OperatorOf,
} from '../expression/syntax.js';
import { isEmptyObject, isJsonObject, type JsonObject, type JsonValue } from '../../json/json.js';
import type { FhirElement, FhirType } from '../model/types.js';
import { isPrimitiveOf } from '../model/primitive.js';

/** What a condition says of an element's JSON. `unsure`: the JSON is unusual, the full evaluation must decide. */
type Verdict = 'true' | 'false' | 'open' | 'unsure';
/** A condition on the JSON of an element. Never fails. */
export type RawCondition = (json: JsonValue) => Verdict;

/** Of conditions that were compiled: the plans of all resource types meet the same ones, on the same data types. */
const known = new WeakMap<Expression, Map<FhirType, RawCondition | null>>();

/** A condition as `compileRaw` compiles it, which is done once for elements of a type. */
export function rawConditionOf(expression: Expression, type: FhirType): RawCondition | null {
  const byType = remembered(known, expression, () => new Map<FhirType, RawCondition | null>());
  return remembered(byType, type, () => compileRaw(expression, type));
}

/**
 * Compiles a condition of the simple kind most are of - comparisons of single values with literals, `in`, `exists`,
 * `empty`, `where` along named elements, logic - to work on JSON as it came. Null for any other condition.
 */
function compileRaw(expression: Expression, type: FhirType): RawCondition | null {
  switch (expression.kind) {
    case 'literal':
      return typeof expression.value === 'boolean' ? constant(expression.value) : null;
    case 'binary':
      return compileBinary(expression.operator, expression.left, expression.right, type);
    case 'call':
      return compileCall(expression, type);
    default:
      return null;
  }
}

function constant(value: boolean): RawCondition {
  return () => (value ? 'true' : 'false');
}

function verdict(value: boolean): Verdict {
  return value ? 'true' : 'false';
}

function negated(value: Verdict): Verdict {
  return value === 'true' ? 'false' : value === 'false' ? 'true' : value;
}

function compileBinary(
  operator: BinaryOperator,
  left: Expression,
  right: Expression,
  type: FhirType,
): RawCondition | null {
  if (operator === 'or') return compileOr(left, right, type);
  if (operator === 'in') return compileIn(left, right, type);
  if (isOperatorOf(operator, 'logic'))
    return compileLogic(operator, compileRaw(left, type), compileRaw(right, type));
  return isOperatorOf(operator, 'equality', 'equivalence', 'order')
    ? compileComparison(operator, left, right, type)
    : null;
}

/**
 * Alternatives, from left to right. Most conditions with many parts compare one element with several texts: those that
 * follow each other become one set, which one look-up answers.
 */
function compileOr(left: Expression, right: Expression, type: FhirType): RawCondition | null {
  const parts = operandsOfOr(right, operandsOfOr(left, []));
  let condition: RawCondition | null | undefined;
  for (let at = 0; at < parts.length;) {
    const part = parts[at++] as Expression;
    const comparison = textComparison(part);
    const texts = comparison === null ? [] : [comparison.text];
    for (; at < parts.length; at++) {
      const other = textComparison(parts[at] as Expression);
      if (comparison === null || other?.operator !== comparison.operator) break;
      if (other.spelling !== comparison.spelling) break;
      texts.push(other.text);
    }
    const compiled =
      comparison === null
        ? compileRaw(part, type)
        : compileTexts(comparison.subject, comparison.operator, texts, type);
    condition = condition === undefined ? compiled : compileLogic('or', condition, compiled);
    if (condition === null) return null;
  }
  return condition ?? null;
}

/** Adds the parts that `or` connects, from left to right. */
function operandsOfOr(expression: Expression, into: Expression[]): Expression[] {
  if (expression.kind !== 'binary' || expression.operator !== 'or') {
    into.push(expression);
    return into;
  }
  return operandsOfOr(expression.right, operandsOfOr(expression.left, into));
}

/** Whether an element is, or is equivalent to, one of some texts. */
function compileTexts(
  subject: Expression,
  operator: '=' | '~',
  texts: readonly string[],
  type: FhirType,
): RawCondition | null {
  const getter = compileGetter(subject, type, true);
  if (getter === null || getter.type.primitive !== 'string') return null;
  if (operator === '=') {
    const wanted = new Set(texts);
    return compared(getter.get, 'open', (value) => typeof value === 'string' && wanted.has(value));
  }
  const wanted = new Set(texts.map(normalized));
  return compared(getter.get, 'false', (value) => typeof value === 'string' && wanted.has(normalized(value)));
}

/** A comparison of an element with a text. */
interface TextComparison {
  readonly subject: Expression;
  /** The subject as a text that no other has. */
  readonly spelling: string;
  readonly operator: '=' | '~';
  readonly text: string;
}

function textComparison(expression: Expression): TextComparison | null {
  if (expression.kind !== 'binary') return null;
  const { left, operator, right } = expression;
  if ((operator !== '=' && operator !== '~') || right.kind !== 'literal' || typeof right.value !== 'string')
    return null;
  const spelling = spelled(left);
  return spelling === null ? null : { subject: left, spelling, operator, text: right.value };
}

function compileLogic(
  operator: OperatorOf<'logic'>,
  left: RawCondition | null,
  right: RawCondition | null,
): RawCondition | null {
  if (left === null || right === null) return null;
  switch (operator) {
    case 'and':
      return (json) => {
        const one = left(json);
        if (one === 'false' || one === 'unsure') return one;
        const two = right(json);
        return two === 'true' ? one : two;
      };
    case 'or':
      return (json) => {
        const one = left(json);
        if (one === 'true' || one === 'unsure') return one;
        const two = right(json);
        return two === 'false' ? one : two;
      };
    case 'implies':
      return compileLogic('or', (json) => negated(left(json)), right);
    case 'xor':
      return (json) => {
        const one = left(json);
        const two = right(json);
        if (one === 'unsure' || two === 'unsure') return 'unsure';
        return one === 'open' || two === 'open' ? 'open' : verdict(one !== two);
      };
  }
}

/** What is at a path of single elements: a value, nothing, or something unusual. */
const UNUSUAL = Symbol('unusual');
type Found = string | number | boolean | undefined | typeof UNUSUAL;
type Getter = (json: JsonValue) => Found;

/**
 * Reads the one value at `$this` or at names below it; null where the definition does not promise a single value.
 * @param byValue whether what hangs on a value does not matter: an element and a literal are compared by the value
 */
function compileGetter(
  expression: Expression,
  type: FhirType,
  byValue = false,
): { get: Getter; type: FhirType } | null {
  if (expression.kind === 'this')
    return type.primitive === null ? null : { get: (json) => usual(type, json), type };
  const single = singleBelow(expression, type);
  if (single === null || single.element.type.primitive === null) return null;
  const { key, type: valueType } = single.element;
  const sibling = `_${key}`;
  const get = single.from((json): Found => {
    const value = json[key];
    if (json[sibling] !== undefined && !(byValue && value !== undefined)) return UNUSUAL;
    return value === undefined ? undefined : usual(valueType, value);
  });
  return { get, type: valueType };
}

function usual(type: FhirType, value: JsonValue): Found {
  if (value === null || value === '' || typeof value === 'object' || !isPrimitiveOf(type, value))
    return UNUSUAL;
  return value;
}

interface ObjectGetter {
  get: (json: JsonValue) => JsonObject | undefined | typeof UNUSUAL;
  type: FhirType;
}

function compileObject(expression: Expression, type: FhirType): ObjectGetter | null {
  const single = singleBelow(expression, type);
  if (single === null || single.element.type.primitive !== null) return null;
  const { key, type: objectType } = single.element;
  const get = single.from((json) => {
    const value = json[key];
    return value === undefined || (isJsonObject(value) && !isEmptyObject(value)) ? value : UNUSUAL;
  });
  return { get, type: objectType };
}

/** The one element at names below `$this`, and how to read it from what holds it; null where there is no such element. */
function singleBelow(
  expression: Expression,
  type: FhirType,
): {
  element: FhirElement & { type: FhirType };
  from: <T>(own: (json: JsonObject) => T) => (json: JsonValue) => T | undefined | typeof UNUSUAL;
} | null {
  if (expression.kind !== 'member') return null;
  const { focus, name } = expression;
  const isOwn = focus === null || focus.kind === 'this';
  const parent = isOwn ? null : compileObject(focus, type);
  if (parent === null && !isOwn) return null;
  const element = singleElement(parent?.type ?? type, name);
  if (element === null || element.repeats) return null;
  if (parent === null)
    return { element, from: (own) => (json) => (isJsonObject(json) ? own(json) : UNUSUAL) };
  return {
    element,
    from: (own) => (json) => {
      const object = parent.get(json);
      return object === undefined || object === UNUSUAL ? object : own(object);
    },
  };
}

/** The element of a name if there is but one with a type of its own: a choice has several. */
function singleElement(type: FhirType, name: string): (FhirElement & { type: FhirType }) | null {
  const element = type.elements.get(name);
  if (element === undefined || element.name !== name || element.type === null) return null;
  return { ...element, type: element.type };
}

function compileComparison(
  operator: OperatorOf<'equality' | 'equivalence' | 'order'>,
  left: Expression,
  right: Expression,
  type: FhirType,
): RawCondition | null {
  if (operator === '!=' || operator === '!~') {
    if (right.kind !== 'literal') return null;
    const positive = compileComparison(operator === '!=' ? '=' : '~', left, right, type);
    return positive === null ? null : (json) => negated(positive(json));
  }
  if (right.kind !== 'literal') return operator === '=' ? compileEquality(left, right, type) : null;
  const { value: literal } = right;
  if (typeof literal === 'string')
    return operator === '=' || operator === '~' ? compileTexts(left, operator, [literal], type) : null;
  const getter = compileGetter(left, type);
  if (getter === null || literal === null || operator === '~') return null;
  const { get } = getter;
  const kind = getter.type.primitive;
  if (typeof literal === 'boolean')
    return operator === '=' && kind === 'boolean'
      ? compared(get, 'open', (value) => value === literal)
      : null;
  const exact = asDecimal(literal);
  if ((kind !== 'integer' && kind !== 'decimal') || exact === null) return null;
  // Numbers that are not kept as texts are their own doubles' texts, so doubles compare as decimals do.
  const number = exact.toDouble();
  if (String(number) !== exact.trimmed().toString()) return null;
  return operator === '='
    ? compared(get, 'open', (value) => value === number)
    : compared(get, 'open', (value) => ORDERS[operator](Number(value) - number));
}

/** Two elements with texts. */
function compileEquality(left: Expression, right: Expression, type: FhirType): RawCondition | null {
  const one = compileGetter(left, type);
  const other = compileGetter(right, type);
  if (one?.type.primitive !== 'string' || other?.type.primitive !== 'string') return null;
  return (json) => {
    const value = one.get(json);
    const wanted = other.get(json);
    if (value === UNUSUAL || wanted === UNUSUAL) return 'unsure';
    return value === undefined || wanted === undefined ? 'open' : verdict(value === wanted);
  };
}

function compared(get: Getter, absent: Verdict, holds: (value: Found) => boolean): RawCondition {
  return (json) => {
    const value = get(json);
    if (value === UNUSUAL) return 'unsure';
    return value === undefined ? absent : verdict(holds(value));
  };
}

function compileIn(left: Expression, right: Expression, type: FhirType): RawCondition | null {
  const getter = compileGetter(left, type);
  const texts = literals(right);
  if (getter === null || texts === null || getter.type.primitive !== 'string') return null;
  const wanted = new Set(texts);
  return compared(getter.get, 'false', (value) => typeof value === 'string' && wanted.has(value));
}

function literals(expression: Expression): string[] | null {
  if (expression.kind === 'literal') return typeof expression.value === 'string' ? [expression.value] : null;
  if (expression.kind !== 'binary' || expression.operator !== '|') return null;
  const left = literals(expression.left);
  const right = literals(expression.right);
  return left === null || right === null ? null : [...left, ...right];
}

function compileCall(call: Extract<Expression, { kind: 'call' }>, type: FhirType): RawCondition | null {
  const { raw } = functionOf(call);
  if (raw === 'not' && call.focus !== null) {
    const inner = compileRaw(call.focus, type);
    return inner === null ? null : (json) => negated(inner(json));
  }
  if (raw !== 'exists' && raw !== 'empty') return null;
  const steps = stepsOf(call.focus);
  if (steps === null) return null;
  const [criteria] = call.arguments;
  const found = compileFound(criteria === undefined ? steps : [...steps, { where: criteria }], 0, type);
  if (found === null) return null;
  return raw === 'exists' ? found : (json) => negated(found(json));
}

type RawStep = { name: string } | { where: Expression };

function stepsOf(expression: Expression | null): RawStep[] | null {
  if (expression === null || expression.kind === 'this') return [];
  if (expression.kind === 'member' && !/^[A-Z]/.test(expression.name)) {
    const before = stepsOf(expression.focus);
    return before === null ? null : [...before, { name: expression.name }];
  }
  if (expression.kind !== 'call' || functionOf(expression).raw !== 'where') return null;
  const [where] = expression.arguments;
  const before = stepsOf(expression.focus);
  return before === null || where === undefined ? null : [...before, { where }];
}

/** Whether anything is at the end of the steps. */
function compileFound(steps: readonly RawStep[], at: number, type: FhirType): RawCondition | null {
  const step = steps[at];
  if (step === undefined) return constant(true);
  if ('where' in step) {
    const condition = compileRaw(step.where, type);
    const next = compileFound(steps, at + 1, type);
    if (condition === null || next === null) return null;
    return (json) => {
      const result = condition(json);
      return result === 'true' ? next(json) : result === 'unsure' ? result : 'false';
    };
  }
  const element = singleElement(type, step.name);
  if (element === null) return null;
  const next = compileFound(steps, at + 1, element.type);
  return next === null ? null : foundBelow(element, next);
}

function foundBelow(element: FhirElement & { type: FhirType }, next: RawCondition): RawCondition {
  const { key, type, repeats } = element;
  const sibling = `_${key}`;
  const item = (value: JsonValue): Verdict => {
    if (type.primitive === null) return isJsonObject(value) && !isEmptyObject(value) ? next(value) : 'unsure';
    return usual(type, value) === UNUSUAL ? 'unsure' : next(value);
  };
  return (json) => {
    if (!isJsonObject(json)) return 'unsure';
    const value = json[key];
    if (type.primitive !== null && json[sibling] !== undefined) return 'unsure';
    if (value === undefined) return 'false';
    if (Array.isArray(value) !== repeats) return 'unsure';
    if (!Array.isArray(value)) return item(value);
    for (const each of value) {
      const result = item(each);
      if (result !== 'false') return result;
    }
    return 'false';
  };
}
