import { FhirNode } from '../model/node.js';
import type { Collection, Item } from './collection.js';
import type { OperatorOf } from './syntax.js';
import { Decimal, FhirPathError, Long, Quantity, Temporal, type Value } from '../values/values.js';

/** Types of elements that FHIRPath treats as its own Quantity. An `Age` is none to the reference: its `value` is asked. */
export const QUANTITY_TYPES: ReadonlySet<string> = new Set(['Quantity', 'SimpleQuantity', 'MoneyQuantity']);

/** The value of an item: of a primitive element, or of a Quantity as a whole; undefined for other elements. */
function itemValue(item: Item): Value | undefined {
  if (!(item instanceof FhirNode)) return item;
  return QUANTITY_TYPES.has(item.type.name) ? quantityOf(item) : item.systemValue;
}

/** A Quantity's value, of unit `1` without a code; undefined without a value, and for one with a comparator. */
function quantityOf(node: FhirNode): Quantity | undefined {
  const part = (name: string): Value | undefined =>
    node.children.find((child) => child.name === name)?.systemValue;
  const value = part('value');
  if (!(value instanceof Decimal) || part('comparator') !== undefined) return undefined;
  const code = part('code');
  return new Quantity(value, typeof code === 'string' ? code : '1');
}

/** Two values as quantities, where one is a quantity and the other one or a number; null for any other pair. */
function quantityPair(left: Value, right: Value): [Quantity, Quantity] | null {
  if (!(left instanceof Quantity) && !(right instanceof Quantity)) return null;
  const one = left instanceof Quantity ? left : pureNumber(left);
  const two = right instanceof Quantity ? right : pureNumber(right);
  return one === null || two === null ? null : [one, two];
}

function pureNumber(value: Value): Quantity | null {
  const number = asDecimal(value);
  return number === null ? null : new Quantity(number, '1');
}

/**
 * The one value of a collection; undefined of an empty one.
 * @throws FhirPathError for several items, for a complex element, and for a primitive without a value
 */
export function singleValue(items: Collection, where: string): Value | undefined {
  if (items.length > 1) throw new FhirPathError(`Several items where ${where} needs one`);
  const item = items[0];
  if (item === undefined) return undefined;
  const value = itemValue(item);
  if (value === undefined) throw new FhirPathError(`An element without a value where ${where} needs one`);
  return value;
}

/** As `singleValue`, but a primitive without a value counts as nothing. @throws FhirPathError */
export function optionalValue(items: Collection, where: string): Value | undefined {
  const item = items[0];
  const isEmpty =
    items.length === 1 &&
    item instanceof FhirNode &&
    item.type.primitive !== null &&
    item.value === undefined;
  return isEmpty ? undefined : singleValue(items, where);
}

/** A collection as a condition: null of an empty one; one boolean is itself; anything else there is counts as true. */
export function booleanOf(items: Collection): boolean | null {
  if (items.length === 0) return null;
  if (items.length > 1) throw new FhirPathError('Several items where a condition needs one');
  const value = itemValue(items[0] as Item);
  return typeof value === 'boolean' ? value : true;
}

/** A number as a decimal; null for any other value. */
export function asDecimal(value: Value): Decimal | null {
  if (typeof value === 'bigint') return new Decimal(value, 0);
  if (value instanceof Long) return new Decimal(value.value, 0);
  return value instanceof Decimal ? value : null;
}

function valuesEqual(left: Value, right: Value): boolean | null {
  if (typeof left === 'bigint' && typeof right === 'bigint') return left === right;
  const one = asDecimal(left);
  const two = asDecimal(right);
  if (one !== null && two !== null) return one.compare(two) === 0;
  if (left instanceof Temporal && right instanceof Temporal) {
    if ((left.kind === 'Time') !== (right.kind === 'Time')) return false;
    const difference = left.compare(right);
    return difference === null ? null : difference === 0;
  }
  const quantities = quantityPair(left, right);
  if (quantities !== null) {
    const difference = quantities[0].compare(quantities[1], true);
    return difference === null ? null : difference === 0;
  }
  return left === right;
}

/** FHIRPath `=`: null where it is open. */
export function isEqual(left: Collection, right: Collection): boolean | null {
  return left.length === 0 || right.length === 0 ? null : everyEqual(left, right, itemsEqual);
}

