import { calendarDay, dayNumber, daysInMonth, padded } from '../calendar.js';

/** A value of FHIRPath's System types: String, Boolean, Integer (`bigint`), Long, Decimal, Date/DateTime/Time, Quantity. */
export type Value = string | boolean | bigint | Long | Decimal | Temporal | Quantity;

/** A 64-bit integer: what `div` gives for decimals. In JSON a string, as FHIR writes `integer64`. */
export class Long {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
  toString(): string {
    return String(this.value);
  }
}

/** An expression that cannot be evaluated on this input. Its message names functions and types, never values. */
export class FhirPathError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FhirPathError';
  }
}

/** Most digits after the point that a division is carried to. */
const DIVISION_DIGITS = 28;
/** Largest exponent and longest text a decimal may have: beyond it no clinical value lies, but memory does. */
const MAX_DIGITS = 1000;

function powerOfTen(exponent: number): bigint {
  return 10n ** BigInt(exponent);
}

/** An exact decimal: `coefficient / 10^scale`. Keeps trailing zeros (`1.50`), as the reference's decimals do. */
export class Decimal {
  readonly coefficient: bigint;
  readonly scale: number;
  constructor(coefficient: bigint, scale: number) {
    this.coefficient = coefficient;
    this.scale = scale;
  }

