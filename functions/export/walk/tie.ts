import { compareInstants } from '../../fhir/instant.js';
import type { SearchRow } from '../source/resourceRow.js';
import type { SearchPage } from '../source/searchPage.js';
import { linkLoop } from '../source/linkLoop.js';
import { type CursorOf, keyAt } from './cursor.js';
import { MAX_PAGE_SIZE, type Mode, MAX_TIED, type WalkRequest, type WalkState } from './state.js';
import { endsEarly, ignored, inexact, tooManyTied, unverifiable } from './walkErrors.js';
import { bound, boundsOf, instant } from './window.js';

type Tie = CursorOf<'tie'>;

/** A source that gives the rows of a tie in another order each time may need several passes. */
const MAX_SHORT_PASSES = 5;

/** Passes over the rows of one instant. */
export const TIE: Mode<Tie> = {
  request,
  acceptPage,
  acceptCount,

  /** A link that has expired, in the pause after a crash perhaps: a pass can begin anew. */
  acceptRefusal(state, cursor) {
    if (cursor.next === null || cursor.shortPasses >= MAX_SHORT_PASSES) return false;
    state.cursor = { ...cursor, phase: 'count before', next: null, shortPasses: cursor.shortPasses + 1 };
    return true;
  },
};

function request({ searched, upperBound }: WalkState, cursor: Tie): WalkRequest {
  const { at, next, pageSize, tiePage = pageSize } = cursor;
  const tied = [...bound('ge', at), ...bound('le', at)];
  switch (cursor.phase) {
    case 'count earlier':
      return { kind: 'count', parameters: boundsOf({ from: searched.from, until: instant(at) }) };
    case 'count before':
    case 'count after':
    case 'count again':
      return { kind: 'count', parameters: tied };
    case 'count from':
      return { kind: 'count', parameters: [...bound('ge', at), ...upperBound] };
    case 'count beyond':
      return { kind: 'count', parameters: [...bound('gt', at), ...upperBound] };
    case 'pages':
      if (next !== null) return { kind: 'link', url: next };
      return {
        kind: 'search',
        parameters: [['_sort', '_lastUpdated'], ...tied, ['_count', String(tiePage)]],
      };
  }
}

function acceptCount(state: WalkState, cursor: Tie, count: number | undefined): void {
  switch (cursor.phase) {
    case 'count earlier':
      if (count !== undefined && count > 0) throw ignored(state.type, '_sort');
      state.cursor = { ...cursor, phase: 'count before' };
      return;
    case 'count before':
      return beginPass(state, cursor, count);
    case 'count after':
      return endPass(state, cursor, count);
    case 'count from':
      state.cursor = {
        ...cursor,
        phase: 'count again',
        ...(count === undefined ? {} : { counted: count }),
      };
      return;
    case 'count again':
      // Later than what it is taken off: rows that were updated since are then not taken for rows behind the instant.
      state.cursor = { ...cursor, phase: 'count beyond', before: Math.min(cursor.before, count ?? 0) };
      return;
    case 'count beyond':
      return leave(state, cursor, count);
    case 'pages':
      throw new TypeError('a count was not asked for');
  }
}

function beginPass(state: WalkState, cursor: Tie, count: number | undefined): void {
  if (count !== undefined && count > MAX_TIED) throw tooManyTied(state.type, count, MAX_TIED);
  // Bounds that leave out what was seen at this instant are of no use for it, unless all of it was updated.
  if (count === 0) {
    const { pageSize, at, unproven } = cursor;
    state.cursor = { ...keyAt(at, pageSize, unproven), reach: 'once', doubts: 1 };
    return;
  }
  state.passedIds = new Set();
  const { total: _, ...onward } = cursor;
  state.cursor = {
    ...onward,
    phase: 'pages',
    next: null,
    before: count ?? 0,
    passed: 0,
    isOther: false,
    // One page takes all rows, where the source gives so many.
    tiePage: cursor.tiePage ?? Math.max(cursor.pageSize, Math.min(count ?? 0, MAX_PAGE_SIZE)),
  };
}

