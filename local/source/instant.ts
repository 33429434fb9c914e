/** A span of time, from inclusive to exclusive, in microseconds since the epoch. */
export interface TimeRange {
  from: number;
  to: number;
}

const FORM = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?$/;

const MICROSECONDS_PER_MILLISECOND = 1000;

/**
 * The span that a FHIR date, dateTime or instant covers (R4 search, 3.1.1.4.7: `2024` is a year
 * long, `…:07.12Z` a hundredth of a second). Without a zone it is UTC. Digits beyond the microsecond are
 * cut. `undefined` when it is none.
 */
export function parseTimeRange(text: string): TimeRange | undefined {
  const match = FORM.exec(text);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second, fraction, zone] = match;
  const start = Date.UTC(
    Number(year),
    Number(month ?? 1) - 1,
    Number(day ?? 1),
    Number(hour ?? 0),
    Number(minute ?? 0),
    Number(second ?? 0),
  );
  if (!isCalendarDate(start, month, day, hour, minute, second)) return undefined;
  const micros = Number((fraction ?? '').slice(0, 6).padEnd(6, '0'));
  const from = (start - zoneOffsetMs(zone)) * MICROSECONDS_PER_MILLISECOND + micros;
  return { from, to: from + length(start, month, day, hour, second, fraction) };
}

function isCalendarDate(start: number, month?: string, day?: string, ...clock: (string | undefined)[]) {
  const date = new Date(start);
  return (
    date.getUTCMonth() + 1 === Number(month ?? 1) &&
    date.getUTCDate() === Number(day ?? 1) &&
    date.getUTCHours() === Number(clock[0] ?? 0) &&
    date.getUTCMinutes() === Number(clock[1] ?? 0) &&
    date.getUTCSeconds() === Number(clock[2] ?? 0)
  );
}

function zoneOffsetMs(zone: string | undefined): number {
  if (zone === undefined || zone === 'Z') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6));
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
}

function length(
  start: number,
  month?: string,
  day?: string,
  hour?: string,
  second?: string,
  fraction?: string,
) {
  if (fraction !== undefined) return 10 ** Math.max(0, 6 - fraction.length);
  if (second !== undefined) return 1_000_000;
  if (hour !== undefined) return 60_000_000;
  const date = new Date(start);
  if (day !== undefined) return 86_400_000_000;
  if (month !== undefined) date.setUTCMonth(date.getUTCMonth() + 1);
  else date.setUTCFullYear(date.getUTCFullYear() + 1);
  return (date.getTime() - start) * MICROSECONDS_PER_MILLISECOND;
}
