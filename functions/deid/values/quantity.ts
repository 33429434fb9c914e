import { Decimal } from './numbers.js';
import { conversionFactor } from './ucum.js';

/** Calendar durations (FHIRPath 2.0.0, section 2.1.5.10) and the UCUM code that each counts as in comparisons. */
const CODE_OF_WORD = {
  year: 'a', month: 'mo', week: 'wk', day: 'd', hour: 'h', minute: 'min', second: 's', millisecond: 'ms',
} as const; // prettier-ignore
const DURATION_CODES: ReadonlySet<string> = new Set(Object.values(CODE_OF_WORD));
/** Digits to which values that were converted are compared: factors are binary fractions. */
const COMPARED_DIGITS = 12;

/** The calendar duration a keyword names (`year`, `years`), or null. */
export function calendarUnit(word: string): keyof typeof CODE_OF_WORD | null {
  const unit = word.endsWith('s') ? word.slice(0, -1) : word;
  return Object.hasOwn(CODE_OF_WORD, unit) ? (unit as keyof typeof CODE_OF_WORD) : null;
}

/** A number with a unit: a UCUM code (`1` without any), or a calendar duration's keyword. */
export class Quantity {
  readonly value: Decimal;
  readonly unit: string;
  /** Whether the unit is a keyword (`1 year`), not a code (`1 'a'`). */
  readonly isCalendar: boolean;
  constructor(value: Decimal, unit: string, isCalendar = false) {
    this.value = value;
    this.unit = unit;
    this.isCalendar = isCalendar;
  }

  toString(): string {
    return `${this.value.toString()} '${this.unit}'`;
  }

  /**
   * Less than, equal or more than 0; null where the units do not convert. Durations compare only in one and the same
   * unit, as in the reference.
   * @param isEquality for `=`, to which a calendar year or month is not UCUM's, which has a fixed length
   */
  compare(other: Quantity, isEquality: boolean): number | null {
    if (this.isDuration && other.isDuration) {
      const isSame = this.comparedUnit(isEquality) === other.comparedUnit(isEquality);
      return isSame ? this.value.compare(other.value) : null;
    }
    if (this.isCalendar || other.isCalendar) return null;
    if (this.unit === other.unit) return this.value.compare(other.value);
    // Always converted the same way, so that what is rounded cannot make both the larger one.
    if (this.unit > other.unit) {
      const difference = other.compare(this, isEquality);
      return difference === null ? null : 0 - difference;
    }
    const factor = conversionFactor(this.unit, other.unit);
    return factor === null ? null : compareRounded(this.value.times(factor), other.value);
  }

  /** The sum, in the smaller of the units; null where they do not convert. */
  plus(other: Quantity): Quantity | null {
    if (this.isCalendar || other.isCalendar) return null;
    if (this.unit === other.unit) return new Quantity(this.value.plus(other.value), this.unit);
    const factor = conversionFactor(this.unit, other.unit);
    if (factor === null) return null;
    if (factor.compare(ONE) < 0) return other.plus(this);
    return new Quantity(this.value.times(factor).plus(other.value), other.unit);
  }

  negated(): Quantity {
    return new Quantity(this.value.negated(), this.unit, this.isCalendar);
  }

  private get isDuration(): boolean {
    return this.isCalendar || DURATION_CODES.has(this.unit);
  }

  private comparedUnit(isEquality: boolean): string {
    const word = this.isCalendar ? calendarUnit(this.unit) : null;
    if (word === null) return this.unit;
    return isEquality && (word === 'year' || word === 'month') ? `calendar ${word}` : CODE_OF_WORD[word];
  }
}

const ONE = new Decimal(1n, 0);

/** Compares to so many digits that what a conversion lost does not count. */
function compareRounded(left: Decimal, right: Decimal): number {
  const digits = Math.max(left.wholeDigits, right.wholeDigits);
  const places = Math.max(0, COMPARED_DIGITS - digits);
  return left.rounded(places).compare(right.rounded(places));
}
