import { FhirNode, descendantsWithinResource } from '../model/node.js';
import type { Collection, Evaluator, Item, Scope } from './collection.js';
import { asDecimal, booleanOf, distinctItems, isEqual, optionalValue, singleValue } from './operators.js';
import { Decimal, FhirPathError, Long, Quantity, Temporal, calendarUnit, type Value } from './values.js';

/** A function: its input, its arguments unevaluated, and where it stands. */
export type FunctionBody = (input: Collection, parameters: readonly Evaluator[], scope: Scope) => Collection;

const EMPTY: Collection = [];
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
function where(input: Collection, parameter: Evaluator | undefined, scope: Scope): Item[] {
  const { undecided } = scope.environment;
  if (undecided === undefined) return filter(input, parameter, scope);
  return input.filter((item, index) => {
    const self = [item];
    return undecided.condition(() => holds(parameter?.(self, { ...scope, self, index }) ?? self));
  });
}

/** An argument's one value; arguments of plain functions are evaluated on `$this`. */
function argument(
  parameters: readonly Evaluator[],
  at: number,
  scope: Scope,
  name: string,
): Value | undefined {
  const parameter = parameters[at];
  return parameter === undefined ? undefined : singleValue(parameter(scope.self, scope), `${name}()`);
}

function integerArgument(
  parameters: readonly Evaluator[],
  at: number,
  scope: Scope,
  name: string,
): number | undefined {
  const value = argument(parameters, at, scope, name);
  if (value === undefined) return undefined;
  if (typeof value !== 'bigint') throw new FhirPathError(`${name}() needs an integer`);
  return Number(value);
}

export function stringArgument(
  parameters: readonly Evaluator[],
  at: number,
  scope: Scope,
  name: string,
): string | undefined {
  const value = argument(parameters, at, scope, name);
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw new FhirPathError(`${name}() needs a string`);
  return value;
}

export function onString(
  name: string,
  body: (text: string, parameters: readonly Evaluator[], scope: Scope) => Collection,
): FunctionBody {
  return (input, parameters, scope) => {
    const value = singleValue(input, `${name}()`);
    if (value === undefined) return EMPTY;
    if (typeof value !== 'string') throw new FhirPathError(`${name}() needs a string`);
    return body(value, parameters, scope);
  };
}

/** A function of a string and one string argument; empty without the argument. */
function onStrings(name: string, body: (text: string, parameter: string) => Collection): FunctionBody {
  return onString(name, (text, parameters, scope) => {
    const parameter = stringArgument(parameters, 0, scope, name);
    return parameter === undefined ? EMPTY : body(text, parameter);
  });
}

function onNumber(name: string, body: (value: Decimal, original: bigint | Decimal) => Value): FunctionBody {
  return (input) => {
    const value = singleValue(input, `${name}()`);
    if (value === undefined) return EMPTY;
    const number = asDecimal(value);
    if (number !== null) return [body(number, typeof value === 'bigint' ? value : number)];
    throw new FhirPathError(`${name}() needs a number`);
  };
}

function whole(value: Decimal, original: bigint | Decimal): Value {
  return typeof original === 'bigint' ? original : value;
}

/** A conversion: empty where the value has no such form. */
function conversion(name: string, convert: (value: Value) => Value | null): [string, FunctionBody][] {
  const suffix = name.slice(2);
  return [
    [name, (input) => {
      const value = optionalValue(input, `${name}()`);
      const converted = value === undefined ? null : convert(value);
      return converted === null ? EMPTY : [converted];
    }],
    [`convertsTo${suffix}`, (input) => {
      if (input.length === 0) return EMPTY;
      const value = optionalValue(input, `${name}()`);
      return [value !== undefined && convert(value) !== null];
    }],
  ]; // prettier-ignore
}

function toInteger(value: Value): bigint | null {
  if (typeof value === 'bigint') return value;
  if (value instanceof Long) return value.value;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  return typeof value === 'string' && /^[+-]?[0-9]{1,18}$/.test(value)
    ? BigInt(value.replace('+', ''))
    : null;
}

function toDecimal(value: Value): Decimal | null {
  const number = asDecimal(value);
  if (number !== null) return number;
  if (typeof value === 'boolean') return new Decimal(value ? 10n : 0n, 1);
  return typeof value === 'string' && /^[+-]?[0-9]{1,100}(?:\.[0-9]{1,100})?$/.test(value)
    ? Decimal.parse(value)
    : null;
}

