export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type Resource = { [name: string]: Json };

/** What resources of one type contain. */
export interface Counts {
  resources: number;
  /** Resources that have a root element, by its name in JSON. */
  elements: Record<string, number>;
  /** Dates anywhere in them, by precision. */
  dates: Record<'year' | 'month' | 'day' | 'time' | 'timeWithOffset', number>;
  /** References anywhere in them, by target type. */
  references: Record<string, number>;
}

const DATE = /^\d{4}(-\d\d(-\d\d(T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?$/;
/** Elements of other types whose text can look like a year; what CSV has of numbers is text. */
const NO_DATES = new Set(['code', 'value', 'upperLimit', 'version', 'versionId', 'postalCode', 'reference']);

/** Counts by form alone, without any definition of FHIR, so that it shares nothing with what it is compared to. */
export function countsOf(resources: readonly Resource[]): Counts {
  const counts: Counts = {
    resources: resources.length,
    elements: {},
    dates: { year: 0, month: 0, day: 0, time: 0, timeWithOffset: 0 },
    references: {},
  };
  for (const resource of resources) {
    for (const name of Object.keys(resource)) {
      if (name !== 'resourceType') counts.elements[name] = (counts.elements[name] ?? 0) + 1;
    }
    countValues(resource, counts);
  }
  return counts;
}

function countValues(value: Json, counts: Counts): void {
  if (Array.isArray(value)) {
    for (const item of value) countValues(item, counts);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      if (typeof member !== 'string') countValues(member, counts);
      else if (name === 'reference') countReference(member, counts);
      else if (!NO_DATES.has(name)) countDate(member, counts);
    }
  } else if (typeof value === 'string') {
    countDate(value, counts);
  }
}

function countDate(text: string, { dates }: Counts): void {
  const match = DATE.exec(text);
  if (match === null) return;
  const [, month, day, time, offset] = match;
  if (month === undefined) dates.year++;
  else if (day === undefined) dates.month++;
  else if (time === undefined) dates.day++;
  else if (offset === undefined) dates.time++;
  else dates.timeWithOffset++;
}

function countReference(reference: string, { references }: Counts): void {
  const [, named] = /(?:^|\/)([A-Z][A-Za-z]+)\/[^/]+(?:\/_history\/[^/]+)?$/.exec(reference) ?? [];
  const target = reference.startsWith('#')
    ? 'contained'
    : reference.startsWith('urn:')
      ? 'urn'
      : (named ?? 'other');
  references[target] = (references[target] ?? 0) + 1;
}

/**
 * A value without members that are null, which a table has in place of absent ones; `undefined` where none is left.
 * @param empty what a field without value is in CSV, where lists have such fields, too
 */
export function withoutNulls(value: Json, empty?: ''): Json | undefined {
  if (value === null || value === empty) return undefined;
  if (Array.isArray(value)) {
    const items = value.map((item) => withoutNulls(item, empty) ?? null);
    if (empty === undefined) return items;
    const filled = items.filter((item) => item !== null);
    return filled.length === 0 ? undefined : filled;
  }
  if (typeof value !== 'object') return value;
  const members = Object.entries(value).flatMap(([name, member]): Array<[string, Json]> => {
    const kept = withoutNulls(member, empty);
    return kept === undefined ? [] : [[name, kept]];
  });
  return members.length === 0 ? undefined : Object.fromEntries(members);
}
