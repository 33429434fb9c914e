/** How precise a `date`, `dateTime` or `instant` is; `time` is one with a time of day and without an offset from UTC. */
export type DatePrecision = 'year' | 'month' | 'day' | 'time' | 'timeWithOffset';

const YEAR_MONTH_DAY = /^[0-9]{4}(?:-[0-9]{2}){0,2}$/;
const WITH_TIME =
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?$/;

/**
 * The precision of a date by its form alone: whether the calendar has the day is not looked at.
 * https://hl7.org/fhir/R4/datatypes.html#dateTime
 * @returns `undefined` for a text of another form
 */
export function datePrecisionOf(text: string): DatePrecision | undefined {
  if (text.length > LENGTHS.day) {
    const match = WITH_TIME.exec(text);
    if (match === null) return undefined;
    return match[1] === undefined ? 'time' : 'timeWithOffset';
  }
  if (!YEAR_MONTH_DAY.test(text)) return undefined;
  if (text.length === LENGTHS.day) return 'day';
  return text.length === LENGTHS.month ? 'month' : 'year';
}

const LENGTHS = { month: 'yyyy-mm'.length, day: 'yyyy-mm-dd'.length };
