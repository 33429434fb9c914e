import { compareInstants, type Instant } from '../../fhir/instant.js';
import type { SearchRow } from '../source/resourceRow.js';
import type { SearchPage } from '../source/searchPage.js';
import { parameterNames } from '../source/honored.js';
import { checkLoop, NO_LOOP } from '../source/linkLoop.js';
import { type CursorOf, type Key as KeyOf, keyAt, lowerBound, lowestOf, tieAt } from './cursor.js';
import { MAX_PAGE_SIZE, type Mode, MAX_ORDER_TRIES, type WalkRequest, type WalkState } from './state.js';
import { ignored, inexact, tooDense, unverifiable } from './walkErrors.js';
import { bound, instant, placeIn, SECONDS_MARGIN } from './window.js';

type Key = CursorOf<'key'>;

/** A link that expires in the pause after a crash does so seldom. */
const MAX_RESTARTS = 3;

/** Reads page by page, sorted, each from the last instant of the page before on. */
export const KEY: Mode<Key> = {
  request,
  acceptPage,

  acceptCount(state, { last, ...onward }, count) {
    if (last === undefined) throw new TypeError('a count was not asked for');
    if (count === undefined) state.cursor = { ...onward, isUncounted: true };
    else if (count <= last.rows) {
      if (last.isWhole === true && state.soFar !== undefined) state.soFar.counted = state.soFar.read;
      state.isDone = true;
    } else state.cursor = onward;
  },

  acceptRefusal(state, cursor) {
    if (state.isAtStart(cursor)) {
      state.toLinks(true);
      return true;
    }
    if (cursor.empty === null) return false;
    const restarts = (cursor.restarts ?? 0) + 1;
    state.cursor = { ...cursor, empty: null, restarts };
    return restarts <= MAX_RESTARTS;
  },
};

function request({ upperBound }: WalkState, cursor: Key): WalkRequest {
  const { last, witness, empty, pageSize } = cursor;
  if (last !== undefined) return { kind: 'count', parameters: last.parameters };
  if (witness !== undefined) return { kind: 'search', parameters: [['_id', witness]] };
  if (empty !== null) return { kind: 'link', url: empty.next };
  return {
    kind: 'search',
    parameters: [
      ['_sort', '_lastUpdated'],
      ...lowerBound(cursor),
      ...upperBound,
      ['_count', String(pageSize)],
    ],
  };
}

/** Whether the first page is sorted, in the window and no later than the latest row. */
export function sortsByKey({ searched }: WalkState, { unproven }: KeyOf, page: SearchPage): boolean {
  const named = page.self === undefined ? undefined : parameterNames(page.self);
  if (named !== undefined && !(named.has('_sort') && named.has('_lastUpdated'))) return false;
  let last: Instant | undefined;
  const repeats = repeatedRows();
  for (const { id, lastUpdated } of page.rows) {
    if (id === undefined || lastUpdated === undefined) return false;
    if (repeats(id, lastUpdated)) continue;
    const place = placeIn(searched, lastUpdated);
    if (place === 'after') continue;
    if (place === 'before' || (last !== undefined && compareInstants(lastUpdated, last) < 0)) return false;
    last = lastUpdated;
  }
  const latest = unproven?.latest;
  if (last === undefined || latest === undefined) return true;
  return latest !== null && compareInstants(last, instant(latest)) <= 0;
}

function acceptPage(state: WalkState, cursor: Key, page: SearchPage): readonly SearchRow[] {
  if (cursor.witness !== undefined) return acceptWitness(state, cursor, page);
  const found = readPage(state, cursor, page);
  const { first, last } = found;
  if (first !== undefined && last !== undefined && compareInstants(first, last) < 0) {
    state.isOrderProven = true;
  }
  // Only where all rows are of one instant it shows this late that the source does not sort.
  if (cursor.after && cursor.unproven !== null && first !== undefined) throw ignored(state.type, '_sort');
  const isReached = cursor.isReached === true || found.isReached || !hasToReach(state, cursor);
  if (!isReached && (page.rows.length > 0 || page.next === undefined)) {
    doubt(state, cursor);
    return [];
  }
  leadOn(state, { ...cursor, isReached }, page, found);
  return found.rows;
}

