import { FhirNode, descendantsWithinResource } from '../model/node.js';
import {
  argument,
  collectionArgument,
  EMPTY,
  integerArgument,
  onNumber,
  onString,
  onStrings,
  stringArgument,
  type FunctionBody,
} from './arguments.js';
import type { Collection, Evaluator, Item, Scope } from './collection.js';
import {
  dateOf,
  dateTimeOf,
  timeOf,
  toBoolean,
  toDecimal,
  toInteger,
  toQuantity,
  valueText,
} from './conversions.js';
import { functionOfRow, type FhirPathFunction, type FunctionRow, type ValueKind } from './functionRow.js';
import { matches, replaceMatches } from './matching.js';
import { booleanOf, distinctItems, isEqual, optionalValue, singleValue } from './operators.js';
import { decoded, encoded, escaped, unescaped } from './textForms.js';
import { typeNameOf, typeTest } from './typeTest.js';
import { Decimal, FhirPathError, Temporal, type Value } from '../values/values.js';

/** Items that `repeat` and `descendants` collect before the expression counts as one that never ends. */
const MAX_ITEMS = 1_000_000;

function each(input: Collection, parameter: Evaluator | undefined, scope: Scope): Collection[] {
  return input.map((item, index) => {
    const self = [item];
    return parameter === undefined ? self : parameter(self, { ...scope, self, index });
  });
}

function holds(result: Collection): boolean {
  return booleanOf(result) === true;
}

function filter(input: Collection, parameter: Evaluator | undefined, scope: Scope): Item[] {
  const results = each(input, parameter, scope);
  return input.filter((_, index) => holds(results[index] ?? EMPTY));
}

/** As `filter`, with an account of conditions that cannot be decided. */
function where(input: Collection, [parameter]: readonly Evaluator[], scope: Scope): Item[] {
  const { undecided } = scope.environment;
  if (undecided === undefined) return filter(input, parameter, scope);
  return input.filter((item, index) => {
    const self = [item];
    return undecided.condition(() => holds(parameter?.(self, { ...scope, self, index }) ?? self));
  });
}

function exists(input: Collection, [criteria]: readonly Evaluator[], scope: Scope): Collection {
  return [(criteria === undefined ? input : filter(input, criteria, scope)).length > 0];
}

function not(input: Collection): Collection {
  const value = booleanOf(input);
  return value === null ? EMPTY : [!value];
}

function childrenOf(input: Collection): FhirNode[] {
  const result: FhirNode[] = [];
  for (const item of input) if (item instanceof FhirNode) result.push(...item.children);
  return result;
}

/** Elements of the input that pass, and below it without the resources inside. */
function nodesWithin(input: Collection, accepts: (node: FhirNode) => boolean): FhirNode[] {
  const result = new Set<FhirNode>();
  for (const item of input) {
    if (!(item instanceof FhirNode)) continue;
    if (accepts(item)) result.add(item);
    for (const node of descendantsWithinResource(item)) if (accepts(node)) result.add(node);
  }
  return [...result];
}

function descendantsOf(input: Collection): FhirNode[] {
  const result: FhirNode[] = [];
  for (const item of input) if (item instanceof FhirNode) collectDescendants(item, result);
  return result;
}

function collectDescendants(node: FhirNode, into: FhirNode[]): void {
  for (const child of node.children) {
    into.push(child);
    if (into.length > MAX_ITEMS) throw new FhirPathError('descendants() gives too many elements');
    collectDescendants(child, into);
  }
}

function whole(value: Decimal, original: bigint | Decimal): Value {
  return typeof original === 'bigint' ? original : value;
}

function optional(text: string | null): Collection {
  return text === null ? EMPTY : [text];
}

function allBooleans(expected: boolean, every: boolean): FunctionBody {
  return (input, _parameters, _scope, name) => {
    const values = input.map((item) => singleValue([item], `${name}()`));
    if (values.some((value) => typeof value !== 'boolean'))
      throw new FhirPathError(`${name}() needs booleans`);
    return [every ? values.every((value) => value === expected) : values.some((value) => value === expected)];
  };
}