/**
 * A pass is complete that had as many different rows as were counted before and after it; where the source does not
 * count, one that had the very rows of the pass before.
 */
function endPass(state: WalkState, cursor: Tie, count: number | undefined): void {
  const { before, total, passedBefore, isOther, isLinked } = cursor;
  const { size } = state.passedIds;
  const isCounted = count !== undefined && count === before && size >= Math.min(count, total ?? count);
  // A source that gives fewer than were asked for, and no link, may have more, unless it gave larger pages before.
  const isWhole = isLinked === true || size < (cursor.largest ?? 0);
  const isRepeated = count === undefined && size === passedBefore && isOther !== true && isWhole;
  if (isCounted || isRepeated) {
    // An estimate of these says nothing of those behind them.
    state.cursor = { ...cursor, phase: 'count from', before: size, isExact: count === size };
    return;
  }
  const isShort = count === undefined || count === before;
  const shortPasses = cursor.shortPasses + (isShort ? 1 : 0);
  if (shortPasses > MAX_SHORT_PASSES) throw endsEarly(state.type);
  beginPass(state, { ...cursor, passedBefore: size, shortPasses: Math.max(1, shortPasses) }, count);
}

/**
 * Continues behind the instant, if as many rows are counted behind it as from it on without its own. Where the source
 * does not count, nothing shows that `gt` leaves out no row: a page that reaches back to the instant has to hold all of it.
 */
function leave(state: WalkState, cursor: Tie, count: number | undefined): void {
  const { pageSize, at, unproven, counted, shortPasses } = cursor;
  if (count === undefined || counted === undefined) {
    state.passedIds = new Set();
    state.cursor = { ...keyAt(at, pageSize, unproven), reach: 'once', doubts: 1 };
    return;
  }
  const isExact = cursor.isExact === false || count >= counted - cursor.before;
  if (!isExact) {
    if (shortPasses > MAX_SHORT_PASSES) throw inexact(state.type);
    // Rows that were updated between the counts have left the window.
    state.cursor = { ...cursor, phase: 'count from', shortPasses: shortPasses + 1 };
    return;
  }
  state.seen = new Set();
  state.passedIds = new Set();
  state.cursor = { ...keyAt(at, pageSize, unproven), after: true };
}

function acceptPage(state: WalkState, cursor: Tie, page: SearchPage): readonly SearchRow[] {
  const { type, span, seen } = state;
  const at = instant(cursor.at);
  const rows: SearchRow[] = [];
  let isNew = false;
  for (const row of page.rows) {
    const { id, lastUpdated } = row;
    if (id === undefined || lastUpdated === undefined) throw unverifiable(type);
    if (compareInstants(lastUpdated, span.until) >= 0) continue;
    if (compareInstants(lastUpdated, at) !== 0) throw ignored(type, '_lastUpdated');
    state.passedIds.add(id);
    if (seen.has(id)) continue;
    seen.add(id);
    isNew = true;
    if (state.isExported(at)) rows.push(row);
  }
  if (page.next !== undefined && page.next === cursor.next) throw linkLoop(type);
  const passed = cursor.passed + page.rows.length;
  state.cursor = {
    ...cursor,
    isOther: cursor.isOther === true || (cursor.passedBefore !== undefined && isNew),
    isLinked: cursor.next !== null || page.next !== undefined,
    ...(page.total === undefined || page.next !== undefined ? {} : { total: page.total }),
    phase: page.next === undefined ? 'count after' : 'pages',
    next: page.next ?? null,
    passed,
  };
  // A pass has no more rows than were counted, short of repeats: links that loop would never end it.
  const most = cursor.before === 0 ? MAX_TIED : cursor.before;
  if (passed > 2 * most + cursor.pageSize) throw linkLoop(type);
  return rows;
}
