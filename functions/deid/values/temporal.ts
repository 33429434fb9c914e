import { calendarDay, dayNumber, daysInMonth, padded } from '../../fhir/calendar.js';
import { Decimal, FhirPathError } from './numbers.js';
import { calendarUnit, type Quantity } from './quantity.js';

type CalendarUnit = NonNullable<ReturnType<typeof calendarUnit>>;

/** UCUM codes that move a date or a date-time as the calendar's units do. */
const UNIT_OF_CODE: Readonly<Record<string, CalendarUnit>> = {
  wk: 'week', d: 'day', h: 'hour', min: 'minute', s: 'second', ms: 'millisecond',
}; // prettier-ignore

/** Places among a date-time's fields. */
const HOUR = 3;
const SECOND = 5;

/** A tick is 100 ns. */
const TICKS_PER_SECOND = 10_000_000;
const TICKS_PER_DAY = 86_400 * TICKS_PER_SECOND;
const TICKS: Partial<Record<CalendarUnit, number>> = {
  hour: 3600 * TICKS_PER_SECOND,
  minute: 60 * TICKS_PER_SECOND,
  second: TICKS_PER_SECOND,
  millisecond: TICKS_PER_SECOND / 1000,
};

type TemporalKind = 'Date' | 'DateTime' | 'Time';