function isIn(item: Item, collection: Collection): boolean {
  return collection.some((other) => isEqual([other], [item]) === true);
}

function repeat(input: Collection, [projection]: readonly Evaluator[], scope: Scope): Collection {
  const result: Item[] = [];
  const seen = new Set<Item>();
  for (let found = each(input, projection, scope).flat(); found.length > 0;) {
    found = found.filter((item) => !seen.has(item) && (item instanceof FhirNode || !isIn(item, result)));
    for (const item of found) seen.add(item);
    result.push(...found);
    if (result.length > MAX_ITEMS) throw new FhirPathError('repeat() does not end');
    found = each(found, projection, scope).flat();
  }
  return result;
}

function aggregate(input: Collection, [aggregator, start]: readonly Evaluator[], scope: Scope): Collection {
  let total = collectionArgument(start, scope);
  input.forEach((item, index) => {
    const self = [item];
    total = aggregator?.(self, { ...scope, self, index, total }) ?? EMPTY;
  });
  return total;
}

function iif(
  input: Collection,
  [criterion, then, otherwise]: readonly Evaluator[],
  scope: Scope,
): Collection {
  const self = input.length === 1 ? input : scope.self;
  const inner = { ...scope, self };
  const condition = booleanOf(criterion?.(self, inner) ?? EMPTY);
  return (condition === true ? then?.(self, inner) : otherwise?.(self, inner)) ?? EMPTY;
}

function single(input: Collection): Collection {
  if (input.length > 1) throw new FhirPathError('single() on several items');
  return input;
}

function extension(input: Collection, [first]: readonly Evaluator[], scope: Scope, name: string): Collection {
  const url = stringArgument(first, scope, name);
  const isOfUrl = (part: FhirNode): boolean => part.name === 'url' && part.systemValue === url;
  return childrenOf(input).filter((child) => child.name === 'extension' && child.children.some(isOfUrl));
}

function substring(
  text: string,
  [from, count]: readonly Evaluator[],
  scope: Scope,
  name: string,
): Collection {
  const start = integerArgument(from, scope, name);
  if (start === undefined || start < 0 || start >= text.length) return EMPTY;
  const length = integerArgument(count, scope, name);
  return [length === undefined ? text.slice(start) : text.slice(start, start + Math.max(0, length))];
}

function replace(text: string, [of, by]: readonly Evaluator[], scope: Scope, name: string): Collection {
  const pattern = stringArgument(of, scope, name);
  const substitution = stringArgument(by, scope, name);
  if (pattern === undefined || substitution === undefined) return EMPTY;
  if (pattern !== '') return [text.replaceAll(pattern, () => substitution)];
  return [substitution + Array.from(text, (character) => character + substitution).join('')];
}

function join(input: Collection, [between]: readonly Evaluator[], scope: Scope, name: string): Collection {
  const separator = stringArgument(between, scope, name) ?? '';
  const texts = input.map((item) => {
    const text = singleValue([item], `${name}()`);
    if (typeof text !== 'string') throw new FhirPathError(`${name}() needs strings`);
    return text;
  });
  return texts.length === 0 ? EMPTY : [texts.join(separator)];
}

const encode: FunctionBody = (input, parameters, scope, name) =>
  optionalValue(input, `${name}()`) === undefined
    ? EMPTY
    : onStrings((text, format) => optional(encoded(text, format)))(input, parameters, scope, name);

function round(input: Collection, parameters: readonly Evaluator[], scope: Scope, name: string): Collection {
  const places = integerArgument(parameters[0], scope, name) ?? 0;
  if (places < 0) throw new FhirPathError('round() needs a precision of at least 0');
  return onNumber((value) => value.rounded(places))(input, parameters, scope, name);
}

function sqrt(input: Collection): Collection {
  const value = singleValue(input, 'sqrt()');
  const number = value === undefined ? null : toDecimal(value);
  if (number === null || number.coefficient < 0n) return EMPTY;
  return [Decimal.fromDouble(Math.sqrt(number.toDouble()))];
}