/** What a page by key holds. */
interface KeyPage {
  /** Those to export. */
  readonly rows: SearchRow[];
  first: Instant | undefined;
  last: Instant | undefined;
  idsAtLast: string[];
  /** Whether any was not seen before. */
  isNew: boolean;
  /** Whether any is of the instant from which on it was asked for, or of before. */
  isReached: boolean;
  /** Whether its last row is of after the window. */
  endsBeyond: boolean;
}

/** Reads the rows of a page by key, and checks that they are what was asked for. */
function readPage(state: WalkState, cursor: Key, page: SearchPage): KeyPage {
  const { type, span, seen } = state;
  const from = cursor.from === null ? undefined : instant(cursor.from);
  const lowest = lowestOf(cursor);
  const found: KeyPage = {
    rows: [],
    first: undefined,
    last: undefined,
    idsAtLast: [],
    isNew: false,
    isReached: false,
    endsBeyond: false,
  };
  /** When rows were updated, by their ids: one that a page repeats is no sign of the order. */
  const onPage = new Map<string, string>();
  for (const row of page.rows) {
    const { id, lastUpdated } = row;
    if (id === undefined || lastUpdated === undefined) throw unverifiable(type);
    const repeated = onPage.get(id);
    if (repeated === lastUpdated.text) continue;
    // Of the margin, or updated between the source's search and its answer: it comes with the next `_since`.
    if (compareInstants(lastUpdated, span.until) >= 0) {
      found.endsBeyond = true;
      continue;
    }
    // Behind the margin is nothing of the window, unless a row was updated just now.
    if (found.endsBeyond) throw ignored(type, '_sort', true);
    const order = from === undefined ? 1 : compareInstants(lastUpdated, from);
    if (order <= 0) found.isReached = true;
    if (order < 0 && lowest !== undefined && compareInstants(lastUpdated, lowest) >= 0) continue;
    if (order < 0 || (order === 0 && cursor.after)) throw ignored(type, '_lastUpdated');
    const step = found.last === undefined ? 1 : compareInstants(lastUpdated, found.last);
    if (step < 0) throw ignored(type, '_sort');
    if (step > 0) found.idsAtLast = [];
    found.first ??= lastUpdated;
    found.last = lastUpdated;
    found.idsAtLast.push(id);
    onPage.set(id, lastUpdated.text);
    if (seen.has(id) ? order === 0 : repeated !== undefined) continue;
    found.isNew = true;
    if (state.isExported(lastUpdated)) found.rows.push(row);
  }
  return found;
}

/** Says of each row of a page whether the page had the very same before; its place is then no sign of the order. */
function repeatedRows(): (id: string, lastUpdated: Instant) => boolean {
  const had = new Map<string, string>();
  return (id, lastUpdated) => {
    if (had.get(id) === lastUpdated.text) return true;
    had.set(id, lastUpdated.text);
    return false;
  };
}

/** Whether rows were seen at the cursor's instant, which come again unless all of them were updated meanwhile. */
function hasToReach({ seen }: WalkState, { after, from }: Key): boolean {
  return !after && from !== null && seen.size > 0;
}

/** A page did not reach back to rows that were seen: it is asked for again from further back. */
function doubt(state: WalkState, cursor: Key): void {
  const [witness] = state.seen;
  if (cursor.reach === undefined || witness === undefined) {
    const doubts = (cursor.doubts ?? 0) + 1;
    state.cursor = { ...cursor, reach: doubts > 1 ? 'always' : 'once', doubts, empty: null };
  } else state.cursor = { ...cursor, witness, empty: null };
}

/** A row that did not come again: it has to be gone from where it was. */
function acceptWitness(
  state: WalkState,
  { witness, ...onward }: Key,
  page: SearchPage,
): readonly SearchRow[] {
  const from = instant(onward.from ?? '');
  const isThere = page.rows.some(
    ({ id, lastUpdated }) =>
      id === witness && lastUpdated !== undefined && compareInstants(lastUpdated, from) === 0,
  );
  if (isThere) throw inexact(state.type);
  state.cursor = { ...onward, isReached: true };
  return [];
}

