import { calendarDay } from '../calendar.js';
import { ABSTRED, REDACTED } from '../labels.js';
import { decimalOf, type Primitive } from '../primitive.js';
import type { Parameters } from '../parameters.js';
import type { Run, Target, ValueMethod } from './method.js';

/** Years of age above which neither dates nor ages are kept (HIPAA Safe Harbor, 45 CFR 164.514(b)(2)(i)(C)). */
const AGE_LIMIT = 89;

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

  /** The work on one kind of primitive. */
  on(target: Target): ValueMethod {
    const { primitive } = target.type;
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
    if (years !== AGE_LIMIT + 1) return years > AGE_LIMIT;
    const month = Number(text.slice(5, 7)) || 1;
    const day = Number(text.slice(8, 10)) || 1;
    return month < this.today.month || (month === this.today.month && day <= this.today.day);
  }

  private postalCode(value: Primitive, run: Run): Primitive | undefined {
    run.did(ABSTRED);
    if (typeof value !== 'string') return undefined;
    const isRestricted = this.restricted.some((area) => value.startsWith(area));
    const kept = isRestricted ? '' : value.slice(0, 3);
    return kept + value.slice(kept.length).replace(/\p{Nd}/gu, '0');
  }
}

export function takeAway(_value: Primitive, run: Run): undefined {
  run.did(REDACTED);
}

function keepAge(value: Primitive, run: Run): Primitive | undefined {
  run.did(REDACTED);
  const age = typeof value === 'string' || typeof value === 'boolean' ? null : decimalOf(value);
  return age !== null && Number(age.toString()) <= AGE_LIMIT ? value : undefined;
}