function everyEqual<T>(
  left: readonly T[],
  right: readonly T[],
  areEqual: (one: T, other: T) => boolean | null,
): boolean | null {
  if (left.length !== right.length) return false;
  let result: boolean | null = true;
  for (let index = 0; index < left.length; index++) {
    const equal = areEqual(left[index] as T, right[index] as T);
    if (equal === false) return false;
    if (equal === null) result = null;
  }
  return result;
}

function itemsEqual(left: Item, right: Item): boolean | null {
  if (left === right) return true;
  if (left instanceof FhirNode && right instanceof FhirNode) return nodesEqual(left, right);
  const one = itemValue(left);
  const two = itemValue(right);
  return one === undefined || two === undefined ? false : valuesEqual(one, two);
}

/** Elements are equal with equal values and, name by name, equal children. */
function nodesEqual(left: FhirNode, right: FhirNode): boolean | null {
  const [one, two] = [left.systemValue, right.systemValue];
  if ((one === undefined) !== (two === undefined)) return false;
  const own = one === undefined || two === undefined || valuesEqual(one, two);
  if (own !== true) return own;
  return everyEqual(left.children, right.children, (child, other) =>
    child.name === other.name ? nodesEqual(child, other) : false,
  );
}

/** Items without repeats, by value. */
export function distinctItems(items: Collection): Item[] {
  const result: Item[] = [];
  const seen = new Set<string>();
  for (const item of items) {
    const value = item instanceof FhirNode ? itemValue(item) : item;
    // Strings are most of what is compared; the rest is compared pair by pair.
    if (typeof value === 'string' && (!(item instanceof FhirNode) || item.children.length === 0)) {
      if (seen.has(value)) continue;
      seen.add(value);
    } else if (result.some((other) => other === item || isEqual([other], [item]) === true)) continue;
    result.push(item);
  }
  return result;
}

/** FHIRPath `~`: order does not matter, texts without case and with single spaces, decimals at the lesser precision. */
export function isEquivalent(left: Collection, right: Collection): boolean {
  if (left.length !== right.length) return false;
  const rest = [...right];
  return left.every((item) => {
    const at = rest.findIndex((other) => itemsEquivalent(item, other));
    if (at >= 0) rest.splice(at, 1);
    return at >= 0;
  });
}

/** A text as `~` compares it. */
export function normalized(text: string): string {
  return text.trim().replace(/\s+/g, ' ').toLowerCase();
}

function itemsEquivalent(left: Item, right: Item): boolean {
  const one = itemValue(left);
  const two = itemValue(right);
  if (one === undefined || two === undefined) {
    return left instanceof FhirNode && right instanceof FhirNode && one === two
      ? isEquivalent(left.children, right.children)
      : false;
  }
  if (typeof one === 'string' && typeof two === 'string') return normalized(one) === normalized(two);
  const [number, other] = [asDecimal(one), asDecimal(two)];
  if (number !== null && other !== null) return number.isEquivalent(other);
  const quantities = quantityPair(one, two);
  if (quantities !== null) return quantities[0].compare(quantities[1], false) === 0;
  return valuesEqual(one, two) === true;
}

/** Less than, equal or more than 0; null where it is open. @throws FhirPathError for types that do not compare */
export function compareValues(left: Value, right: Value): number | null {
  if (typeof left === 'string' && typeof right === 'string') return left < right ? -1 : left > right ? 1 : 0;
  const one = asDecimal(left);
  const two = asDecimal(right);
  if (one !== null && two !== null) return one.compare(two);
  if (left instanceof Temporal && right instanceof Temporal) return left.compare(right);
  const quantities = quantityPair(left, right);
  if (quantities !== null) return quantities[0].compare(quantities[1], false);
  throw new FhirPathError('Values of types that do not compare');
}

/** What of a difference makes a comparison true. */
export const ORDERS: Readonly<Record<OperatorOf<'order'>, (difference: number) => boolean>> = {
  '<': (difference) => difference < 0,
  '<=': (difference) => difference <= 0,
  '>': (difference) => difference > 0,
  '>=': (difference) => difference >= 0,
};