function toBoolean(value: Value): boolean | null {
  if (typeof value === 'boolean') return value;
  const text = typeof value === 'bigint' || value instanceof Decimal ? String(value) : value;
  if (typeof text !== 'string') return null;
  if (['true', 't', 'yes', 'y', '1', '1.0'].includes(text.toLowerCase())) return true;
  return ['false', 'f', 'no', 'n', '0', '0.0'].includes(text.toLowerCase()) ? false : null;
}

/** The text of a value, as `toString()` gives it. */
export function valueText(value: Value): string {
  if (value instanceof Temporal) return value.text;
  return String(value);
}

function toQuantity(value: Value): Quantity | null {
  if (value instanceof Quantity) return value;
  const number = typeof value === 'string' ? null : toDecimal(value);
  if (number !== null) return new Quantity(number, '1');
  const match =
    typeof value === 'string'
      ? /^([+-]?[0-9]+(?:\.[0-9]+)?)(?:\s*'([^']+)'|\s*([a-z]+))?$/.exec(value)
      : null;
  if (match === null) return null;
  const [, digits = '', code, word] = match;
  if (word === undefined) return new Quantity(Decimal.parse(digits), code ?? '1');
  const unit = calendarUnit(word);
  return unit === null ? null : new Quantity(Decimal.parse(digits), unit, true);
}

function dateOf(value: Value): Temporal | null {
  if (value instanceof Temporal) return value.toDate();
  return typeof value === 'string' ? Temporal.parseDateTime(value, 'Date') : null;
}

function dateTimeOf(value: Value): Temporal | null {
  if (value instanceof Temporal) return value.toDateTime();
  return typeof value === 'string' ? Temporal.parseDateTime(value, 'DateTime') : null;
}