  /** Reads a JSON number's text, the exponent written out: `1.20e3` is `1200`. @throws FhirPathError */
  static parse(text: string): Decimal {
    const match = /^([+-]?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/.exec(text);
    if (match === null) throw new FhirPathError('Not a decimal');
    const [, sign = '', whole = '', fraction = '', exponentText = '0'] = match;
    const exponent = Number(exponentText);
    if (whole.length + fraction.length > MAX_DIGITS || Math.abs(exponent) > MAX_DIGITS) {
      throw new FhirPathError('A decimal with too many digits');
    }
    const digits = BigInt(whole + fraction);
    const coefficient = sign === '-' ? -digits : digits;
    const scale = fraction.length - exponent;
    return scale >= 0 ? new Decimal(coefficient, scale) : new Decimal(coefficient * powerOfTen(-scale), 0);
  }

  /** The decimal of a double, with 15 significant digits, as .NET converts. @throws FhirPathError if not finite */
  static fromDouble(value: number): Decimal {
    if (!Number.isFinite(value) || Math.abs(value) > 7.9e28) throw new FhirPathError('Result out of range');
    const text = value.toPrecision(15);
    return Decimal.parse(text).trimmed();
  }

  /** Without zeros at the end of its fraction. */
  trimmed(): Decimal {
    let { coefficient, scale } = this as Decimal;
    while (scale > 0 && coefficient % 10n === 0n) {
      coefficient /= 10n;
      scale--;
    }
    return new Decimal(coefficient, scale);
  }

  toDouble(): number {
    return Number(this.toString());
  }

  toString(): string {
    const digits = (this.coefficient < 0n ? -this.coefficient : this.coefficient)
      .toString()
      .padStart(this.scale + 1, '0');
    const sign = this.coefficient < 0n ? '-' : '';
    if (this.scale === 0) return sign + digits;
    return `${sign}${digits.slice(0, -this.scale)}.${digits.slice(-this.scale)}`;
  }

  private atScale(scale: number): bigint {
    return this.coefficient * powerOfTen(scale - this.scale);
  }

  compare(other: Decimal): number {
    const scale = Math.max(this.scale, other.scale);
    const difference = this.atScale(scale) - other.atScale(scale);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }

  plus(other: Decimal): Decimal {
    const scale = Math.max(this.scale, other.scale);
    return new Decimal(this.atScale(scale) + other.atScale(scale), scale);
  }

  negated(): Decimal {
    return new Decimal(-this.coefficient, this.scale);
  }

  times(other: Decimal): Decimal {
    const product = new Decimal(this.coefficient * other.coefficient, this.scale + other.scale);
    return product.scale > DIVISION_DIGITS ? product.rounded(DIVISION_DIGITS) : product;
  }

  /** The quotient with as many digits as it needs, at most 28 after the point; null for a division by zero. */
  dividedBy(other: Decimal): Decimal | null {
    if (other.coefficient === 0n) return null;
    const least = Math.max(0, this.scale - other.scale);
    const numerator = this.coefficient * powerOfTen(DIVISION_DIGITS + 1 + other.scale);
    const denominator = other.coefficient * powerOfTen(this.scale);
    let quotient = new Decimal(numerator / denominator, DIVISION_DIGITS + 1).rounded(DIVISION_DIGITS);
    while (quotient.scale > least && quotient.coefficient % 10n === 0n) {
      quotient = new Decimal(quotient.coefficient / 10n, quotient.scale - 1);
    }
    return quotient;
  }

  /** The whole part of the quotient, towards zero; null for a division by zero. */
  wholeQuotient(other: Decimal): Long | null {
    if (other.coefficient === 0n) return null;
    const scale = Math.max(this.scale, other.scale);
    return new Long(this.atScale(scale) / other.atScale(scale));
  }

  remainder(other: Decimal): Decimal | null {
    if (other.coefficient === 0n) return null;
    const scale = Math.max(this.scale, other.scale);
    return new Decimal(this.atScale(scale) % other.atScale(scale), scale);
  }

  truncated(): Decimal {
    return new Decimal(this.coefficient / powerOfTen(this.scale), 0);
  }

  floor(): Decimal {
    const whole = this.truncated();
    return whole.compare(this) > 0 ? new Decimal(whole.coefficient - 1n, 0) : whole;
  }

  ceiling(): Decimal {
    const whole = this.truncated();
    return whole.compare(this) < 0 ? new Decimal(whole.coefficient + 1n, 0) : whole;
  }

  /** Rounded half to even to at most `places` after the point; never padded with zeros. */
  rounded(places: number): Decimal {
    if (this.scale <= places) return this;
    const unit = powerOfTen(this.scale - places);
    const quotient = this.coefficient / unit;
    const rest = this.coefficient % unit;
    const twice = (rest < 0n ? -rest : rest) * 2n;
    const up = twice > unit || (twice === unit && quotient % 2n !== 0n);
    const away = this.coefficient < 0n ? -1n : 1n;
    return new Decimal(up ? quotient + away : quotient, places);
  }
}

const CALENDAR_UNITS = ['year', 'month', 'week', 'day', 'hour', 'minute', 'second', 'millisecond'] as const;
type CalendarUnit = (typeof CALENDAR_UNITS)[number];
const UNIT_OF_CODE: Readonly<Record<string, CalendarUnit>> = {
  a: 'year', mo: 'month', wk: 'week', d: 'day', h: 'hour', min: 'minute', s: 'second', ms: 'millisecond',
}; // prettier-ignore

/** The calendar duration a keyword names (`year`, `years`), or null. */
export function calendarUnit(word: string): CalendarUnit | null {
  return CALENDAR_UNITS.find((unit) => word === unit || word === `${unit}s`) ?? null;
}

/** Metric prefixes and the units they may stand before that rules use: length, mass, volume, amount, pressure, time. */
const PREFIXES: Readonly<Record<string, number>> = {
  k: 3, h: 2, da: 1, '': 0, d: -1, c: -2, m: -3, u: -6, n: -9, p: -12,
}; // prettier-ignore
const METRIC_UNITS = [
  'm',
  'g',
  'L',
  'l',
  'mol',
  'Pa',
  's',
  'J',
  'W',
  'V',
  'Hz',
  'eq',
  'osm',
  'cal',
  'Gy',
  'Bq',
];

function metric(unit: string): { base: string; exponent: number } | null {
  for (const candidate of METRIC_UNITS) {
    if (!unit.endsWith(candidate)) continue;
    const exponent = PREFIXES[unit.slice(0, unit.length - candidate.length)];
    if (exponent !== undefined) return { base: candidate === 'l' ? 'L' : candidate, exponent };
  }
  return null;
}

/** A number with a unit: a UCUM code, a calendar duration's keyword, or empty where the unit is not known. */
export class Quantity {
  readonly value: Decimal;
  readonly unit: string;
  constructor(value: Decimal, unit: string) {
    this.value = value;
    this.unit = unit;
  }

  toString(): string {
    const unit = calendarUnit(this.unit) === this.unit ? this.unit : `'${this.unit}'`;
    return `${this.value.toString()} ${unit}`;
  }

