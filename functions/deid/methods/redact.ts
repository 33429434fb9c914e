import { calendarDay } from '../../fhir/calendar.js';
import { JsonNumber, numberText } from '../../json/jsonNumber.js';
import { firstInstantOf } from '../model/format.js';
import { decimalOf, type Primitive } from '../model/primitive.js';
import { flag, type Setting, type ValuesOf } from '../reading/settings.js';
import { dialect, writtenInstant } from './dialect.js';
import { CLEARING, type Effect } from './effect.js';
import { ABSTRED, REDACTED } from './labels.js';
import { method, type Run, type Target, type ValueMethod, type YearWork } from './method.js';

/** Years of age above which neither dates nor ages are kept (HIPAA Safe Harbor, 45 CFR 164.514(b)(2)(i)(C)). */
const AGE_LIMIT = 89;
/** A ZIP code, perhaps after a state, perhaps without the leading zeros that a spreadsheet took: its digits, and the four behind. */
const ZIP_CODE = /^\s*(?:[A-Za-z]{2}[\s-]+)?([0-9]{3,5})(?:[\s-]*([0-9]{4}))?\s*$/;
const ZIP_DIGITS = 5;
const AREA_DIGITS = 3;

/** The first three digits of the ZIP codes with 20,000 people or fewer: HHS's guidance on 45 CFR 164.514, Census 2000. */
const RESTRICTED_ZIP_CODES = [
  '036', '059', '063', '102', '203', '556', '692', '790', '821', '823', '830', '831', '878', '879', '884', '890',
  '893',
]; // prettier-ignore

/** Numbers up to this stay. */
const above: Setting<number | undefined> = (value, site) => {
  if (value === undefined || (typeof value === 'number' && Number.isFinite(value))) return value;
  site.error('Must be a number: those up to it stay');
  return undefined;
};

const areas: Setting<readonly string[]> = (value, site) => {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) {
    site.error('Must be an array of texts such as "036"');
    return [];
  }
  return value.flatMap((code, index) => {
    if (typeof code === 'string' && code !== '') return [code];
    if (typeof code === 'number' || code instanceof JsonNumber) {
      site.warn('Write it as a text: a number has no leading zeros', `[${index}]`);
      return [numberText(code)];
    }
    site.error('Must be a text such as "036"', `[${index}]`);
    return [];
  });
};

const PARAMETERS = {
  enablePartialAgesForRedact: flag,
  enablePartialDatesForRedact: flag,
  enablePartialZipCodesForRedact: flag,
  restrictedZipCodeTabulationAreas: areas,
  /** Whether a partial postal code is kept of US ZIP codes only, whatever blanks and leading zeros they have or lack. */
  strictZipCodes: flag,
  /** Whether a year is over the age limit when anyone born in it is, or will be before it ends. */
  ageLimitByYear: flag,
  dialect,
};
type Parameters = ValuesOf<typeof PARAMETERS>;

export const REDACT = method({
  name: 'redact',
  settings: { above },
  parameters: PARAMETERS,
  labels: [REDACTED, ABSTRED],
  clears:
    "everything; with partial dates and ages what Safe Harbor lets stay; with partial ZIP codes only if `restrictedZipCodeTabulationAreas` has the 17 areas of HHS's guidance",
  appliesUndecided: true,
  dependsOnDialect: ({ enablePartialDatesForRedact }) => enablePartialDatesForRedact,
  effect: (settings, parameters) => {
    const effect = redactEffect(parameters);
    return settings.above === undefined ? effect : aboveEffect(settings.above, effect);
  },
  prepare: (context) => {
    const redactor = new Redactor(context.parameters, context.now);
    return { work: (settings) => ({ ofValue: (target) => redactor.on(target, settings.above) }) };
  },
});

/** Dates keep their years, ages their numbers up to 89; of ZIP codes three digits may stay only where many people live. */
function redactEffect(parameters: Parameters): Effect {
  const { enablePartialZipCodesForRedact, restrictedZipCodeTabulationAreas: restricted } = parameters;
  const isSafe = RESTRICTED_ZIP_CODES.every((code) => restricted.some((area) => code.startsWith(area)));
  if (!enablePartialZipCodesForRedact || isSafe) return CLEARING;
  return {
    key: 'redact',
    clearsAll: false,
    clears: (_, element) => (element.name === 'postalCode' ? 'partial' : 'full'),
  };
}

/** Numbers up to the limit stay: that is all of an identity that it leaves only of ages that Safe Harbor lets stay. */
function aboveEffect(limit: number, rest: Effect): Effect {
  return {
    key: `${rest.key} above ${limit}`,
    clearsAll: false,
    clears: (identity, element) => {
      const kind = element.type?.primitive;
      if (kind !== 'decimal' && kind !== 'integer') return rest.clears(identity, element);
      return identity.category === 'ages' && limit <= AGE_LIMIT ? 'full' : 'partial';
    },
  };
}

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

  private readonly ofYears: YearWork = {
    label: REDACTED,
    // In the year of the limit, the day decides.
    isSame: (year) => this.parameters.ageLimitByYear || this.today.year - year !== AGE_LIMIT + 1,
  };

  /** The work on one kind of primitive. @param limit numbers up to this stay */
  on(target: Target, limit?: number): ValueMethod {
    const { primitive } = target.type;
    if (limit !== undefined && (primitive === 'decimal' || primitive === 'integer'))
      return (value, run) => (isUpTo(value, limit) ? value : takeAway(value, run));
    if ((primitive === 'date' || primitive === 'dateTime') && this.parameters.enablePartialDatesForRedact) {
      if (target.type.name === 'instant' && this.parameters.dialect === 'miracum')
        return (value, run) => this.moment(this.date(value, run));
      return Object.assign((value: Primitive, run: Run) => this.date(value, run), {
        isFormed: true,
        ofYears: this.ofYears,
      } as const);
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

  /** An instant, or the first one of its year, as fhir-pseudonymizer writes it. */
  moment(value: Primitive | undefined): Primitive | undefined {
    if (typeof value !== 'string') return value;
    return value.length === 4 ? firstInstantOf(value) : writtenInstant(value);
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

const takeAway: ValueMethod = Object.assign(
  (_value: Primitive, run: Run): undefined => {
    run.did(REDACTED);
  },
  { taken: REDACTED },
);

function keepAge(value: Primitive, run: Run): Primitive | undefined {
  run.did(REDACTED);
  return isUpTo(value, AGE_LIMIT) ? value : undefined;
}

function isUpTo(value: Primitive, limit: number): boolean {
  const number = typeof value === 'string' || typeof value === 'boolean' ? null : decimalOf(value);
  return number !== null && Number(number.toString()) <= limit;
}
