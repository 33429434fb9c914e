import type { SourceBehaviour } from './behaviours.js';
import type { Collection } from './collection.js';
import type { SourceContext } from './context.js';
import { decodeCursor, encodeCursor } from './cursor.js';
import { faultOf, type Fault } from './faults.js';
import { OutcomeError, operationOutcome } from './outcome.js';
import { pageBundle, resourceText } from './page.js';
import { queryKey } from './query.js';
import { parseSearch, type SearchRequest } from './searchRequest.js';

/** What clients of the gateway see. */
const GATEWAY_BASE = 'https://gateway.example.org/public/r4';
const OVERESTIMATE = 1.1;

/** Answers one search, as a searchset Bundle's bytes. @throws OutcomeError */
export function searchPage(
  context: SourceContext,
  collection: Collection,
  parameters: URLSearchParams,
  base: string,
  strict: boolean,
  faults: readonly Fault[],
): Buffer {
  const { maxCount, defaultCount, unsupported, paging, behaviours } = context.settings;
  refuseWithoutPatient(collection, parameters, behaviours);
  if (collection.type === 'Organization' && behaviours.includes('type-refused')) {
    throw new OutcomeError(400, 'not-supported', 'Organization cannot be searched');
  }
  if (collection.type === 'Provenance' && behaviours.includes('provenance-refused')) {
    throw new OutcomeError(403, 'forbidden', 'Provenance may not be searched');
  }
  const request = parseSearch(parameters, {
    parameters: collection.parameters,
    unsupported,
    behaviours,
    maxCount,
    defaultCount,
    strict,
  });
  const limit = faultOf(faults, 'countLimit');
  if (limit && (request.askedCount ?? 0) > limit.max) {
    throw new OutcomeError(limit.status, 'too-costly', `_count may be at most ${limit.max}`);
  }
  const tooLong = faultOf(faults, 'longValue');
  if (tooLong && [...parameters.values()].some((value) => value.length > tooLong.most)) {
    throw new OutcomeError(
      tooLong.status,
      'too-costly',
      `A value may have at most ${tooLong.most} characters`,
    );
  }
  const ignored = faultOf(faults, 'ignored')?.parameters ?? [];
  const filters = request.query.filters.filter(({ parameter }) => !ignored.includes(parameter));
  const selected = collection.select({ ...request.query, filters });
  const found = behaviours.includes('versions-repeat') ? withVersions(selected, request) : selected;
  const linkBase = behaviours.includes('gateway-links')
    ? GATEWAY_BASE
    : behaviours.includes('relative-links')
      ? '.'
      : base;
  const self = link(linkBase, collection.type, request.honoured);
  if (request.countOnly) {
    const page = {
      rows: new Uint32Array(),
      extraEntries: [],
      total: totalOf(context, found.length, 0, false),
      self,
      next: undefined,
    };
    return pageBundle(collection, base, page);
  }
  const start = pageStart(context, collection, request, found);
  const end = Math.min(found.length, start + pageSize(request.count, faults));
  const nextPosition: [string, string] | undefined =
    end >= found.length || behaviours.includes('no-next-links')
      ? undefined
      : paging === 'offset'
        ? ['_offset', String(end)]
        : ['_cursor', nextCursor(context, request, found, end)];
  const next = nextPosition && link(linkBase, collection.type, [...request.honoured, nextPosition]);
  const isLooping = next !== undefined && faultOf(faults, 'loopingNext') !== undefined;
  const rows = found.subarray(start, end);
  if (
    behaviours.includes('ties-fail') &&
    end < found.length &&
    request.count >= 20 &&
    collection.isTied(rows)
  ) {
    throw new OutcomeError(500, 'exception', 'More resources than a page share an instant');
  }
  const duplicates = faultOf(faults, 'duplicates')?.entries ?? 0;
  return pageBundle(collection, base, {
    rows: duplicates === 0 ? rows : Uint32Array.from([...rows, ...rows.subarray(0, duplicates)]),
    extraEntries: [
      ...extraEntries(context, base, faults),
      ...(request.withProvenance ? provenanceEntries(context, collection, base, rows) : []),
    ],
    total: request.withTotal ? totalOf(context, found.length, rows.length, end >= found.length) : undefined,
    self,
    next: isLooping ? loop(base, collection.type, request) : next && foreign(next, faults),
  });
}

/** Every how manieth resource has another version that a search by time finds. */
const VERSIONS_EVERY = 5;

function withVersions(found: Uint32Array, { query: { time } }: SearchRequest): Uint32Array {
  if (time.from === -Infinity && time.to === Infinity) return found;
  return Uint32Array.from([...found, ...found.filter((_, index) => index % VERSIONS_EVERY === 0)]);
}

const REFUSED_BESIDE_PATIENT = ['_sort', '_lastUpdated', '_summary', '_total', '_revinclude'];