function timeOf(value: Value): Temporal | null {
  if (value instanceof Temporal) return value.kind === 'Time' ? value : null;
  return typeof value === 'string' ? Temporal.parseTime(value) : null;
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

function collectDescendants(node: FhirNode, into: FhirNode[]): void {
  for (const child of node.children) {
    into.push(child);
    collectDescendants(child, into);
  }
}

function encoded(text: string, format: string): string | null {
  const bytes = Buffer.from(text, 'utf8');
  if (format === 'hex') return bytes.toString('hex');
  if (format === 'base64') return bytes.toString('base64');
  return format === 'urlbase64' ? bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_') : null;
}

function decoded(text: string, format: string): string | null {
  if (format === 'hex') return Buffer.from(text, 'hex').toString('utf8');
  if (format === 'base64') return Buffer.from(text, 'base64').toString('utf8');
  return format === 'urlbase64' ? Buffer.from(text, 'base64url').toString('utf8') : null;
}

const HTML_ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string, format: string): string | null {
  if (format === 'html') return text.replace(/[&<>"']/g, (character) => HTML_ESCAPES[character] ?? character);
  return format === 'json' ? JSON.stringify(text).slice(1, -1) : null;
}

function unescaped(text: string, format: string): string | null {
  if (format === 'html') {
    return text.replace(/&(?:amp|lt|gt|quot|#39);/g, (entity) => {
      return Object.keys(HTML_ESCAPES).find((character) => HTML_ESCAPES[character] === entity) ?? entity;
    });
  }
  if (format !== 'json') return null;
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return null;
  }
}

function optional(text: string | null): Collection {
  return text === null ? EMPTY : [text];
}

function allBooleans(name: string, expected: boolean, every: boolean): FunctionBody {
  return (input) => {
    const values = input.map((item) => singleValue([item], `${name}()`));
    if (values.some((value) => typeof value !== 'boolean'))
      throw new FhirPathError(`${name}() needs booleans`);
    return [every ? values.every((value) => value === expected) : values.some((value) => value === expected)];
  };
}

function isIn(item: Item, collection: Collection): boolean {
  return collection.some((other) => isEqual([other], [item]) === true);
}

/** The functions by name (FHIRPath 2.0.0, section 5, and the two of the reference engine). */
export const FUNCTION_BODIES: ReadonlyMap<string, FunctionBody> = new Map<string, FunctionBody>([
  ['empty', (input) => [input.length === 0]],
  ['exists', (input, [criteria], scope) => [(criteria === undefined ? input : filter(input, criteria, scope)).length > 0]],
  ['not', (input) => {
    const value = booleanOf(input);
    return value === null ? EMPTY : [!value];
  }],
  ['all', (input, [criteria], scope) => [each(input, criteria, scope).every(holds)]],
  ['allTrue', allBooleans('allTrue', true, true)],
  ['anyTrue', allBooleans('anyTrue', true, false)],
  ['allFalse', allBooleans('allFalse', false, true)],
  ['anyFalse', allBooleans('anyFalse', false, false)],
  ['subsetOf', (input, [other], scope) => {
    const collection = other?.(scope.self, scope) ?? EMPTY;
    return [input.every((item) => isIn(item, collection))];
  }],
  ['supersetOf', (input, [other], scope) => [(other?.(scope.self, scope) ?? EMPTY).every((item) => isIn(item, input))]],
  ['count', (input) => [BigInt(input.length)]],
  ['distinct', (input) => distinctItems(input)],
  ['isDistinct', (input) => [distinctItems(input).length === input.length]],
  ['where', (input, [criteria], scope) => where(input, criteria, scope)],
  ['select', (input, [projection], scope) => each(input, projection, scope).flat()],
  ['repeat', (input, [projection], scope) => {
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
  }],
  ['single', (input) => {
    if (input.length > 1) throw new FhirPathError('single() on several items');
    return input;
  }],
  ['first', (input) => input.slice(0, 1)],
  ['last', (input) => input.slice(-1)],
  ['tail', (input) => input.slice(1)],
  ['skip', (input, parameters, scope) => input.slice(Math.max(0, integerArgument(parameters, 0, scope, 'skip') ?? 0))],
  ['take', (input, parameters, scope) => input.slice(0, Math.max(0, integerArgument(parameters, 0, scope, 'take') ?? 0))],
  ['intersect', (input, [other], scope) => {
    const collection = other?.(scope.self, scope) ?? EMPTY;
    return distinctItems(input.filter((item) => isIn(item, collection)));
  }],
  ['exclude', (input, [other], scope) => {
    const collection = other?.(scope.self, scope) ?? EMPTY;
    return input.filter((item) => !isIn(item, collection));
  }],
  ['union', (input, [other], scope) => distinctItems([...input, ...(other?.(scope.self, scope) ?? EMPTY)])],
  ['combine', (input, [other], scope) => [...input, ...(other?.(scope.self, scope) ?? EMPTY)]],
  ['iif', (input, [criterion, then, otherwise], scope) => {
    const self = input.length === 1 ? input : scope.self;
    const inner = { ...scope, self };
    const condition = booleanOf(criterion?.(self, inner) ?? EMPTY);
    return (condition === true ? then?.(self, inner) : otherwise?.(self, inner)) ?? EMPTY;
  }],
  ['children', (input) => childrenOf(input)],
  ['descendants', (input) => {
    const result: FhirNode[] = [];
    for (const item of input) if (item instanceof FhirNode) collectDescendants(item, result);
    return result;
  }],
  ['nodesByType', (input, parameters, scope) => {
    const name = stringArgument(parameters, 0, scope, 'nodesByType');
    return nodesWithin(input, (node) => node.type.name === name);
  }],
  ['nodesByName', (input, parameters, scope) => {
    const name = stringArgument(parameters, 0, scope, 'nodesByName');
    return nodesWithin(input, (node) => node.name === name);
  }],
  ['extension', (input, parameters, scope) => {
    const url = stringArgument(parameters, 0, scope, 'extension');
    return childrenOf(input).filter(
      (child) =>
        child.name === 'extension' && child.children.some((part) => part.name === 'url' && part.systemValue === url),
    );
  }],
  ['now', (_input, _parameters, { environment }) => [Temporal.fromInstant(environment.now)]],
  ['today', (_input, _parameters, { environment }) => [Temporal.today(environment.now)]],
  ['timeOfDay', (_input, _parameters, { environment }) => [
    Temporal.parseTime(Temporal.fromInstant(environment.now).text.slice(11, 23)) as Temporal,
  ]],
  ['trace', (input) => input],
  ['aggregate', (input, [aggregator, start], scope) => {
    let total = start?.(scope.self, scope) ?? EMPTY;
    input.forEach((item, index) => {
      const self = [item];
      total = aggregator?.(self, { ...scope, self, index, total }) ?? EMPTY;
    });
    return total;
  }],
  ...conversion('toInteger', toInteger),
  ...conversion('toLong', toInteger),
  ...conversion('toDecimal', toDecimal),
  ...conversion('toBoolean', toBoolean),
  ...conversion('toString', valueText),
  ...conversion('toQuantity', toQuantity),
  ...conversion('toDate', dateOf),
  ...conversion('toDateTime', dateTimeOf),
  ...conversion('toTime', timeOf),
  ['indexOf', onStrings('indexOf', (text, part) => [BigInt(text.indexOf(part))])],
  ['lastIndexOf', onStrings('lastIndexOf', (text, part) => [BigInt(text.lastIndexOf(part))])],
  ['substring', onString('substring', (text, parameters, scope) => {
    const start = integerArgument(parameters, 0, scope, 'substring');
    if (start === undefined || start < 0 || start >= text.length) return EMPTY;
    const length = integerArgument(parameters, 1, scope, 'substring');
    return [length === undefined ? text.slice(start) : text.slice(start, start + Math.max(0, length))];
  })],
  ['startsWith', onStrings('startsWith', (text, part) => [text.startsWith(part)])],
  ['endsWith', onStrings('endsWith', (text, part) => [text.endsWith(part)])],
  ['contains', onStrings('contains', (text, part) => [text.includes(part)])],
  ['upper', onString('upper', (text) => [text.toUpperCase()])],
  ['lower', onString('lower', (text) => [text.toLowerCase()])],
  ['replace', onString('replace', (text, parameters, scope) => {
    const pattern = stringArgument(parameters, 0, scope, 'replace');
    const substitution = stringArgument(parameters, 1, scope, 'replace');
    if (pattern === undefined || substitution === undefined) return EMPTY;
    if (pattern !== '') return [text.replaceAll(pattern, () => substitution)];
    return [substitution + Array.from(text, (character) => character + substitution).join('')];
  })],
  ['length', onString('length', (text) => [BigInt(text.length)])],
  ['toChars', onString('toChars', (text) => text.split(''))],
  ['split', onStrings('split', (text, separator) => text.split(separator))],
  ['join', (input, parameters, scope) => {
    const separator = stringArgument(parameters, 0, scope, 'join') ?? '';
    const texts = input.map((item) => {
      const text = singleValue([item], 'join()');
      if (typeof text !== 'string') throw new FhirPathError('join() needs strings');
      return text;
    });
    return texts.length === 0 ? EMPTY : [texts.join(separator)];
  }],
  ['trim', onString('trim', (text) => [text.trim()])],
  ['encode', (input, parameters, scope) => {
    if (optionalValue(input, 'encode()') === undefined) return EMPTY;
    return onStrings('encode', (text, format) => optional(encoded(text, format)))(input, parameters, scope);
  }],
  ['decode', onStrings('decode', (text, format) => optional(decoded(text, format)))],
  ['escape', onStrings('escape', (text, format) => optional(escaped(text, format)))],
  ['unescape', onStrings('unescape', (text, format) => optional(unescaped(text, format)))],
  ['abs', onNumber('abs', (value, original) => {
    const positive = value.coefficient < 0n ? value.negated() : value;
    return typeof original === 'bigint' ? positive.coefficient : positive;
  })],
  ['ceiling', onNumber('ceiling', (value, original) => whole(value.ceiling(), original))],
  ['floor', onNumber('floor', (value, original) => whole(value.floor(), original))],
  ['truncate', onNumber('truncate', (value, original) => whole(value.truncated(), original))],
  ['round', (input, parameters, scope) => {
    const places = integerArgument(parameters, 0, scope, 'round') ?? 0;
    if (places < 0) throw new FhirPathError('round() needs a precision of at least 0');
    return onNumber('round', (value) => value.rounded(places))(input, parameters, scope);
  }],
  ['exp', onNumber('exp', (value) => Decimal.fromDouble(Math.exp(value.toDouble())))],
  ['ln', onNumber('ln', (value) => Decimal.fromDouble(Math.log(value.toDouble())))],
  ['sqrt', (input) => {
    const value = singleValue(input, 'sqrt()');
    const number = value === undefined ? null : toDecimal(value);
    if (number === null || number.coefficient < 0n) return EMPTY;
    return [Decimal.fromDouble(Math.sqrt(number.toDouble()))];
  }],
  ['log', (input, parameters, scope) => {
    const base = argument(parameters, 0, scope, 'log');
    const number = base === undefined ? null : toDecimal(base);
    if (number === null) return EMPTY;
    const result = (value: Decimal): Decimal => Decimal.fromDouble(Math.log(value.toDouble()) / Math.log(number.toDouble()));
    return onNumber('log', result)(input, parameters, scope);
  }],
  ['power', (input, parameters, scope) => {
    const exponent = argument(parameters, 0, scope, 'power');
    const number = exponent === undefined ? null : toDecimal(exponent);
    if (number === null) return EMPTY;
    return onNumber('power', (value, original) => {
      const result = Decimal.fromDouble(value.toDouble() ** number.toDouble());
      return typeof original === 'bigint' && typeof exponent === 'bigint' && result.scale === 0 ? result.coefficient : result;
    })(input, parameters, scope);
  }],
]); // prettier-ignore