  /** Both values in one unit: the same unit, or units that differ by a metric prefix; null for any other pair. */
  static common(left: Quantity, right: Quantity): { left: Decimal; right: Decimal; unit: string } | null {
    if (left.unit === '' || right.unit === '') return null;
    if (left.unit === right.unit) return { left: left.value, right: right.value, unit: left.unit };
    const one = metric(left.unit);
    const two = metric(right.unit);
    if (one === null || two === null || one.base !== two.base) return null;
    const least = Math.min(one.exponent, two.exponent);
    const scaled = (value: Decimal, exponent: number): Decimal =>
      value.times(new Decimal(powerOfTen(exponent - least), 0));
    return {
      left: scaled(left.value, one.exponent),
      right: scaled(right.value, two.exponent),
      unit: one.exponent === least ? left.unit : right.unit,
    };
  }
}

type TemporalKind = 'Date' | 'DateTime' | 'Time';

const DATE_TIME =
  /^([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?(?:T(?:([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(\.[0-9]+)?)?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?)?$/;
const TIME = /^([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(\.[0-9]+)?)?)?$/;
/** Farthest an offset may be from UTC, in minutes. */
const MAX_OFFSET = 14 * 60;

/** A date, date-time or time of any precision. `fields`: year, month, day, hour, minute, second — or from hour on. */
export class Temporal {
  readonly kind: TemporalKind;
  readonly text: string;
  readonly fields: readonly number[];
  /** Digits of the second's fraction, with the point; empty without one. */
  readonly fraction: string;
  /** Minutes east of UTC; null where the text names no zone. */
  readonly offset: number | null;

  private constructor(
    kind: TemporalKind,
    text: string,
    fields: readonly number[],
    fraction: string,
    offset: number | null,
  ) {
    this.kind = kind;
    this.text = text;
    this.fields = fields;
    this.fraction = fraction;
    this.offset = offset;
  }

  /** Reads `2015`, `2015-02`, `2015-02-07`, and with a time of any precision; null for no day of the calendar. */
  static parseDateTime(text: string, kind: 'Date' | 'DateTime'): Temporal | null {
    const match = DATE_TIME.exec(text);
    if (match === null) return null;
    const fields = numbers(match.slice(1, 7));
    if (kind === 'Date' && fields.length > 3) return null;
    const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = fields;
    if (year < 1 || day < 1 || day > daysInMonth(year, month) || hour > 23 || minute > 59 || second > 59)
      return null;
    const offset = match[8] === undefined ? null : offsetMinutes(match[8]);
    if (offset !== null && Math.abs(offset) > MAX_OFFSET) return null;
    return new Temporal(kind, text, fields, match[7] ?? '', offset);
  }

  static parseTime(text: string): Temporal | null {
    const match = TIME.exec(text);
    if (match === null) return null;
    const fields = numbers(match.slice(1, 4));
    const [hour = 0, minute = 0, second = 0] = fields;
    if (hour > 23 || minute > 59 || second > 59) return null;
    return new Temporal('Time', text, fields, match[4] ?? '', null);
  }

  /** Reads a literal's text without its `@`. */
  static parseLiteral(text: string): Temporal | null {
    if (text.startsWith('T')) return Temporal.parseTime(text.slice(1));
    return Temporal.parseDateTime(text, text.includes('T') ? 'DateTime' : 'Date');
  }

  /** The date-time of an instant in UTC. @param milliseconds since the epoch */
  static fromInstant(milliseconds: number): Temporal {
    const text = new Date(milliseconds).toISOString().replace('Z', '+00:00');
    return Temporal.parseDateTime(text, 'DateTime') as Temporal;
  }

  /** `{days, milliseconds}` in UTC, of the parts that are there. */
  private utcFields(): number[] {
    if (this.kind === 'Time' || this.offset === null || this.offset === 0 || this.fields.length < 5) {
      return [...this.fields];
    }
    const [year = 1, month = 1, day = 1, hour = 0, minute = 0, ...rest] = this.fields;
    const minutes = dayNumber(year, month, day) * 1440 + hour * 60 + minute - this.offset;
    const date = calendarDay(Math.floor(minutes / 1440));
    const ofDay = minutes - Math.floor(minutes / 1440) * 1440;
    return [date.year, date.month, date.day, Math.floor(ofDay / 60), ofDay % 60, ...rest];
  }

  /** Less than, equal or more than 0; null where the precisions leave it open. @throws FhirPathError for a time and a date */
  compare(other: Temporal): number | null {
    if ((this.kind === 'Time') !== (other.kind === 'Time')) {
      throw new FhirPathError(`Cannot compare a ${this.kind} to a ${other.kind}`);
    }
    const left = this.utcFields();
    const right = other.utcFields();
    const shared = Math.min(left.length, right.length);
    for (let index = 0; index < shared; index++) {
      const difference = (left[index] as number) - (right[index] as number);
      if (difference !== 0) return difference;
    }
    if (left.length !== right.length) return null;
    const places = Math.max(this.fraction.length, other.fraction.length);
    const [one, two] = [this, other].map((time) =>
      (time.fraction === '' ? '.' : time.fraction).padEnd(places, '0'),
    );
    return one === two ? 0 : (one as string) < (two as string) ? -1 : 1;
  }

  /** This moved by a duration, at this precision. @throws FhirPathError for a unit that is no duration, or out of range */
  plus(amount: Quantity, sign: 1 | -1): Temporal {
    const unit = calendarUnit(amount.unit) ?? UNIT_OF_CODE[amount.unit];
    if (unit === undefined) throw new FhirPathError('Only a duration can be added to a date or time');
    const count = amount.value.toDouble() * sign;
    if (!Number.isFinite(count) || Math.abs(count) > 1e9) throw new FhirPathError('Result out of range');
    return this.kind === 'Time' ? this.timePlus(count, unit) : this.datePlus(count, unit);
  }

  private datePlus(count: number, unit: CalendarUnit): Temporal {
    let [year = 1, month = 1, day = 1, hour = 0, minute = 0, second = 0] = this.fields;
    let milliseconds = Math.round(Number(`0${this.fraction}`) * 1000);
    if (unit === 'year' || unit === 'month') {
      const months = year * 12 + month - 1 + Math.trunc(count) * (unit === 'year' ? 12 : 1);
      year = Math.floor(months / 12);
      month = (months % 12) + 1;
      day = Math.min(day, daysInMonth(year, month));
    } else {
      const perUnit = {
        week: 604_800_000,
        day: 86_400_000,
        hour: 3_600_000,
        minute: 60_000,
        second: 1000,
        millisecond: 1,
      };
      const total =
        dayNumber(year, month, day) * 86_400_000 +
        ((hour * 60 + minute) * 60 + second) * 1000 +
        milliseconds +
        Math.trunc(count * perUnit[unit]);
      const days = Math.floor(total / 86_400_000);
      const ofDay = total - days * 86_400_000;
      ({ year, month, day } = calendarDay(days));
      hour = Math.floor(ofDay / 3_600_000);
      minute = Math.floor(ofDay / 60_000) % 60;
      second = Math.floor(ofDay / 1000) % 60;
      milliseconds = ofDay % 1000;
    }
    if (year < 1 || year > 9999) throw new FhirPathError('Result out of range');
    return this.withFields(
      [year, month, day, hour, minute, second].slice(0, this.fields.length),
      milliseconds,
    );
  }

  private timePlus(count: number, unit: CalendarUnit): Temporal {
    const perUnit: Partial<Record<CalendarUnit, number>> = {
      hour: 3_600_000,
      minute: 60_000,
      second: 1000,
      millisecond: 1,
    };
    const factor = perUnit[unit];
    if (factor === undefined) throw new FhirPathError(`A time cannot be moved by a ${unit}`);
    const [hour = 0, minute = 0, second = 0] = this.fields;
    const milliseconds = Math.round(Number(`0${this.fraction}`) * 1000);
    const total = ((hour * 60 + minute) * 60 + second) * 1000 + milliseconds + Math.trunc(count * factor);
    const ofDay = ((total % 86_400_000) + 86_400_000) % 86_400_000;
    const fields = [
      Math.floor(ofDay / 3_600_000),
      Math.floor(ofDay / 60_000) % 60,
      Math.floor(ofDay / 1000) % 60,
    ];
    return this.withFields(fields.slice(0, this.fields.length), ofDay % 1000);
  }

  private withFields(fields: number[], milliseconds: number): Temporal {
    const fraction = this.fraction === '' ? '' : `.${padded(milliseconds, 3)}`;
    const isTime = this.kind === 'Time';
    const date = isTime
      ? ''
      : fields
          .slice(0, 3)
          .map((field, index) => padded(field, index === 0 ? 4 : 2))
          .join('-');
    const clock = (isTime ? fields : fields.slice(3)).map((field) => padded(field, 2)).join(':');
    const zone = this.offset === null ? '' : zoneText(this.offset);
    const text = date + (clock === '' ? '' : `${isTime ? '' : 'T'}${clock}${fraction}${zone}`);
    return new Temporal(this.kind, text, fields, fraction, this.offset);
  }
}

function numbers(parts: readonly (string | undefined)[]): number[] {
  const result: number[] = [];
  for (const part of parts) {
    if (part === undefined) break;
    result.push(Number(part));
  }
  return result;
}

function offsetMinutes(zone: string): number {
  if (zone === 'Z') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6));
  return zone.startsWith('-') ? -minutes : minutes;
}

function zoneText(offset: number): string {
  const size = Math.abs(offset);
  return `${offset < 0 ? '-' : '+'}${padded(Math.floor(size / 60), 2)}:${padded(size % 60, 2)}`;
}
