/** A 64-bit integer: what `div` gives for decimals. In JSON a string, as FHIR writes `integer64`. */
export class Long {
  constructor(readonly value: bigint) {}
  toString(): string {
    return String(this.value);
  }
}

/** An expression that cannot be evaluated on this input. Its message names functions and types, never values. */
export class FhirPathError extends Error {
  override readonly name: string = 'FhirPathError';
}

/** Most digits after the point that a division is carried to. */
const DIVISION_DIGITS = 28;
/** Largest coefficient that a division is carried to, as .NET's decimals have 96 bits. */
const MAX_COEFFICIENT = 2n ** 96n - 1n;
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

  /** Whether the numbers are equal when both are rounded to as many places as the one with fewer has (FHIRPath `~`). */
  isEquivalent(other: Decimal): boolean {
    const [one, two] = [this.trimmed(), other.trimmed()];
    const places = Math.min(one.scale, two.scale);
    return one.rounded(places).compare(two.rounded(places)) === 0;
  }

  /** Without zeros at the end of its fraction, which keeps as many digits as are asked for. */
  trimmed(least = 0): Decimal {
    let { coefficient, scale } = this as Decimal;
    while (scale > least && coefficient % 10n === 0n) {
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

  /** Digits before the point: 2 of `12.5`, -1 of `0.012`; 0 of zero. */
  get wholeDigits(): number {
    if (this.coefficient === 0n) return 0;
    return String(this.coefficient).replace('-', '').length - this.scale;
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

  /**
   * The quotient with as many digits as it needs, at most 28 after the point and as many as a decimal of .NET has; null for
   * a division by zero.
   */
  dividedBy(other: Decimal): Decimal | null {
    if (other.coefficient === 0n) return null;
    const least = Math.max(0, this.scale - other.scale);
    const numerator = this.coefficient * powerOfTen(other.scale);
    const denominator = other.coefficient * powerOfTen(this.scale);
    for (let places = DIVISION_DIGITS; ; places--) {
      const quotient = roundedQuotient(numerator * powerOfTen(places), denominator);
      if (places === 0 || magnitudeOf(quotient) <= MAX_COEFFICIENT)
        return new Decimal(quotient, places).trimmed(Math.min(least, places));
    }
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
    return new Decimal(roundedQuotient(this.coefficient, powerOfTen(this.scale - places)), places);
  }
}

function magnitudeOf(value: bigint): bigint {
  return value < 0n ? -value : value;
}

/** The whole number nearest to a quotient; of two, the even one. */
function roundedQuotient(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  const divisor = magnitudeOf(denominator);
  const twice = magnitudeOf(numerator % denominator) * 2n;
  const isUp = twice > divisor || (twice === divisor && quotient % 2n !== 0n);
  if (!isUp) return quotient;
  return numerator < 0n === denominator < 0n ? quotient + 1n : quotient - 1n;
}
