import { dayNumber, daysInMonth, padded } from '../fhir/calendar.js';

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

const PATTERN = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,20})?(?:Z|[+-]\d\d:\d\d)$/;
const SECONDS_PER_DAY = 86_400;

/** Reads an instant; `undefined` where the text is none. */
export function parseInstant(text: unknown): Instant | undefined {
  if (typeof text !== 'string' || !PATTERN.test(text)) return undefined;
  const [year, month, day] = [
    twoDigits(text, 0) * 100 + twoDigits(text, 2),
    twoDigits(text, 5),
    twoDigits(text, 8),
  ];
  const time = secondsOf(twoDigits(text, 11), twoDigits(text, 14), twoDigits(text, 17));
  const isUtc = text.endsWith('Z');
  const zoneAt = text.length - (isUtc ? 1 : '+hh:mm'.length);
  const zone = isUtc ? 0 : secondsOf(twoDigits(text, zoneAt + 1), twoDigits(text, zoneAt + 4), 0);
  // The last moment of a day may be written as its hour 24.
  if (day < 1 || day > daysInMonth(year, month) || !(time <= SECONDS_PER_DAY && zone < SECONDS_PER_DAY))
    return undefined;
  let fractionEnd = zoneAt;
  while (text.charCodeAt(fractionEnd - 1) === ZERO && fractionEnd > FRACTION) fractionEnd--;
  return {
    text,
    seconds: dayNumber(year, month, day) * SECONDS_PER_DAY + time - (text[zoneAt] === '-' ? -zone : zone),
    fraction: text.slice(FRACTION, fractionEnd),
  };
}

const ZERO = 0x30;
/** Where the fraction begins, if there is one. */
const FRACTION = '2020-01-01T00:00:00.'.length;

function twoDigits(text: string, at: number): number {
  return (text.charCodeAt(at) - ZERO) * 10 + text.charCodeAt(at + 1) - ZERO;
}

/** Seconds of a time of day; not a number for none. */
function secondsOf(hour: number, minute: number, second: number): number {
  return minute < 60 && second < 60 ? (hour * 60 + minute) * 60 + second : Number.NaN;
}

/** Offsets from UTC of the places where a day begins first and ends last. */
const FIRST_ZONE = '+14:00';
const LAST_ZONE = '-12:00';
const PARTIAL =
  /^(?<year>\d{4})(?:-(?<month>\d\d)(?:-(?<day>\d\d)(?:T(?<time>\d\d:\d\d)(?<second>:\d\d(?:\.\d{1,20})?)?(?<zone>Z|[+-]\d\d:\d\d)?)?)?)?$/;

/**
 * The earliest or the latest instant that a date or time may mean: of a year, month, day or minute its first or its last
 * moment; without a time zone, that of the zone where it is first or last. An instant is meant as it is.
 * https://hl7.org/fhir/R4/datatypes.html#dateTime
 * @returns `undefined` where the text is none of these, or in the first or last year that can be written
 */
export function instantMeant(text: string, which: 'earliest' | 'latest'): Instant | undefined {
  const instant = parseInstant(text);
  const parts = PARTIAL.exec(text)?.groups;
  const { year = '0000', month, day, time, second, zone } = parts ?? {};
  if (year === '0000') return undefined;
  if (instant !== undefined || year === '9999') return instant;
  const isLast = which === 'latest';
  const lastMonth = month ?? (isLast ? '12' : '01');
  const lastDay = day ?? (isLast ? padded(daysInMonth(Number(year), Number(lastMonth)), 2) : '01');
  const date = `${year}-${lastMonth}-${lastDay}`;
  const meant = parseInstant(
    `${date}T${time ?? (isLast ? '24:00' : '00:00')}${second ?? ':00'}${zone ?? (isLast ? LAST_ZONE : FIRST_ZONE)}`,
  );
  const isMinute = time !== undefined && second === undefined;
  return meant === undefined
    ? undefined
    : parseInstant(searchValue(laterInstant(meant, isLast && isMinute ? MINUTE_MS : 0)));
}

const MINUTE_MS = 60_000;

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

/** An instant at least, or with a negative number at most, so many milliseconds later; itself for none. */
export function laterInstant(instant: Instant, milliseconds: number): Instant {
  if (milliseconds === 0) return instant;
  const { seconds, fraction } = instant;
  const digits = fraction.padEnd(3, '0');
  const isCut = digits.length > 3 && milliseconds > 0;
  return instantFromMilliseconds(
    seconds * 1000 + Number(digits.slice(0, 3)) + (isCut ? 1 : 0) + milliseconds,
  );
}

/**
 * The instant as a search value: in UTC, with three digits of a fraction or more. In a search a value of less
 * precision is the whole span it may mean, a second or a millisecond, and not a moment:
 * https://hl7.org/fhir/R4/search.html#date
 */
export function searchValue({ seconds, fraction }: Instant): string {
  const wholeSeconds = new Date(seconds * 1000).toISOString().slice(0, -'.000Z'.length);
  return `${wholeSeconds}.${fraction.padEnd(3, '0')}Z`;
}
