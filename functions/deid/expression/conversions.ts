import { asDecimal } from './operators.js';
import { Decimal, Long, Quantity, Temporal, calendarUnit, type Value } from '../values/values.js';

// Conversions between the System types (FHIRPath 2.0.0, section 5.5): null where a value has no such form.

export function toInteger(value: Value): bigint | null {
  if (typeof value === 'bigint') return value;
  if (value instanceof Long) return value.value;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  return typeof value === 'string' && /^[+-]?[0-9]{1,18}$/.test(value)
    ? BigInt(value.replace('+', ''))
    : null;
}

export function toDecimal(value: Value): Decimal | null {
  const number = asDecimal(value);
  if (number !== null) return number;
  if (typeof value === 'boolean') return new Decimal(value ? 10n : 0n, 1);
  return typeof value === 'string' && /^[+-]?[0-9]{1,100}(?:\.[0-9]{1,100})?$/.test(value)
    ? Decimal.parse(value)
    : null;
}

export function toBoolean(value: Value): boolean | null {
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

export function toQuantity(value: Value): Quantity | null {
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

export function dateOf(value: Value): Temporal | null {
  if (value instanceof Temporal) return value.toDate();
  return typeof value === 'string' ? Temporal.parseDateTime(value, 'Date') : null;
}

export function dateTimeOf(value: Value): Temporal | null {
  if (value instanceof Temporal) return value.toDateTime();
  return typeof value === 'string' ? Temporal.parseDateTime(value, 'DateTime') : null;
}

export function timeOf(value: Value): Temporal | null {
  if (value instanceof Temporal) return value.kind === 'Time' ? value : null;
  return typeof value === 'string' ? Temporal.parseTime(value) : null;
}
