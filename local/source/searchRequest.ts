import type { SourceBehaviour } from './behaviours.js';
import { parseTimeRange, type TimeRange } from './instant.js';
import { OutcomeError } from './outcome.js';
import type { Query, SortTerm, ValueFilter } from './query.js';
import type { SearchParameter } from './searchParameters.js';

export const PROVENANCE_OF_MATCHES = 'Provenance:target';

/** What the source lets a search do. */
export interface SearchRules {
  /** The type's own parameters. */
  parameters: ReadonlyMap<string, SearchParameter>;
  unsupported: readonly string[];
  behaviours: readonly SourceBehaviour[];
  maxCount: number;
  defaultCount: number;
  /** `Prefer: handling=strict`: an unknown parameter is an error. */
  strict: boolean;
}

/** A search as the source understood it. */
export interface SearchRequest {
  query: Query;
  /** Resources in a page. */
  count: number;
  /** What `_count` asked for, before the source's limit; `undefined` without one. */
  askedCount: number | undefined;
  countOnly: boolean;
  withTotal: boolean;
  /** `_revinclude=Provenance:target`, the one that is known. */
  withProvenance: boolean;
  cursor: string | undefined;
  offset: string | undefined;
  /** The parameters that were honoured, in their order; what a self link lists. */
  honoured: [string, string][];
}

/** Reads the parameters of a search (R4, 3.1.1). @throws OutcomeError with 400 for what is wrong in them. */
export function parseSearch(parameters: Iterable<[string, string]>, rules: SearchRules): SearchRequest {
  const time: TimeRange = { from: -Infinity, to: Infinity };
  const ids: string[][] = [];
  const filters: ValueFilter[] = [];
  const sort: SortTerm[] = [];
  const request: SearchRequest = {
    query: { time, ids, filters, sort },
    count: Math.min(rules.defaultCount, rules.maxCount),
    askedCount: undefined,
    countOnly: false,
    withTotal: !rules.behaviours.includes('no-totals'),
    withProvenance: false,
    cursor: undefined,
    offset: undefined,
    honoured: [],
  };

  const isListed = (name: string): boolean =>
    !rules.behaviours.includes('references-not-listed') || rules.parameters.get(name)?.type !== 'reference';
  const read = (name: string, value: string): string | undefined => {
    if (rules.unsupported.includes(name)) return undefined;
    switch (name) {
      case '_count':
        request.askedCount = readCount(value);
        request.count = Math.min(request.askedCount, rules.maxCount);
        if (request.count === 0) request.countOnly = true;
        return String(request.count);
      case '_lastUpdated':
        narrow(time, value, rules.behaviours);
        return value;
      case '_id':
        ids.push(rules.behaviours.includes('ids-not-listed') ? [value] : value.split(','));
        return value;
      case '_sort':
        return readSort(value, sort, rules);
      case '_summary':
        if (value !== 'count') return undefined;
        if (rules.behaviours.includes('counts-refused')) {
          throw new OutcomeError(400, 'not-supported', '_summary=count is not supported');
        }
        request.countOnly = true;
        request.withTotal = true;
        return value;
      case '_total':
        if (!['none', 'estimate', 'accurate'].includes(value)) return undefined;
        request.withTotal = value !== 'none';
        return value;
      case '_revinclude':
        if (value !== PROVENANCE_OF_MATCHES) return undefined;
        request.withProvenance = true;
        return value;
      case '_format':
        return readFormat(value);
      case '_cursor':
        request.cursor = value;
        return '';
      case '_offset':
        request.offset = value;
        return '';
      default:
        if (!rules.parameters.has(name)) return undefined;
        filters.push({ parameter: name, values: isListed(name) ? value.split(',') : [value] });
        return value;
    }
  };

  for (const [name, value] of parameters) {
    if (value === '') continue;
    const honoured = read(name, value);
    if (honoured === undefined) {
      if (rules.strict)
        throw new OutcomeError(400, 'not-supported', `Unknown search parameter ${name}=${value}`);
    } else if (honoured !== '') {
      request.honoured.push([name, honoured]);
    }
  }
  return request;
}

function readCount(value: string): number {
  if (!/^\d{1,9}$/.test(value))
    throw new OutcomeError(400, 'invalid', `_count=${value} is not a whole number`);
  return Number(value);
}

/** Narrows a span to what a prefixed date allows (R4, 3.1.1.4.5), by the span that the date covers. */
function narrow(time: TimeRange, value: string, behaviours: readonly SourceBehaviour[]): void {
  const [, prefix, date] = /^(eq|ge|gt|le|lt|sa|eb)?(\d.*)$/.exec(value) ?? [];
  const range = date === undefined ? undefined : parseTimeRange(date);
  if (!range)
    throw new OutcomeError(400, 'invalid', `_lastUpdated=${value} is not a date with a known prefix`);
  switch (prefix) {
    case 'ge': {
      const skips = behaviours.includes('ge-skips-second');
      time.from = Math.max(time.from, skips ? nextSecond(range.from) : range.from);
      break;
    }
    case 'gt':
    case 'sa':
      time.from = Math.max(time.from, range.to + (behaviours.includes('lt-skips-second') ? SECOND : 0));
      break;
    case 'le':
      time.to = Math.min(time.to, range.to);
      break;
    case 'lt':
    case 'eb':
      time.to = Math.min(time.to, range.from - skippedBefore(behaviours));
      break;
    default:
      time.from = Math.max(time.from, range.from);
      time.to = Math.min(time.to, range.to);
  }
}

const MILLISECOND = 1000;
const SECOND = 1_000_000;

function nextSecond(microseconds: number): number {
  return (Math.floor(microseconds / SECOND) + 1) * SECOND;
}

/** Microseconds that are missing before an upper bound. */
function skippedBefore(behaviours: readonly SourceBehaviour[]): number {
  if (behaviours.includes('lt-skips-second')) return SECOND;
  return behaviours.includes('lt-skips-millisecond') ? MILLISECOND : 0;
}

function readSort(value: string, sort: SortTerm[], rules: SearchRules): string | undefined {
  const known: string[] = [];
  for (const term of value.split(',')) {
    const descending = term.startsWith('-');
    const key = descending ? term.slice(1) : term;
    if (key === '_lastUpdated' || key === '_id') {
      sort.push({ key, descending });
      known.push(term);
    } else if (rules.strict) {
      throw new OutcomeError(400, 'not-supported', `Sorting by ${key} is not supported`);
    }
  }
  return known.length > 0 ? known.join(',') : undefined;
}

function readFormat(value: string): string {
  if (!/^(json|text\/json|application\/(fhir\+)?json)$/.test(value.split(';')[0]!.trim().replace(' ', '+'))) {
    throw new OutcomeError(406, 'not-supported', `_format=${value} is not JSON`);
  }
  return value;
}