function log(input: Collection, parameters: readonly Evaluator[], scope: Scope, name: string): Collection {
  const base = argument(parameters[0], scope, name);
  const number = base === undefined ? null : toDecimal(base);
  if (number === null) return EMPTY;
  const ratio = (value: Decimal): number => Math.log(value.toDouble()) / Math.log(number.toDouble());
  return onNumber((value) => Decimal.fromDouble(ratio(value)))(input, parameters, scope, name);
}

function power(input: Collection, parameters: readonly Evaluator[], scope: Scope, name: string): Collection {
  const exponent = argument(parameters[0], scope, name);
  const number = exponent === undefined ? null : toDecimal(exponent);
  if (number === null) return EMPTY;
  return onNumber((value, original) => {
    const result = Decimal.fromDouble(value.toDouble() ** number.toDouble());
    const isWhole = typeof original === 'bigint' && typeof exponent === 'bigint' && result.scale === 0;
    return isWhole ? result.coefficient : result;
  })(input, parameters, scope, name);
}

function now({ environment }: Scope): Temporal {
  return Temporal.fromInstant(environment.now);
}

/** The rows of functions that look at their input alike, and fail alike. */
function rows({ looksAt, fails }: Pick<FunctionRow, 'looksAt' | 'fails'>) {
  return (
    takes: FunctionRow['takes'],
    gives: FunctionRow['gives'],
    body: FunctionRow['body'],
    raw: FunctionRow['raw'] = null,
  ): FunctionRow => ({ takes, gives, looksAt, fails, raw, body });
}

/** Of functions that look for single values, and fail on others. */
const ofValue = rows({ looksAt: 'value', fails: 'on values' });
/** Of those that look at no values: only at what items there are. */
const ofItems = rows({ looksAt: 'presence', fails: 'never' });
/** Of those that compare elements as a whole. */
const ofWhole = rows({ looksAt: 'whole', fails: 'never' });
/** Of those whose arguments decide what is looked at. */
const ofAny = rows({ looksAt: 'whole', fails: 'on values' });

/** The row of a conversion: empty where the value has no such form. */
function converted(
  gives: ValueKind,
  convert: (value: Value) => Value | null,
  takes: FunctionRow['takes'] = [],
): FunctionRow {
  return ofValue(takes, gives, (input, _parameters, _scope, name) => {
    const value = optionalValue(input, `${name}()`);
    const result = value === undefined ? null : convert(value);
    return result === null ? EMPTY : [result];
  });
}

/** The row of the question whether a value can be converted. */
function converts(convert: (value: Value) => Value | null, takes: FunctionRow['takes'] = []): FunctionRow {
  return ofValue(takes, 'boolean', (input, _parameters, _scope, name) => {
    if (input.length === 0) return EMPTY;
    const value = optionalValue(input, `${name}()`);
    return [value !== undefined && convert(value) !== null];
  });
}

/**
 * The functions of the reference's FHIRPath (FHIRPath 2.0.0, section 5, and two of its own). What is not here
 * (`resolve`, `hasValue`, `memberOf`, `type`, `sum`, …) it does not know either. A new function is a row.
 */