/** Decides from a page where the walk continues, or that it ends. */
function leadOn(state: WalkState, before: Key, page: SearchPage, found: KeyPage): void {
  const { first, last, isNew, endsBeyond } = found;
  const size = page.rows.length;
  const cursor: Key = { ...before, largest: Math.max(before.largest ?? 0, size) };
  const isShort = page.next === undefined && size < cursor.pageSize;
  if (isShort) state.lastPage = { parameters: [...lowerBound(cursor), ...state.upperBound], rows: size };
  const mayBeLast = isShort && page.total === undefined;
  // A source may give less than was asked for and no link, although it counts more.
  const isLast = isShort && page.total !== undefined && page.total <= size;
  if (isLast || (isShort && size === 0)) {
    state.isDone = true;
    return;
  }
  if (first === undefined || last === undefined) return passBy(state, cursor, page, endsBeyond);
  // All that is left of the window is on this page, before the rows beyond it.
  if (!isNew && endsBeyond) return endBeyond(state, cursor);
  if (!isNew && mayBeLast && size < (before.largest ?? 0)) {
    state.isDone = true;
    return;
  }
  if (!isNew && cursor.reach !== undefined) return passBy(state, cursor, page, endsBeyond);
  const isOneInstant = compareInstants(first, last) === 0;
  const isWhole = state.isAtStart(cursor);
  remember(state, cursor, last, found.idsAtLast);
  if (isOneInstant && !endsBeyond && cursor.reach === undefined && (!mayBeLast || !isNew)) {
    state.cursor = tieAt(last, cursor);
    return;
  }
  const { reach, doubts, isUncounted, largest = 0 } = cursor;
  state.cursor = {
    ...keyAt(last.text, cursor.pageSize, isOneInstant ? cursor.unproven : null),
    largest,
    ...(reach === 'always' ? { reach } : {}),
    ...(reach === undefined || doubts === undefined ? {} : { doubts }),
    ...(isUncounted === undefined ? {} : { isUncounted }),
    ...(mayBeLast && isUncounted !== true
      ? { last: { rows: size, parameters: [...lowerBound(cursor), ...state.upperBound], isWhole } }
      : {}),
  };
}

/** Remembers the rows at the instant from which the walk continues. */
function remember(state: WalkState, { from }: Key, last: Instant, idsAtLast: readonly string[]): void {
  const isSame = from !== null && compareInstants(last, instant(from)) === 0;
  state.seen = new Set([...(isSame ? state.seen : []), ...idsAtLast]);
}

/** No key of the page leads on: the link of a page without rows may, or a larger page. */
function passBy(state: WalkState, cursor: Key, page: SearchPage, endsBeyond: boolean): void {
  const { type } = state;
  if (endsBeyond) endBeyond(state, cursor);
  else if (page.rows.length === 0) {
    if (page.next === undefined) {
      // What is counted and never given is hidden from the app, as by a consent.
      state.isDone = true;
      return;
    }
    const loop = checkLoop(cursor.empty?.loop ?? NO_LOOP, page.next, type);
    state.cursor = { ...cursor, empty: { next: page.next, loop } };
  } else if (page.rows.length >= cursor.pageSize && cursor.pageSize < MAX_PAGE_SIZE) {
    state.cursor = { ...cursor, pageSize: Math.min(MAX_PAGE_SIZE, 2 * cursor.pageSize), empty: null };
  } else throw tooDense(type);
}

/**
 * A page has no row left of the window, but some of beyond it. A source that has shown that it sorts has no other
 * row then, short of one that was updated between its search and its answer; of any other it is counted.
 */
function endBeyond(state: WalkState, cursor: Key): void {
  const { margin = SECONDS_MARGIN } = state.window;
  const beyond = (cursor.beyond ?? 0) + 1;
  const onward: Key = { ...cursor, empty: null, beyond };
  // Rows that were all updated just now are gone when this is tried again.
  if (margin.after === 0) throw ignored(state.type, '_lastUpdated', true);
  if (beyond < MAX_ORDER_TRIES) state.cursor = onward;
  else if (cursor.unproven === null) state.isDone = true;
  else if (beyond > MAX_ORDER_TRIES || cursor.isUncounted === true) {
    throw ignored(state.type, '_lastUpdated', true);
  } else {
    const parameters = [...bound(cursor.after ? 'gt' : 'ge', cursor.from), ...bound('lt', state.span.until)];
    state.cursor = { ...onward, last: { rows: state.seen.size, parameters } };
  }
}
