import { missingInSelf } from '../source/heeded.js';
import { compareInstants, type Instant, laterInstant } from '../../fhir/instant.js';
import type { SearchPage, SearchRow } from '../source/searchPage.js';
import type { SearchParameters } from '../source/source.js';
import { bound, type Cursor, fromStart, instant, type Key, keyAt, lowestOf, tieAt } from './cursor.js';
import { checkLoop, NO_LOOP } from './linkLoop.js';
import {
  endsEarly,
  ignored,
  ignoredSearch,
  inexact,
  linkLoop,
  mayEnd,
  tooDense,
  tooManyTied,
  unverifiable,
} from './refusals.js';
import { SECONDS_MARGIN, type Window } from './window.js';

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

/** What to ask the source next. A `count` is the number of rows that a search would give. */
export type WalkRequest =
  { kind: 'search' | 'count'; parameters: SearchParameters } | { kind: 'link'; url: string };

/** A latest row that was updated just now is asked for again so often. */
const MOST_ORDER_TRIES = 3;

/** Rows of one instant that are taken at most: their ids are remembered, some 100 MB. */
const MOST_TIED = 500_000;

/** A page is made so large at most where smaller ones do not lead on. */
const LARGEST_PAGE = 10_000;

/** A source that gives the rows of a tie in another order each time may need several passes. */
const MOST_SHORT_PASSES = 5;

/** A link that expires in the pause after a crash does so seldom. */
const MOST_RESTARTS = 3;

/**
 * Walks the resources of one type so that an update on the source meanwhile neither loses nor doubles any
 * other. Pure: it says what to ask (`request`) and takes the answers (`accept…`).
 */
export class Walk {
  readonly #window: Window;
  readonly #search: SearchParameters;
  readonly #from: Instant | undefined;
  readonly #until: Instant;
  /** The bounds of its searches, outside of those of the window. */
  readonly #lower: Instant | undefined;
  readonly #upper: Instant;
  #cursor: Cursor;
  #seen: Set<string>;
  #passedIds: Set<string>;
  #isDone = false;
  #isOrderProven = false;

