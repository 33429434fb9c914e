import { calendarDay } from '../../fhir/calendar.js';
import { ABSTRED, REDACTED } from './labels.js';
import { decimalOf, type Primitive } from '../model/primitive.js';
import type { Parameters } from '../configuration/parameters.js';
import type { Run, Target, ValueMethod } from './method.js';

/** Years of age above which neither dates nor ages are kept (HIPAA Safe Harbor, 45 CFR 164.514(b)(2)(i)(C)). */
const AGE_LIMIT = 89;
/** A ZIP code, perhaps after a state, perhaps without the leading zeros that a spreadsheet took: its digits, and the four behind. */
const ZIP_CODE = /^\s*(?:[A-Za-z]{2}[\s-]+)?([0-9]{3,5})(?:[\s-]*([0-9]{4}))?\s*$/;
const ZIP_DIGITS = 5;
const AREA_DIGITS = 3;

/** Takes values away, or leaves the part of dates, ages and postal codes that the parameters allow. */
export class Redactor {
  private readonly parameters: Parameters;
  private readonly today: { year: number; month: number; day: number };
  private readonly restricted: readonly string[];

  /** @param now milliseconds since the epoch: ages are measured to this day, in UTC */
  constructor(parameters: Parameters, now: number) {
    this.parameters = parameters;
    this.today = calendarDay(Math.floor(now / 86_400_000));
    this.restricted = parameters.restrictedZipCodeTabulationAreas;
  }

  /** The work on one kind of primitive. @param above numbers up to this stay */
  on(target: Target, above?: number): ValueMethod {
    const { primitive } = target.type;
    if (above !== undefined && (primitive === 'decimal' || primitive === 'integer'))
      return (value, run) => (isUpTo(value, above) ? value : takeAway(value, run));
    if ((primitive === 'date' || primitive === 'dateTime') && this.parameters.enablePartialDatesForRedact) {
      return (value, run) => this.date(value, run);
    }
    if (target.parentType === 'Age' && primitive === 'decimal' && this.parameters.enablePartialAgesForRedact)
      return keepAge;
    if (target.name === 'postalCode' && this.parameters.enablePartialZipCodesForRedact) {
      return (value, run) => this.postalCode(value, run);
    }
    return takeAway;
  }

  /** The year of a date, or nothing: for a date more than 89 years ago, or without partial dates. */
  date(value: Primitive, run: Run): Primitive | undefined {
    run.did(REDACTED);
    if (!this.parameters.enablePartialDatesForRedact || typeof value !== 'string' || this.isOverAge(value))
      return undefined;
    return value.slice(0, 4);
  }

  /** Whether a date lies so far back that someone alive then would be over 89. Parts it lacks count as the first. */
  isOverAge(text: string): boolean {
    const years = this.today.year - Number(text.slice(0, 4));
    if (this.parameters.ageLimitByYear) return years > AGE_LIMIT;
    if (years !== AGE_LIMIT + 1) return years > AGE_LIMIT;
    const month = Number(text.slice(5, 7)) || 1;
    const day = Number(text.slice(8, 10)) || 1;
    return month < this.today.month || (month === this.today.month && day <= this.today.day);
  }

  private postalCode(value: Primitive, run: Run): Primitive | undefined {
    run.did(ABSTRED);
    if (typeof value !== 'string') return undefined;
    if (this.parameters.strictZipCodes) return this.zipCode(value);
    const isRestricted = this.restricted.some((area) => value.startsWith(area));
    const kept = isRestricted ? '' : value.slice(0, 3);
    return kept + value.slice(kept.length).replace(/\p{Nd}/gu, '0');
  }

  /** The area of a ZIP code with zeros behind; nothing of any other text. */
  private zipCode(text: string): string | undefined {
    const [, digits, extension] = ZIP_CODE.exec(text) ?? [];
    if (digits === undefined) return undefined;
    const area = digits.padStart(ZIP_DIGITS, '0').slice(0, AREA_DIGITS);
    const kept = this.restricted.some((restricted) => area.startsWith(restricted)) ? '' : area;
    return kept.padEnd(ZIP_DIGITS, '0') + (extension === undefined ? '' : '-0000');
  }
}

export function takeAway(_value: Primitive, run: Run): undefined {
  run.did(REDACTED);
}

function keepAge(value: Primitive, run: Run): Primitive | undefined {
  run.did(REDACTED);
  return isUpTo(value, AGE_LIMIT) ? value : undefined;
}

function isUpTo(value: Primitive, limit: number): boolean {
  const number = typeof value === 'string' || typeof value === 'boolean' ? null : decimalOf(value);
  return number !== null && Number(number.toString()) <= limit;
}