const DATE_TIME =
  /^([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?(?:T(?:([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(\.[0-9]+)?)?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?)?$/;
const TIME = /^([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(\.[0-9]+)?)?)?$/;
/** Farthest an offset may be from UTC, in minutes. */
const MAX_OFFSET = 14 * 60;

/** A date, date-time or time of any precision. `fields`: year, month, day, hour, minute, second — or from hour on. */
export class Temporal {
  private constructor(
    readonly kind: TemporalKind,
    readonly text: string,
    readonly fields: readonly number[],
    /** Digits of the second's fraction, with the point; empty without one. */
    readonly fraction: string,
    /** Minutes east of UTC; null where the text names no zone. */
    readonly offset: number | null,
  ) {}

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

  /** The day of an instant in UTC, without a zone. @param milliseconds since the epoch */
  static today(milliseconds: number): Temporal {
    return Temporal.parseDateTime(new Date(milliseconds).toISOString().slice(0, 10), 'Date') as Temporal;
  }

  /** The day of a date-time; a date as it is; null for a time. A zone stays: such a day begins there. */
  toDate(): Temporal | null {
    if (this.kind === 'Time') return null;
    const fields = this.fields.slice(0, 3);
    const zone = this.offset === null ? '' : zoneText(this.offset);
    return new Temporal('Date', dateText(fields) + zone, fields, '', this.offset);
  }

  /** A date as a date-time of its precision; null for a time. */
  toDateTime(): Temporal | null {
    if (this.kind === 'Time') return null;
    return new Temporal('DateTime', this.text, this.fields, this.fraction, this.offset);
  }

  /** The parts that are there, in UTC where a zone is known. */
  private utcFields(): readonly number[] {
    if (this.kind === 'Time' || this.offset === null || this.offset === 0) return this.fields;
    const [year = 1, month = 1, day = 1, hour = 0, minute = 0] = this.fields;
    const minutes = dayNumber(year, month, day) * 1440 + hour * 60 + minute - this.offset;
    const date = calendarDay(Math.floor(minutes / 1440));
    const ofDay = minutes - Math.floor(minutes / 1440) * 1440;
    const utc = [date.year, date.month, date.day, Math.floor(ofDay / 60), ofDay % 60, this.fields[5] ?? 0];
    return utc.slice(0, this.fields.length);
  }

  /**
   * Less than, equal or more than 0; null where the precisions leave it open, or one has a zone and the other has none
   * and the days do not decide it. @throws FhirPathError for a time and a date
   */
  compare(other: Temporal): number | null {
    if ((this.kind === 'Time') !== (other.kind === 'Time')) {
      throw new FhirPathError(`Cannot compare a ${this.kind} to a ${other.kind}`);
    }
    const left = this.utcFields();
    const right = other.utcFields();
    const hasOtherZone = (this.offset === null) !== (other.offset === null);
    const shared = Math.min(left.length, right.length);
    for (let index = 0; index < shared; index++) {
      if (index === HOUR && hasOtherZone) return null;
      const difference = (left[index] as number) - (right[index] as number);
      if (difference !== 0) return difference;
    }
    if (left.length !== right.length || hasOtherZone) return null;
    const places = Math.max(this.fraction.length, other.fraction.length);
    const [one, two] = [this, other].map((time) =>
      (time.fraction === '' ? '.' : time.fraction).padEnd(places, '0'),
    );
    return one === two ? 0 : (one as string) < (two as string) ? -1 : 1;
  }

  /**
   * This moved by a duration, as the reference does: in whole units, those below the precision converted by 12 months,
   * 52 weeks or 365 days a year and 30 days a month. UCUM's weeks, days and parts of days count as the calendar's; its
   * years and months, which are no calendar's, do not.
   * @throws FhirPathError for a unit that is none of these, for a time, and out of the calendar's range
   */
  plus(amount: Quantity, sign: 1 | -1): Temporal {
    const unit = (amount.isCalendar ? calendarUnit(amount.unit) : UNIT_OF_CODE[amount.unit]) ?? null;
    if (unit === null) throw new FhirPathError('Only a duration can be added to a date or time');
    if (this.kind === 'Time') throw new FhirPathError('Nothing can be added to a time');
    const ticksPerUnit = TICKS[unit];
    const count = sign === 1 ? amount.value : amount.value.negated();
    if (ticksPerUnit === undefined) return this.plusDays(count, unit);
    if (this.kind === 'Date') throw new FhirPathError(`A date cannot be moved by a ${unit}`);
    if (this.fields.length <= HOUR) return this.moved(this.fields, 0);
    return this.plusTicks(whole(count.times(integer(ticksPerUnit))));
  }

  private plusDays(count: Decimal, unit: CalendarUnit): Temporal {
    const precision = this.fields.length;
    if (unit === 'year') return this.plusMonths(whole(count) * 12);
    if (unit === 'month') {
      return this.plusMonths(precision === 1 ? wholeQuotient(count, 12) * 12 : whole(count));
    }
    const days = unit === 'week' ? 7 : 1;
    if (precision === 1) return this.plusMonths(wholeQuotient(count, unit === 'week' ? 52 : 365) * 12);
    if (precision === 2) return this.plusMonths(wholeQuotient(count.times(integer(days)), 30));
    return this.plusTicks(whole(count) * days * TICKS_PER_DAY);
  }

  private plusMonths(count: number): Temporal {
    const [year = 1, month = 1, day = 1, ...rest] = this.fields;
    const months = year * 12 + month - 1 + count;
    const moved = { year: Math.floor(months / 12), month: (((months % 12) + 12) % 12) + 1 };
    const date = [moved.year, moved.month, Math.min(day, daysInMonth(moved.year, moved.month))];
    return this.moved([...date, ...rest], ticksOf(this.fraction));
  }

  private plusTicks(count: number): Temporal {
    const [year = 1, month = 1, day = 1, hour = 0, minute = 0, second = 0] = this.fields;
    // Days apart from the rest: together they are more than a number holds.
    const days = Math.trunc(count / TICKS_PER_DAY);
    const rest = count - days * TICKS_PER_DAY;
    const ofDay = ((hour * 60 + minute) * 60 + second) * TICKS_PER_SECOND + ticksOf(this.fraction) + rest;
    const carried = Math.floor(ofDay / TICKS_PER_DAY);
    const date = calendarDay(dayNumber(year, month, day) + days + carried);
    const ticks = ofDay - carried * TICKS_PER_DAY;
    const seconds = Math.floor(ticks / TICKS_PER_SECOND);
    const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    return this.moved([date.year, date.month, date.day, ...clock], ticks % TICKS_PER_SECOND);
  }

  /** A date-time at this precision and in this zone; a date has no zone then. @throws FhirPathError out of range */
  private moved(all: readonly number[], ticks: number): Temporal {
    const year = all[0] ?? 0;
    if (year < 1 || year > 9999) throw new FhirPathError('Result out of range');
    const fields = all.slice(0, this.fields.length);
    if (this.kind === 'Date') return new Temporal('Date', dateText(fields), fields, '', null);
    const hasSeconds = fields.length > SECOND;
    if (!hasSeconds && this.offset !== null) {
      throw new FhirPathError('Nothing can be added to a date-time with a zone and without seconds');
    }
    const digits = hasSeconds ? padded(ticks, 7).replace(/0+$/, '') : '';
    const fraction = digits === '' ? '' : `.${digits}`;
    const clock = fields.slice(HOUR).map((field) => padded(field, 2));
    const zone = this.offset === null ? '' : zoneText(this.offset);
    const time = clock.length === 0 ? '' : `T${clock.join(':')}${fraction}${zone}`;
    return new Temporal('DateTime', dateText(fields) + time, fields, fraction, this.offset);
  }
}

function dateText(fields: readonly number[]): string {
  const parts = fields.slice(0, HOUR).map((field, index) => padded(field, index === 0 ? 4 : 2));
  return parts.join('-');
}

/** A fraction's ticks, rounded; a whole second's at most but one. */
function ticksOf(fraction: string): number {
  return Math.min(Math.round(Number(`0${fraction}`) * TICKS_PER_SECOND), TICKS_PER_SECOND - 1);
}

function integer(value: number): Decimal {
  return new Decimal(BigInt(value), 0);
}

/** A decimal towards zero. @throws FhirPathError for one that no calendar has room for */
function whole(value: Decimal): number {
  const number = Number(value.truncated().coefficient);
  if (Math.abs(number) > Number.MAX_SAFE_INTEGER) throw new FhirPathError('Result out of range');
  return number;
}

function wholeQuotient(value: Decimal, divisor: number): number {
  return whole(value.dividedBy(integer(divisor)) ?? value);
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