  /**
   * Starts at the window's begin, or goes on from a checkpoint. With `isOrderProven`, a walk of the same type by the
   * same search parameters has shown that the source sorts, and the latest row is not asked for again.
   * @param search parameters of every search besides those of the window
   */
  constructor(
    window: Window,
    start: { pageSize: number; isOrderProven?: boolean } | Cursor,
    search: SearchParameters = [],
  ) {
    this.#window = window;
    this.#search = search;
    this.#from = window.from === undefined ? undefined : instant(window.from);
    this.#until = instant(window.until);
    const { before, after } = window.margin ?? SECONDS_MARGIN;
    this.#lower = this.#from === undefined ? undefined : laterInstant(this.#from, -before);
    this.#upper = laterInstant(this.#until, after);
    if ('mode' in start) this.#cursor = start;
    else if (start.isOrderProven === true) this.#cursor = this.#fromKey(start.pageSize, null);
    else this.#cursor = fromStart(start.pageSize);
    this.#seen = new Set(this.#cursor.seen);
    this.#passedIds = new Set(this.#cursor.mode === 'tie' ? this.#cursor.passedIds : []);
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** Whether a page of several moments has shown that the source sorts as it is asked to. */
  get isOrderProven(): boolean {
    return this.#isOrderProven;
  }

  /** Whether its searches ask for more than the window. */
  get hasParameters(): boolean {
    return this.#search.length > 0;
  }

  /** Where to go on from, for a later `new Walk(window, checkpoint)`. */
  checkpoint(): Cursor {
    const cursor = { ...this.#cursor, seen: [...this.#seen] };
    return cursor.mode === 'tie' ? { ...cursor, passedIds: [...this.#passedIds] } : cursor;
  }

  /** What to ask the source next. */
  request(): WalkRequest {
    const request = this.#windowRequest();
    if (request.kind === 'link') return request;
    return { ...request, parameters: [...this.#search, ...request.parameters] };
  }

  #windowRequest(): WalkRequest {
    const cursor = this.#cursor;
    const count = ['_count', String(cursor.pageSize)] as const;
    switch (cursor.mode) {
      case 'order':
        return {
          kind: 'search',
          parameters: [['_sort', '-_lastUpdated'], ...this.#windowBounds(), ['_count', '1']],
        };
      case 'key':
        if (cursor.last !== undefined) return { kind: 'count', parameters: cursor.last.parameters };
        if (cursor.witness !== undefined) return { kind: 'search', parameters: [['_id', cursor.witness]] };
        if (cursor.empty !== null) return { kind: 'link', url: cursor.empty.next };
        return {
          kind: 'search',
          parameters: [
            ['_sort', '_lastUpdated'],
            ...bound(cursor.after ? 'gt' : 'ge', lowestOf(cursor)?.text ?? null),
            ...this.#upperBound(),
            count,
          ],
        };
      case 'tie': {
        const tie = [...bound('ge', cursor.at), ...bound('le', cursor.at)];
        switch (cursor.phase) {
          case 'count earlier':
            return {
              kind: 'count',
              parameters: [...bound('ge', this.#lower?.text ?? null), ...bound('lt', cursor.at)],
            };
          case 'count before':
          case 'count after':
            return { kind: 'count', parameters: tie };
          case 'count from':
            return { kind: 'count', parameters: [...bound('ge', cursor.at), ...this.#upperBound()] };
          case 'count beyond':
            return { kind: 'count', parameters: [...bound('gt', cursor.at), ...this.#upperBound()] };
          case 'pages':
            if (cursor.next !== null) return { kind: 'link', url: cursor.next };
            return {
              kind: 'search',
              parameters: [
                ['_sort', '_lastUpdated'],
                ...tie,
                ['_count', String(cursor.tiePage ?? cursor.pageSize)],
              ],
            };
        }
      }
      case 'links':
        if (cursor.next !== null) return { kind: 'link', url: cursor.next };
        return {
          kind: 'search',
          parameters: cursor.bounded ? [...this.#windowBounds(), count] : [count],
        };
    }
  }

  /**
   * Takes the page that the source gave for `request()` and returns the rows to export.
   * @throws ExportError where the answer shows that a bound or the order was ignored, that links loop, or
   *   that something is missing without which nobody could tell what was exported
   */
  acceptPage(page: SearchPage): readonly SearchRow[] {
    this.#checkSearch(page);
    if (this.#cursor.mode === 'key' && this.#isAtStart() && !this.#sortsByKey(page)) {
      this.#toLinks(this.#namesLastUpdated(page));
    }
    const cursor = this.#cursor;
    switch (cursor.mode) {
      case 'order':
        this.#acceptLatest(cursor, page);
        return [];
      case 'key':
        return cursor.witness === undefined
          ? this.#acceptKeyPage(cursor, page)
          : this.#acceptWitness(cursor, page);
      case 'tie':
        return this.#acceptTiePage(cursor, page);
      case 'links':
        return this.#acceptLinksPage(cursor, page);
    }
  }

  /**
   * Takes the number that the source gave for a `count` request; `undefined` where it gave none.
   * @throws ExportError where nothing shows whether all rows of a tie were seen
   */
  acceptCount(count: number | undefined): void {
    const cursor = this.#cursor;
    if (cursor.mode === 'key' && cursor.last !== undefined) {
      const { last, ...onward } = cursor;
      if (count === undefined) this.#cursor = { ...onward, isUncounted: true };
      else if (count <= last.rows) this.#isDone = true;
      else this.#cursor = onward;
      return;
    }
    if (cursor.mode !== 'tie' || cursor.phase === 'pages') throw new TypeError('a count was not asked for');
    switch (cursor.phase) {
      case 'count earlier':
        if (count !== undefined && count > 0) throw ignored(this.#window.type, '_sort');
        this.#cursor = { ...cursor, phase: 'count before' };
        return;
      case 'count before':
        return this.#beginTie(cursor, count);
      case 'count after':
        return this.#endPass(cursor, count);
      case 'count from':
        this.#cursor = {
          ...cursor,
          phase: 'count beyond',
          ...(count === undefined ? {} : { counted: count }),
        };
        return;
      case 'count beyond':
        return this.#leaveTie(cursor, count);
    }
  }

  #beginTie(cursor: Cursor & { mode: 'tie' }, count: number | undefined): void {
    const { type } = this.#window;
    if (count !== undefined && count > MOST_TIED) throw tooManyTied(type, count, MOST_TIED);
    // Bounds that leave out what was seen at this instant are of no use for it, unless all of it was updated.
    if (count === 0) {
      const { pageSize, at, unproven } = cursor;
      this.#cursor = { ...keyAt(at, pageSize, unproven), reach: 'once', doubts: 1 };
      return;
    }
    this.#passedIds = new Set();
    const { total: _, ...onward } = cursor;
    // One page takes all rows, where the source gives so many.
    const tiePage = Math.max(cursor.pageSize, Math.min(count ?? 0, LARGEST_PAGE));
    this.#cursor = {
      ...onward,
      phase: 'pages',
      next: null,
      before: count ?? 0,
      passed: 0,
      isOther: false,
      tiePage: cursor.tiePage ?? tiePage,
    };
  }

  /**
   * A pass is complete that had as many different rows as were counted before and after it; where the source does not
   * count, one that had the very rows of the pass before.
   */
  #endPass(cursor: Cursor & { mode: 'tie' }, count: number | undefined): void {
    const { before, total, passedBefore, isOther, isLinked } = cursor;
    const size = this.#passedIds.size;
    const isCounted = count !== undefined && count === before && size >= Math.min(count, total ?? count);
    // A source that gives fewer than were asked for, and no link, may have more, unless it gave larger pages before.
    const isWhole = isLinked === true || size < (cursor.largest ?? 0);
    const isRepeated = count === undefined && size === passedBefore && isOther !== true && isWhole;
    if (isCounted || isRepeated) {
      // An estimate of these says nothing of those behind them.
      const isExact = count === size;
      this.#cursor = { ...cursor, phase: 'count from', before: size, isExact };
      return;
    }
    const isShort = count === undefined || count === cursor.before;
    const shortPasses = cursor.shortPasses + (isShort ? 1 : 0);
    if (shortPasses > MOST_SHORT_PASSES) throw endsEarly(this.#window.type);
    this.#beginTie({ ...cursor, passedBefore: size, shortPasses: Math.max(1, shortPasses) }, count);
  }

  /** Goes on behind the instant, if as many rows are counted behind it as from it on without its own. */
  #leaveTie(cursor: Cursor & { mode: 'tie' }, count: number | undefined): void {
    const { pageSize, at, unproven, counted } = cursor;
    const isExact =
      cursor.isExact === false ||
      count === undefined ||
      counted === undefined ||
      count >= counted - cursor.before;
    if (!isExact && cursor.shortPasses <= MOST_SHORT_PASSES) {
      // Rows that were updated between the counts have left the window.
      this.#cursor = { ...cursor, phase: 'count from', shortPasses: cursor.shortPasses + 1 };
      return;
    }
    if (!isExact) throw inexact(this.#window.type);
    this.#seen = new Set();
    this.#passedIds = new Set();
    this.#cursor = { ...keyAt(at, pageSize, unproven), after: true };
  }

  /**
   * The source refused the request. Returns whether a humbler request may do: first without `_sort`, then
   * without `_lastUpdated` too (both are then checked here), then all over with pages half the size, down to
   * `smallestPage`. A link within a tie that is not valid any more begins its pass anew, one behind a page without rows
   * the search from the last row on.
   */
  acceptRefusal(smallestPage: number): boolean {
    const cursor = this.#cursor;
    if (cursor.mode === 'order' || (cursor.mode === 'key' && this.#isAtStart())) {
      this.#toLinks(true);
      return true;
    }
    if (cursor.mode === 'tie' && cursor.next !== null && cursor.shortPasses < MOST_SHORT_PASSES) {
      // The link has expired, in the pause after a crash perhaps; a pass can begin anew.
      this.#cursor = {
        ...cursor,
        phase: 'count before',
        next: null,
        shortPasses: cursor.shortPasses + 1,
      };
      return true;
    }
    if (cursor.mode === 'key' && cursor.empty !== null) {
      const restarts = (cursor.restarts ?? 0) + 1;
      this.#cursor = { ...cursor, empty: null, restarts };
      return restarts <= MOST_RESTARTS;
    }
    if (cursor.mode === 'links' && cursor.next === null && cursor.bounded) {
      this.#cursor = { ...cursor, bounded: false };
      return true;
    }
    if (cursor.mode === 'links' && cursor.next === null && cursor.pageSize >= 2 * smallestPage) {
      const pageSize = Math.floor(cursor.pageSize / 2);
      this.#cursor = fromStart(pageSize);
      return true;
    }
    return false;
  }

  /**
   * The page was too large or too slow. Returns whether half of it may do. A next link has its size fixed, but a
   * pass over a tie can begin again.
   */
  halvePage(): boolean {
    const cursor = this.#cursor;
    const isLink = this.request().kind === 'link';
    const size = cursor.mode === 'tie' ? (cursor.tiePage ?? cursor.pageSize) : cursor.pageSize;
    if (cursor.mode === 'order' || size <= 1) return false;
    if (isLink && cursor.mode !== 'tie') return false;
    this.#passedIds = new Set();
    if (cursor.mode === 'tie') {
      const tiePage = Math.floor(size / 2);
      this.#cursor = {
        ...cursor,
        tiePage,
        pageSize: Math.min(tiePage, cursor.pageSize),
        next: null,
        passed: 0,
      };
    } else this.#cursor = { ...cursor, pageSize: Math.floor(size / 2) };
    return true;
  }

  /** Asks for more again, up to `most`: what made pages shrink may be behind, a few large resources perhaps. */
  growPage(most: number): void {
    const cursor = this.#cursor;
    if (cursor.mode !== 'key' || cursor.pageSize >= most) return;
    this.#cursor = { ...cursor, pageSize: Math.min(most, cursor.pageSize * 2) };
  }

  #checkSearch({ self }: SearchPage): void {
    if (self === undefined || this.request().kind === 'link') return;
    const missing = missingInSelf(this.#search, self);
    if (missing !== undefined) throw ignoredSearch(this.#window.type, missing);
  }

  #isAtStart(): boolean {
    const cursor = this.#cursor;
    return (
      cursor.mode === 'key' &&
      !cursor.after &&
      this.#seen.size === 0 &&
      cursor.from === (this.#lower?.text ?? null)
    );
  }

  #namesLastUpdated(page: SearchPage): boolean {
    return page.self === undefined || parameterNames(page.self).has('_lastUpdated');
  }

  #windowBounds(): SearchParameters {
    return [...bound('ge', this.#lower?.text ?? null), ...this.#upperBound()];
  }

  #upperBound(): SearchParameters {
    return bound('lt', this.#upper.text);
  }

  #fromKey(pageSize: number, unproven: Key['unproven']): Cursor {
    return { ...keyAt(this.#lower?.text ?? null, pageSize, unproven) };
  }

  #acceptLatest(cursor: Cursor & { mode: 'order' }, page: SearchPage): void {
    const { lastUpdated } = page.rows[0] ?? {};
    const wasUpdatedSince = lastUpdated !== undefined && compareInstants(lastUpdated, this.#upper) >= 0;
    if (wasUpdatedSince && cursor.tries < MOST_ORDER_TRIES) {
      this.#cursor = { ...cursor, tries: cursor.tries + 1 };
      return;
    }
    const latest = wasUpdatedSince ? null : (lastUpdated?.text ?? null);
    this.#cursor = this.#fromKey(cursor.pageSize, { latest });
  }

  /** Whether the first page is sorted, in the window and no later than the latest row. */
  #sortsByKey(page: SearchPage): boolean {
    if (page.self !== undefined && !parameterNames(page.self).has('_sort')) return false;
    if (!this.#namesLastUpdated(page)) return false;
    let last: Instant | undefined;
    const repeats = repeatedRows();
    for (const { id, lastUpdated } of page.rows) {
      if (id === undefined || lastUpdated === undefined) return false;
      if (repeats(id, lastUpdated)) continue;
      if (compareInstants(lastUpdated, this.#upper) >= 0) continue;
      if (this.#lower !== undefined && compareInstants(lastUpdated, this.#lower) < 0) return false;
      if (last !== undefined && compareInstants(lastUpdated, last) < 0) return false;
      last = lastUpdated;
    }
    const latest = this.#cursor.mode === 'key' ? this.#cursor.unproven?.latest : undefined;
    if (last === undefined || latest === undefined) return true;
    return latest !== null && compareInstants(last, instant(latest)) <= 0;
  }

  #toLinks(bounded: boolean): void {
    this.#seen = new Set();
    this.#cursor = {
      mode: 'links',
      pageSize: this.#cursor.pageSize,
      bounded,
      next: null,
      seen: [],
      loop: NO_LOOP,
    };
  }

  #acceptKeyPage(cursor: Cursor & { mode: 'key' }, page: SearchPage): readonly SearchRow[] {
    const { type } = this.#window;
    const found = this.#readKeyPage(cursor, page);
    const { first, last } = found;
    if (first !== undefined && last !== undefined && compareInstants(first, last) < 0) {
      this.#isOrderProven = true;
    }
    // Only where all rows are of one instant is it told this late that the source does not sort.
    if (cursor.after && cursor.unproven !== null && first !== undefined) throw ignored(type, '_sort');
    const isReached = cursor.isReached === true || found.isReached || !this.#hasToReach(cursor);
    if (!isReached && (page.rows.length > 0 || page.next === undefined)) {
      this.#doubt(cursor);
      return [];
    }
    this.#leadOn({ ...cursor, isReached }, page, found);
    return found.rows;
  }

  /** Reads the rows of a page by key, and checks that they are what was asked for. */
  #readKeyPage(cursor: Cursor & { mode: 'key' }, page: SearchPage): KeyPage {
    const { type } = this.#window;
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
    const onPage = new Set<string>();
    const repeats = repeatedRows();
    for (const row of page.rows) {
      const { id, lastUpdated } = row;
      if (id === undefined || lastUpdated === undefined) throw unverifiable(type);
      if (repeats(id, lastUpdated)) continue;
      // Of the margin, or updated between the source's search and its answer: it comes with the next `_since`.
      if (compareInstants(lastUpdated, this.#until) >= 0) {
        found.endsBeyond = true;
        continue;
      }
      // Behind the margin stands nothing of the window, unless a row was updated just now.
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
      if (onPage.has(id) || (order === 0 && this.#seen.has(id))) continue;
      onPage.add(id);
      found.isNew = true;
      if (this.#from === undefined || compareInstants(lastUpdated, this.#from) >= 0) found.rows.push(row);
    }
    return found;
  }

  /** Whether rows were seen at the cursor's instant, which come again unless all of them were updated meanwhile. */
  #hasToReach({ after, from }: Key): boolean {
    return !after && from !== null && this.#seen.size > 0;
  }

  /** A page did not reach back to rows that were seen: it is asked for again from further back. */
  #doubt(cursor: Cursor & { mode: 'key' }): void {
    const [witness] = this.#seen;
    if (cursor.reach === undefined || witness === undefined) {
      const doubts = (cursor.doubts ?? 0) + 1;
      this.#cursor = { ...cursor, reach: doubts > 1 ? 'always' : 'once', doubts, empty: null };
    } else this.#cursor = { ...cursor, witness, empty: null };
  }

  /** A row that did not come again: it has to be gone from where it was. */
  #acceptWitness(cursor: Cursor & { mode: 'key' }, page: SearchPage): readonly SearchRow[] {
    const { witness, ...onward } = cursor;
    const isThere = page.rows.some(
      ({ id, lastUpdated }) =>
        id === witness &&
        lastUpdated !== undefined &&
        compareInstants(lastUpdated, instant(cursor.from ?? '')) === 0,
    );
    if (isThere) throw inexact(this.#window.type);
    this.#cursor = { ...onward, isReached: true };
    return [];
  }

  /** Decides from a page where the walk goes on, or that it ends. */
  #leadOn(cursor: Cursor & { mode: 'key' }, page: SearchPage, found: KeyPage): void {
    const { first, last, isNew, endsBeyond } = found;
    const isShort = page.next === undefined && page.rows.length < cursor.pageSize;
    // A source may give less than was asked for and no link, although it counts more.
    const isLast = isShort && page.total !== undefined && page.total <= page.rows.length;
    if (isLast || (isShort && page.rows.length === 0)) {
      this.#isDone = true;
      return;
    }
    const largest = Math.max(cursor.largest ?? 0, page.rows.length);
    if (first === undefined || last === undefined)
      return this.#passBy({ ...cursor, largest }, page, endsBeyond);
    // All that is left of the window stands on this page, before the rows beyond it.
    if (!isNew && endsBeyond) return this.#endBeyond({ ...cursor, largest });
    const isOneInstant = compareInstants(first, last) === 0;
    const mayBeLast = isShort && page.total === undefined;
    if (!isNew && mayBeLast && page.rows.length < largest) {
      this.#isDone = true;
      return;
    }
    if (!isNew && cursor.reach !== undefined) return this.#passBy({ ...cursor, largest }, page, endsBeyond);
    if (isOneInstant && !endsBeyond && cursor.reach === undefined && (!mayBeLast || !isNew)) {
      this.#remember(cursor, last, found.idsAtLast);
      this.#cursor = tieAt(last, { ...cursor, largest });
      return;
    }
    const lower = bound(cursor.after ? 'gt' : 'ge', lowestOf(cursor)?.text ?? null);
    const maybe = { rows: page.rows.length, parameters: [...lower, ...this.#upperBound()] };
    this.#remember(cursor, last, found.idsAtLast);
    const { reach, doubts, isUncounted } = cursor;
    this.#cursor = {
      ...keyAt(last.text, cursor.pageSize, isOneInstant ? cursor.unproven : null),
      largest,
      ...(reach === 'always' ? { reach } : {}),
      ...(reach === undefined || doubts === undefined ? {} : { doubts }),
      ...(isUncounted === undefined ? {} : { isUncounted }),
      ...(mayBeLast && isUncounted !== true ? { last: maybe } : {}),
    };
  }

  /** No key of the page leads on: the link of a page without rows may, or a larger page. */
  #passBy(cursor: Cursor & { mode: 'key' }, page: SearchPage, endsBeyond: boolean): void {
    const { type } = this.#window;
    if (endsBeyond) this.#endBeyond(cursor);
    else if (page.rows.length === 0) {
      if (page.next === undefined) {
        // What is counted and never given is hidden from the app, as by a consent.
        this.#isDone = true;
        return;
      }
      const loop = checkLoop(cursor.empty?.loop ?? NO_LOOP, page.next, type);
      this.#cursor = { ...cursor, empty: { next: page.next, loop } };
    } else if (page.rows.length >= cursor.pageSize && cursor.pageSize < LARGEST_PAGE) {
      this.#cursor = { ...cursor, pageSize: Math.min(LARGEST_PAGE, 2 * cursor.pageSize), empty: null };
    } else throw tooDense(type);
  }

  /**
   * A page has no row left of the window, but some of beyond it. A source that has shown that it sorts has no other
   * row then, short of one that was updated between its search and its answer; of any other it is counted.
   */
  #endBeyond(cursor: Cursor & { mode: 'key' }): void {
    const { type, margin = SECONDS_MARGIN } = this.#window;
    const beyond = (cursor.beyond ?? 0) + 1;
    // Rows that were all updated just now are gone when this is tried again.
    if (margin.after === 0) throw ignored(type, '_lastUpdated', true);
    if (beyond < MOST_ORDER_TRIES) this.#cursor = { ...cursor, empty: null, beyond };
    else if (cursor.unproven === null) this.#isDone = true;
    else if (beyond > MOST_ORDER_TRIES || cursor.isUncounted === true) {
      throw ignored(type, '_lastUpdated', true);
    } else {
      const parameters = [
        ...bound(cursor.after ? 'gt' : 'ge', cursor.from),
        ...bound('lt', this.#until.text),
      ];
      this.#cursor = { ...cursor, empty: null, beyond, last: { rows: this.#seen.size, parameters } };
    }
  }

  /** Remembers the rows at the instant from which the walk goes on. */
  #remember({ from }: Key, last: Instant, idsAtLast: readonly string[]): void {
    const isSame = from !== null && compareInstants(last, instant(from)) === 0;
    this.#seen = new Set([...(isSame ? this.#seen : []), ...idsAtLast]);
  }

  #acceptTiePage(cursor: Cursor & { mode: 'tie' }, page: SearchPage): readonly SearchRow[] {
    const { type } = this.#window;
    const at = instant(cursor.at);
    const rows: SearchRow[] = [];
    let isNew = false;
    for (const row of page.rows) {
      const { id, lastUpdated } = row;
      if (id === undefined || lastUpdated === undefined) throw unverifiable(type);
      if (compareInstants(lastUpdated, this.#until) >= 0) continue;
      if (compareInstants(lastUpdated, at) !== 0) throw ignored(type, '_lastUpdated');
      this.#passedIds.add(id);
      if (this.#seen.has(id)) continue;
      this.#seen.add(id);
      isNew = true;
      if (this.#from === undefined || compareInstants(at, this.#from) >= 0) rows.push(row);
    }
    const isOther = cursor.isOther === true || (cursor.passedBefore !== undefined && isNew);
    if (page.next !== undefined && page.next === cursor.next) throw linkLoop(type);
    this.#cursor = {
      ...cursor,
      isOther,
      isLinked: cursor.next !== null || page.next !== undefined,
      ...(page.total === undefined || page.next !== undefined ? {} : { total: page.total }),
      phase: page.next === undefined ? 'count after' : 'pages',
      next: page.next ?? null,
      passed: cursor.passed + page.rows.length,
    };
    // A source whose links loop never ends a pass; a pass has no more rows than were counted, short of repeats.
    const most = cursor.before === 0 ? MOST_TIED : cursor.before;
    if (this.#cursor.passed > 2 * most + cursor.pageSize) throw linkLoop(type);
    return rows;
  }

  #acceptLinksPage(cursor: Cursor & { mode: 'links' }, page: SearchPage): readonly SearchRow[] {
    const { type } = this.#window;
    const rows: SearchRow[] = [];
    const onPage = new Set<string>();
    for (const row of page.rows) {
      const { id, lastUpdated } = row;
      if (lastUpdated === undefined) {
        if (this.#from !== undefined || this.#window.untilAsked === true) throw unverifiable(type);
      } else if (
        compareInstants(lastUpdated, this.#until) >= 0 ||
        (this.#from !== undefined && compareInstants(lastUpdated, this.#from) < 0)
      ) {
        continue;
      }
      if (id !== undefined) {
        if (onPage.has(id) || this.#seen.has(id)) continue;
        onPage.add(id);
      }
      rows.push(row);
    }
    // A row at a page's edge may come again on the next page; further back, the links are trusted.
    this.#seen = onPage;
    if (page.next === undefined) {
      // A source that never links would stand out by its first page.
      const isOnlyPage = cursor.next === null;
      if (isOnlyPage && page.total === undefined && page.rows.length >= cursor.pageSize) throw mayEnd(type);
      if (isOnlyPage && page.total !== undefined && page.total > page.rows.length) throw endsEarly(type);
      this.#isDone = true;
    } else {
      this.#cursor = { ...cursor, next: page.next, loop: checkLoop(cursor.loop, page.next, type) };
    }
    return rows;
  }
}

/** Tells of each row of a page whether the page had the very same before; where it stands is then no sign of the order. */
function repeatedRows(): (id: string, lastUpdated: Instant) => boolean {
  const had = new Map<string, string>();
  return (id, lastUpdated) => {
    if (had.get(id) === lastUpdated.text) return true;
    had.set(id, lastUpdated.text);
    return false;
  };
}

function parameterNames(url: string): ReadonlySet<string> {
  const query = url.slice(url.indexOf('?') + 1);
  return new Set(new URLSearchParams(query).keys());
}
