/**
 * A FHIR `instant` with all the digits of its fraction, which servers may have more of than a `Date` holds.
 * https://hl7.org/fhir/R4/datatypes.html#instant
 */
export interface Instant {
  /** As it was written. */
  readonly text: string;
  /** Whole seconds since the epoch. */
  readonly seconds: number;
  /** Digits of the fraction without trailing zeros. */
  readonly fraction: string;
}

const PATTERN = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,20}))?(Z|[+-]\d\d:\d\d)$/;

/** Reads an instant; `undefined` where the text is none. */
export function parseInstant(text: unknown): Instant | undefined {
  if (typeof text !== 'string') return undefined;
  const match = PATTERN.exec(text);
  if (match === null) return undefined;
  const milliseconds = Date.parse(`${match[1]}${match[3]}`);
  if (Number.isNaN(milliseconds)) return undefined;
  // Date.parse moves 30 February into March; such an instant does not exist.
  const day = Number(text.slice(8, 10));
  if (
    day > 28 &&
    day > new Date(Date.UTC(Number(text.slice(0, 4)), Number(text.slice(5, 7)), 0)).getUTCDate()
  ) {
    return undefined;
  }
  return { text, seconds: milliseconds / 1000, fraction: (match[2] ?? '').replace(/0+$/, '') };
}

/** Negative when `a` is before `b`, zero when they are the same moment, positive when after. */
export function compareInstants(a: Instant, b: Instant): number {
  if (a.seconds !== b.seconds) return a.seconds - b.seconds;
  if (a.fraction === b.fraction) return 0;
  // Without trailing zeros, fractions order as texts do.
  return a.fraction < b.fraction ? -1 : 1;
}

/** The instant of a number of milliseconds since the epoch, in UTC. */
export function instantFromMilliseconds(milliseconds: number): Instant {
  const instant = parseInstant(new Date(milliseconds).toISOString());
  if (instant === undefined) throw new RangeError('milliseconds are out of the range of an instant');
  return instant;
}

/**
 * The instant as a search value: in UTC, with three digits of a fraction or more. In a search a value of less
 * precision is the whole span it may stand for, a second or a millisecond, and not a moment:
 * https://hl7.org/fhir/R4/search.html#date
 */
export function searchValue({ seconds, fraction }: Instant): string {
  const wholeSeconds = new Date(seconds * 1000).toISOString().slice(0, -'.000Z'.length);
  return `${wholeSeconds}.${fraction.padEnd(3, '0')}Z`;
}