/** @throws OutcomeError for what the search of an electronic health record is not for */
function refuseWithoutPatient(
  { parameters: known }: Collection,
  parameters: URLSearchParams,
  behaviours: readonly SourceBehaviour[],
): void {
  const isForbidden = behaviours.includes('patient-required-403');
  if (!isForbidden && !behaviours.includes('patient-required')) return;
  const namesPatient = [...parameters].some(
    ([name, value]) =>
      !value.includes(',') &&
      (name === '_id' ||
        name === 'patient' ||
        (known.get(name)?.type === 'reference' && value.startsWith('Patient/'))),
  );
  if (namesPatient && !REFUSED_BESIDE_PATIENT.some((name) => parameters.has(name))) return;
  throw new OutcomeError(isForbidden ? 403 : 400, 'not-supported', 'A search has to be for one patient');
}

/** An estimate is too high until the last page, which knows. */
function totalOf({ settings }: SourceContext, found: number, onPage: number, isLastPage: boolean): number {
  if (settings.behaviours.includes('page-totals')) return onPage;
  const isEstimate = settings.behaviours.includes('estimated-totals') && !isLastPage;
  return isEstimate ? Math.ceil(found * OVERESTIMATE) : found;
}

function pageSize(count: number, faults: readonly Fault[]): number {
  if (faultOf(faults, 'emptyPage')) return 0;
  const short = faultOf(faults, 'shortPage');
  return short ? Math.max(1, Math.floor(count * short.fraction)) : count;
}

function pageStart(
  context: SourceContext,
  collection: Collection,
  request: SearchRequest,
  found: Uint32Array,
): number {
  if (request.offset !== undefined && context.settings.paging === 'offset') {
    if (!/^\d{1,15}$/.test(request.offset)) throw new OutcomeError(400, 'invalid', '_offset is not a number');
    return Math.min(found.length, Number(request.offset));
  }
  if (request.cursor === undefined || context.settings.paging === 'offset') return 0;
  const { row, issued } = decodeCursor(request.cursor, queryKey(request.query));
  const age = context.now() - issued;
  const isTooOld = age > (context.settings.cursorLifetimeMs ?? Infinity);
  if (isTooOld || issued < context.state.cursorsValidFrom || row > collection.lastRow) {
    throw new OutcomeError(410, 'expired', 'This next link has expired; search again');
  }
  return row < 0 ? 0 : collection.positionAfter(found, row, request.query);
}

/** Behind the last row of the page; of an empty first page, before the first row. */
function nextCursor(context: SourceContext, request: SearchRequest, found: Uint32Array, end: number): string {
  const row = end === 0 ? -1 : found[end - 1]!;
  return encodeCursor({ row, issued: context.now() }, queryKey(request.query));
}

function extraEntries(context: SourceContext, base: string, faults: readonly Fault[]): string[] {
  const entries: string[] = [];
  if (faultOf(faults, 'outcomeEntry')) {
    const outcome = operationOutcome('not-supported', 'Something about this search', 'warning');
    entries.push(`{"resource":${outcome},"search":{"mode":"outcome"}}`);
  }
  const include = faultOf(faults, 'includeEntry');
  const collection = include && context.collections.get(include.includedType);
  const row = collection?.select({
    time: { from: -Infinity, to: Infinity },
    ids: [],
    filters: [],
    sort: [],
  })[0];
  if (collection && row !== undefined) {
    entries.push(includeEntry(collection, base, row));
  }
  return entries;
}

/** The Provenance resources of a page's resources, each once. */
function provenanceEntries(
  context: SourceContext,
  collection: Collection,
  base: string,
  rows: Uint32Array,
): string[] {
  const provenances = context.collections.get('Provenance');
  if (provenances === undefined || rows.length === 0) return [];
  const targets = [...rows].map((row) => `${collection.type}/${collection.id(row)}`);
  return [...provenances.rowsOf('target', targets)].map((row) => includeEntry(provenances, base, row));
}

function includeEntry(collection: Collection, base: string, row: number): string {
  const text = resourceText(collection, row).toString('utf8');
  return `{"fullUrl":"${base}/${collection.type}/${collection.id(row)}","resource":${text},"search":{"mode":"include"}}`;
}

function foreign(url: string, faults: readonly Fault[]): string {
  const fault = faultOf(faults, 'foreignNext');
  if (!fault) return url;
  const { pathname, search } = new URL(url);
  return fault.origin + pathname + search;
}

/** The link that led to this page. */
function loop(base: string, type: string, { honoured, cursor, offset }: SearchRequest): string {
  const position: [string, string][] = [
    ...(cursor === undefined ? [] : [['_cursor', cursor] satisfies [string, string]]),
    ...(offset === undefined ? [] : [['_offset', offset] satisfies [string, string]]),
  ];
  return link(base, type, [...honoured, ...position]);
}

function link(base: string, type: string, parameters: [string, string][]): string {
  const query = new URLSearchParams(parameters).toString();
  return `${base}/${type}${query === '' ? '' : `?${query}`}`;
}