const ROWS = {
  empty: ofItems([], 'boolean', (input) => [input.length === 0], 'empty'),
  exists: ofItems(['condition?'], 'boolean', exists, 'exists'),
  not: { ...ofValue([], 'boolean', not), fails: 'on several items', raw: 'not' },
  all: ofItems(['condition'], 'boolean', (input, [criteria], scope) => [each(input, criteria, scope).every(holds)]),
  count: ofItems([], 'number', (input) => [BigInt(input.length)]),
  allTrue: ofValue([], 'boolean', allBooleans(true, true)),
  anyTrue: ofValue([], 'boolean', allBooleans(true, false)),
  allFalse: ofValue([], 'boolean', allBooleans(false, true)),
  anyFalse: ofValue([], 'boolean', allBooleans(false, false)),
  isDistinct: ofWhole([], 'boolean', (input) => [distinctItems(input).length === input.length]),
  subsetOf: ofWhole(['collection'], 'boolean', (input, [other], scope) => {
    const collection = collectionArgument(other, scope);
    return [input.every((item) => isIn(item, collection))];
  }),
  supersetOf: ofWhole(['collection'], 'boolean', (input, [other], scope) =>
    [collectionArgument(other, scope).every((item) => isIn(item, input))]),

  where: ofItems(['condition'], 'some', where, 'where'),
  first: ofItems([], 'some', (input) => input.slice(0, 1)),
  last: ofItems([], 'some', (input) => input.slice(-1)),
  tail: ofItems([], 'some', (input) => input.slice(1)),
  skip: ofItems(['integer'], 'some', (input, [count], scope, name) =>
    input.slice(Math.max(0, integerArgument(count, scope, name) ?? 0))),
  take: ofItems(['integer'], 'some', (input, [count], scope, name) =>
    input.slice(0, Math.max(0, integerArgument(count, scope, name) ?? 0))),
  single: { ...ofItems([], 'some', single), fails: 'on several items' },
  distinct: ofWhole([], 'some', distinctItems),
  intersect: ofWhole(['collection'], 'some', (input, [other], scope) => {
    const collection = collectionArgument(other, scope);
    return distinctItems(input.filter((item) => isIn(item, collection)));
  }),
  exclude: ofWhole(['collection'], 'some', (input, [other], scope) => {
    const collection = collectionArgument(other, scope);
    return input.filter((item) => !isIn(item, collection));
  }),
  trace: ofItems(['string', 'projection?'], 'same', (input) => input),
  is: { ...ofItems(['type'], 'boolean', { prepare: ([type]) => typeTest('is', typeNameOf(type)) }), fails: 'on several items' },
  as: ofItems(['type'], 'typed', { prepare: ([type]) => typeTest('as', typeNameOf(type)) }),
  ofType: ofItems(['type'], 'typed', { prepare: ([type]) => typeTest('as', typeNameOf(type)) }),

  select: ofItems(['projection'], 'projected', (input, [projection], scope) => each(input, projection, scope).flat()),
  iif: ofAny(['branch', 'branch', 'branch?'], 'chosen', iif),
  repeat: ofAny(['recursion'], 'any', repeat),
  aggregate: ofAny(['projection', 'collection?'], 'any', aggregate),
  union: ofWhole(['collection'], 'any', (input, [other], scope) =>
    distinctItems([...input, ...collectionArgument(other, scope)])),
  combine: ofWhole(['collection'], 'any', (input, [other], scope) => [...input, ...collectionArgument(other, scope)]),

  children: ofItems([], 'children', childrenOf),
  descendants: ofItems([], 'descendants', descendantsOf),
  nodesByType: ofItems(['string'], 'nodesByType', (input, [type], scope, name) => {
    const wanted = stringArgument(type, scope, name);
    return nodesWithin(input, (node) => node.type.name === wanted);
  }),
  nodesByName: ofItems(['string'], 'nodesByName', (input, [element], scope, name) => {
    const wanted = stringArgument(element, scope, name);
    return nodesWithin(input, (node) => node.name === wanted);
  }),
  extension: ofItems(['string'], 'extension', extension),

  now: ofValue([], 'date', (_input, _parameters, scope) => [now(scope)]),
  today: ofValue([], 'date', (_input, _parameters, { environment }) => [Temporal.today(environment.now)]),
  timeOfDay: ofValue([], 'time', (_input, _parameters, scope) => [Temporal.parseTime(now(scope).text.slice(11, 23)) as Temporal]),

  toInteger: converted('number', toInteger),
  convertsToInteger: converts(toInteger),
  toLong: converted('number', toInteger),
  convertsToLong: converts(toInteger),
  toDecimal: converted('number', toDecimal),
  convertsToDecimal: converts(toDecimal),
  toBoolean: converted('boolean', toBoolean),
  convertsToBoolean: converts(toBoolean),
  toString: converted('string', valueText),
  convertsToString: converts(valueText),
  toQuantity: converted('quantity', toQuantity, ['string?']),
  convertsToQuantity: converts(toQuantity, ['string?']),
  toDate: converted('date', dateOf),
  convertsToDate: converts(dateOf),
  toDateTime: converted('date', dateTimeOf),
  convertsToDateTime: converts(dateTimeOf),
  toTime: converted('time', timeOf),
  convertsToTime: converts(timeOf),

  length: ofValue([], 'number', onString((text) => [BigInt(text.length)])),
  upper: ofValue([], 'string', onString((text) => [text.toUpperCase()])),
  lower: ofValue([], 'string', onString((text) => [text.toLowerCase()])),
  trim: ofValue([], 'string', onString((text) => [text.trim()])),
  toChars: ofValue([], 'string', onString((text) => text.split(''))),
  indexOf: ofValue(['string'], 'number', onStrings((text, part) => [BigInt(text.indexOf(part))])),
  lastIndexOf: ofValue(['string'], 'number', onStrings((text, part) => [BigInt(text.lastIndexOf(part))])),
  startsWith: ofValue(['string'], 'boolean', onStrings((text, part) => [text.startsWith(part)])),
  endsWith: ofValue(['string'], 'boolean', onStrings((text, part) => [text.endsWith(part)])),
  contains: ofValue(['string'], 'boolean', onStrings((text, part) => [text.includes(part)])),
  matches: ofValue(['pattern'], 'boolean', { prepare: matches }),
  substring: ofValue(['integer', 'integer?'], 'string', onString(substring)),
  replace: ofValue(['string', 'string'], 'string', onString(replace)),
  replaceMatches: ofValue(['pattern', 'replacement'], 'string', { prepare: replaceMatches }),
  split: ofValue(['string'], 'string', onStrings((text, separator) => text.split(separator))),
  join: ofValue(['string?'], 'string', join),
  encode: ofValue(['string'], 'string', encode),
  decode: ofValue(['string'], 'string', onStrings((text, format) => optional(decoded(text, format)))),
  escape: ofValue(['string'], 'string', onStrings((text, format) => optional(escaped(text, format)))),
  unescape: ofValue(['string'], 'string', onStrings((text, format) => optional(unescaped(text, format)))),

  abs: ofValue([], 'number', onNumber((value, original) => {
    const positive = value.coefficient < 0n ? value.negated() : value;
    return typeof original === 'bigint' ? positive.coefficient : positive;
  })),
  ceiling: ofValue([], 'number', onNumber((value, original) => whole(value.ceiling(), original))),
  floor: ofValue([], 'number', onNumber((value, original) => whole(value.floor(), original))),
  truncate: ofValue([], 'number', onNumber((value, original) => whole(value.truncated(), original))),
  round: ofValue(['integer?'], 'number', round),
  exp: ofValue([], 'number', onNumber((value) => Decimal.fromDouble(Math.exp(value.toDouble())))),
  ln: ofValue([], 'number', onNumber((value) => Decimal.fromDouble(Math.log(value.toDouble())))),
  sqrt: ofValue([], 'number', sqrt),
  log: ofValue(['number'], 'number', log),
  power: ofValue(['number'], 'number', power),
} satisfies Readonly<Record<string, FunctionRow>>; // prettier-ignore

/** The functions by name, in the order of the table. */
export const FUNCTIONS: ReadonlyMap<string, FhirPathFunction> = new Map(
  Object.entries<FunctionRow>(ROWS).map(([name, row]) => [name, functionOfRow(name, row)]),
);

/** The function that a call of a parsed expression names. @throws FhirPathError where there is none */
export function functionOf({ name }: { readonly name: string }): FhirPathFunction {
  const known = FUNCTIONS.get(name);
  if (known === undefined) throw new FhirPathError(`Unknown symbol '${name}'`);
  return known;
}
