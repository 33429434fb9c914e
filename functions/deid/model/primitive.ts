import { daysInMonth } from '../../fhir/calendar.js';
import type { JsonValue } from '../../json/json.js';
import { JsonNumber, numberText, type JsonScalar } from '../../json/jsonNumber.js';
import { Decimal, Temporal, type Value } from '../values/values.js';
import type { FhirType } from './types.js';

/** A primitive element's value in JSON. */
export type Primitive = JsonScalar;

const INTEGER = /^-?(?:0|[1-9][0-9]*)$/;
const INTEGER_MIN = -(2 ** 31);
const INTEGER_MAX = 2 ** 31 - 1;

/** Whether a JSON value is one that an element of this primitive type can have. Anything else must be dropped. */
export function isPrimitiveOf(type: FhirType, value: JsonValue): value is Primitive {
  switch (type.primitive) {
    case 'boolean':
      return typeof value === 'boolean';
    case 'integer':
      return (
        (typeof value === 'number' || value instanceof JsonNumber) &&
        INTEGER.test(numberText(value)) &&
        Number(numberText(value)) >= INTEGER_MIN &&
        Number(numberText(value)) <= INTEGER_MAX
      );
    case 'decimal':
      return typeof value === 'number' || (value instanceof JsonNumber && decimalOf(value) !== null);
    case 'date':
      return (
        typeof value === 'string' &&
        ((value.length === 10 && startsWithDay(value)) || Temporal.parseDateTime(value, 'Date') !== null)
      );
    case 'dateTime':
      return typeof value === 'string' && isDateTimeText(value);
    case 'time':
      return typeof value === 'string' && Temporal.parseTime(value) !== null;
    case 'string':
      return typeof value === 'string';
    case null:
      return false;
  }
}

/** Whether a text starts with a day of the calendar, `2015-02-07`. Most dates do; this is the short way. */
export function startsWithDay(text: string): boolean {
  if (text.charCodeAt(4) !== 45 || text.charCodeAt(7) !== 45) return false;
  const year = digits(text, 0) * 100 + digits(text, 2);
  const day = digits(text, 8);
  return year >= 1 && day >= 1 && day <= daysInMonth(year, digits(text, 5));
}

/** Two digits as a number; not a number for anything else. */
function digits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 48;
  const ones = text.charCodeAt(at + 1) - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : NaN;
}

const TIME =
  /T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9])$/y;

function isDateTimeText(text: string): boolean {
  if (startsWithDay(text)) {
    TIME.lastIndex = 10;
    if (text.length === 10 || TIME.test(text)) return true;
  }
  return Temporal.parseDateTime(text, 'DateTime') !== null && !text.endsWith('T');
}

/** The exact decimal of a number in JSON; null if it has more digits than any measurement. */
export function decimalOf(value: number | JsonNumber): Decimal | null {
  try {
    return Decimal.parse(numberText(value));
  } catch {
    return null;
  }
}

/**
 * The text that hashing and encryption see: a string as it is, `True` and `False`, a number's digits with the
 * exponent written out and a negative zero without its sign.
 */
export function primitiveText(value: Primitive): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  const text = numberText(value);
  if (/^-?[0-9.]+$/.test(text) && !text.startsWith('-0')) return text;
  return decimalOf(value)?.toString() ?? text;
}

/** The FHIRPath value of a primitive. */
export function valueOf(type: FhirType, value: Primitive): Value {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string') {
    switch (type.primitive) {
      case 'date':
        return Temporal.parseDateTime(value, 'Date') ?? value;
      case 'dateTime':
        return Temporal.parseDateTime(value, 'DateTime') ?? value;
      case 'time':
        return Temporal.parseTime(value) ?? value;
      default:
        return value;
    }
  }
  const text = numberText(value);
  return type.primitive === 'integer' && INTEGER.test(text) ? BigInt(text) : Decimal.parse(text);
}
