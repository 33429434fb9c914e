import { ExportError } from '../errors.js';
import { missingInSelf, safeName } from './source/heeded.js';
import { compareInstants, type Instant, parseInstant, searchValue } from './instant.js';
import type { SearchPage, SearchRow } from './source/searchPage.js';
import type { SearchParameters } from './source/source.js';

/** The interval of `meta.lastUpdated` of one type: from `from` (inclusive) to `until` (exclusive). */
export interface Window {
  type: string;
  from: string | undefined;
  until: string;
  /** Whether the caller asked for an end: a resource that does not tell when it was updated is then refused. */
  untilAsked?: boolean;
}

/**
 * Where a walk stands, as JSON. It holds ids and URLs of the source: it is private and never leaves the
 * job's state.
 *
 * - `order`: asks for the latest row first. A source that ignores `_sort` gives whichever comes first, and a
 *   page that holds later ones then shows it: asked by key, such a source would lose rows without a sign.
 * - `key`: sorted by `_lastUpdated`, each page asked from the last instant seen on. A row that is updated
 *   meanwhile leaves the window for a moment after `transactionTime`; no other row moves, as there is no
 *   offset. A page without any row leads on by its link alone (`empty`).
 * - `tie`: more rows share one instant than a page holds, so no key leads on. The rows of just that instant
 *   are paged by the source's next links. Rows can only leave an instant of the past: a pass that had as many
 *   different ones as were counted before and after it has lost none; otherwise another pass follows.
 * - `links`: the source does not sort by `_lastUpdated`; its next links are trusted.
 */
export type Cursor = { pageSize: number } & (
  | { mode: 'order'; tries: number; seen: string[] }
  | ({ mode: 'key'; seen: string[] } & Key)
  | ({ mode: 'tie'; seen: string[] } & Tie)
  | { mode: 'links'; bounded: boolean; next: string | null; seen: string[]; loop: LoopCheck }
);

/** The rows from the instant `from` on, or after it. */
interface Key {
  from: string | null;
  after: boolean;
  empty: { next: string; loop: LoopCheck } | null;
  /** How often the search was asked anew since its last row, as the link of a page without any was not valid. */
  restarts?: number;
  /** The latest row, until it has shown that the source sorts; its instant is `null` where the source gave none. */
  unproven: { latest: string | null } | null;
}

/** A pass over the rows of the instant `at`, framed by two counts of them. */
interface Tie {
  at: string;
  phase: 'count earlier' | 'count before' | 'pages' | 'count after';
  /** As in `Key`: all rows so far are of this instant, and so is the latest. */
  unproven: Key['unproven'];
  next: string | null;
  /** Rows the instant had before the pass. */
  before: number;
  /** Rows the pass has had so far, repeats included. */
  passed: number;
  /** Passes that ended short of what was counted. */
  shortPasses: number;
  /** Ids the pass has had so far. */
  passedIds: string[];
}

/** Brent's cycle detection over next links: one link is remembered, renewed at powers of two. */
export interface LoopCheck {
  remembered: string | null;
  steps: number;
  renewAt: number;
}

/** What to ask the source next. A `count` is the number of rows that a search would give. */
export type WalkRequest =
  { kind: 'search' | 'count'; parameters: SearchParameters } | { kind: 'link'; url: string };

/** A latest row that was updated just now is asked for again so often. */
const MOST_ORDER_TRIES = 3;

/** Rows of one instant that are taken at most: their ids are remembered, some 100 MB. */
const MOST_TIED = 500_000;

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
    if ('mode' in start) this.#cursor = start;
    else if (start.isOrderProven === true) this.#cursor = fromKey(start.pageSize, window, null);
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
        if (cursor.empty !== null) return { kind: 'link', url: cursor.empty.next };
        return {
          kind: 'search',
          parameters: [
            ['_sort', '_lastUpdated'],
            ...bound(cursor.after ? 'gt' : 'ge', cursor.from),
            ...bound('lt', this.#window.until),
            count,
          ],
        };
      case 'tie': {
        const tie = [...bound('ge', cursor.at), ...bound('le', cursor.at)];
        if (cursor.phase === 'count earlier') {
          const earlier = [...bound('ge', this.#window.from ?? null), ...bound('lt', cursor.at)];
          return { kind: 'count', parameters: earlier };
        }
        if (cursor.phase !== 'pages') return { kind: 'count', parameters: tie };
        if (cursor.next !== null) return { kind: 'link', url: cursor.next };
        return { kind: 'search', parameters: [['_sort', '_lastUpdated'], ...tie, count] };
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
        return this.#acceptKeyPage(cursor, page);
      case 'tie':
        return this.#acceptTiePage(cursor, page);
      case 'links':
        return this.#acceptLinksPage(cursor, page);
    }
  }

  /**
   * Takes the number that the source gave for a `count` request; `undefined` where it gave none.
   * @throws ExportError where it cannot be told whether all rows of a tie were seen
   */
  acceptCount(count: number | undefined): void {
    const cursor = this.#cursor;
    if (cursor.mode !== 'tie' || cursor.phase === 'pages') throw new TypeError('a count was not asked for');
    const { type } = this.#window;
    if (count === undefined) {
      throw new ExportError(
        'source-unverifiable',
        `More ${type} resources share one meta.lastUpdated than a page holds, and the source answers neither _summary=count nor _total=accurate, so nobody could tell whether paging lost any. Raise PAGE_SIZE, or let the source answer one of them.`,
      );
    }
    if (cursor.phase === 'count earlier') {
      if (count > 0) throw ignored(type, '_sort');
      this.#cursor = { ...cursor, phase: 'count before' };
      return;
    }
    if (cursor.phase === 'count after' && count === cursor.before && this.#passedIds.size >= count) {
      const { pageSize, at, unproven } = cursor;
      this.#seen = new Set();
      this.#passedIds = new Set();
      this.#cursor = { mode: 'key', pageSize, from: at, after: true, empty: null, unproven, seen: [] };
      return;
    }
    if (count > MOST_TIED) {
      throw new ExportError(
        'source-unverifiable',
        `${count} ${type} resources share one meta.lastUpdated, more than the ${MOST_TIED} that can be read without losing or doubling any. Raise PAGE_SIZE to as many, or import them at the source in smaller parts.`,
      );
    }
    const isShort = cursor.phase === 'count after' && count === cursor.before;
    const shortPasses = cursor.shortPasses + (isShort ? 1 : 0);
    if (shortPasses > MOST_SHORT_PASSES) throw endsEarly(type);
    this.#passedIds = new Set();
    this.#cursor = { ...cursor, phase: 'pages', next: null, before: count, passed: 0, shortPasses };
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
    if (cursor.mode === 'order' || cursor.pageSize <= 1) return false;
    if (isLink && cursor.mode !== 'tie') return false;
    const pageSize = Math.floor(cursor.pageSize / 2);
    this.#passedIds = new Set();
    this.#cursor =
      cursor.mode === 'tie' ? { ...cursor, pageSize, next: null, passed: 0 } : { ...cursor, pageSize };
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
      cursor.from === (this.#window.from ?? null)
    );
  }

  #namesLastUpdated(page: SearchPage): boolean {
    return page.self === undefined || parameterNames(page.self).has('_lastUpdated');
  }

  #windowBounds(): SearchParameters {
    return [...bound('ge', this.#window.from ?? null), ...bound('lt', this.#window.until)];
  }

  #acceptLatest(cursor: Cursor & { mode: 'order' }, page: SearchPage): void {
    const { lastUpdated } = page.rows[0] ?? {};
    const wasUpdatedSince = lastUpdated !== undefined && compareInstants(lastUpdated, this.#until) >= 0;
    if (wasUpdatedSince && cursor.tries < MOST_ORDER_TRIES) {
      this.#cursor = { ...cursor, tries: cursor.tries + 1 };
      return;
    }
    const latest = wasUpdatedSince ? null : (lastUpdated?.text ?? null);
    this.#cursor = fromKey(cursor.pageSize, this.#window, { latest });
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
      if (compareInstants(lastUpdated, this.#until) >= 0) continue;
      if (this.#from !== undefined && compareInstants(lastUpdated, this.#from) < 0) return false;
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
    const from = cursor.from === null ? undefined : instant(cursor.from);
    const rows: SearchRow[] = [];
    const onPage = new Set<string>();
    let first: Instant | undefined;
    let last: Instant | undefined;
    let idsAtLast: string[] = [];
    const repeats = repeatedRows();
    for (const row of page.rows) {
      const { id, lastUpdated } = row;
      if (id === undefined || lastUpdated === undefined) throw unverifiable(type);
      if (repeats(id, lastUpdated)) continue;
      // Updated between the source's search and its answer: it comes with the next `_since`.
      if (compareInstants(lastUpdated, this.#until) >= 0) continue;
      const order = from === undefined ? 1 : compareInstants(lastUpdated, from);
      if (order < 0 || (order === 0 && cursor.after)) throw ignored(type, '_lastUpdated');
      const step = last === undefined ? 1 : compareInstants(lastUpdated, last);
      if (step < 0) throw ignored(type, '_sort');
      if (step > 0) idsAtLast = [];
      first ??= lastUpdated;
      last = lastUpdated;
      idsAtLast.push(id);
      if (onPage.has(id) || (order === 0 && this.#seen.has(id))) continue;
      onPage.add(id);
      rows.push(row);
    }
    if (first !== undefined && last !== undefined && compareInstants(first, last) < 0) {
      this.#isOrderProven = true;
    }
    // Only where all rows are of one instant is it told this late that the source does not sort.
    if (cursor.after && cursor.unproven !== null && first !== undefined) throw ignored(type, '_sort');
    // A source may give less than was asked for and no link, although it counts more.
    const follows =
      page.next !== undefined ||
      page.rows.length >= cursor.pageSize ||
      (page.total !== undefined && page.total > page.rows.length);
    if (!follows) {
      this.#isDone = true;
    } else if (first === undefined || last === undefined) {
      // No key leads on. Rows that were all updated just now are gone when this is tried again.
      if (page.rows.length > 0) throw ignored(type, '_lastUpdated', true);
      if (page.next === undefined) {
        // What is counted and never given is hidden from the app, as by a consent.
        this.#isDone = true;
      } else {
        const loop = checkLoop(cursor.empty?.loop ?? NO_LOOP, page.next, type);
        this.#cursor = { ...cursor, empty: { next: page.next, loop } };
      }
    } else if (compareInstants(first, last) === 0) {
      this.#seen = new Set(from !== undefined && compareInstants(last, from) === 0 ? this.#seen : []);
      for (const id of idsAtLast) this.#seen.add(id);
      const latest = cursor.unproven?.latest;
      const isLatest = typeof latest === 'string' && compareInstants(last, instant(latest)) === 0;
      this.#cursor = {
        mode: 'tie',
        pageSize: cursor.pageSize,
        seen: [],
        at: last.text,
        phase: isLatest ? 'count earlier' : 'count before',
        unproven: isLatest ? cursor.unproven : null,
        next: null,
        before: 0,
        passed: 0,
        shortPasses: 0,
        passedIds: [],
      };
    } else {
      this.#seen = new Set(idsAtLast);
      this.#cursor = { ...cursor, from: last.text, after: false, empty: null, unproven: null, restarts: 0 };
    }
    return rows;
  }

  #acceptTiePage(cursor: Cursor & { mode: 'tie' }, page: SearchPage): readonly SearchRow[] {
    const { type } = this.#window;
    const at = instant(cursor.at);
    const rows: SearchRow[] = [];
    for (const row of page.rows) {
      const { id, lastUpdated } = row;
      if (id === undefined || lastUpdated === undefined) throw unverifiable(type);
      if (compareInstants(lastUpdated, this.#until) >= 0) continue;
      if (compareInstants(lastUpdated, at) !== 0) throw ignored(type, '_lastUpdated');
      this.#passedIds.add(id);
      if (this.#seen.has(id)) continue;
      this.#seen.add(id);
      rows.push(row);
    }
    if (page.next !== undefined && page.next === cursor.next) throw linkLoop(type);
    this.#cursor = {
      ...cursor,
      phase: page.next === undefined ? 'count after' : 'pages',
      next: page.next ?? null,
      passed: cursor.passed + page.rows.length,
    };
    // A source whose links loop never ends a pass; a pass has no more rows than were counted, short of repeats.
    if (this.#cursor.passed > 2 * cursor.before + cursor.pageSize) throw linkLoop(type);
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

export const NO_LOOP: LoopCheck = { remembered: null, steps: 0, renewAt: 1 };

/** Tells of each row of a page whether the page had the very same before; where it stands is then no sign of the order. */
function repeatedRows(): (id: string, lastUpdated: Instant) => boolean {
  const had = new Map<string, string>();
  return (id, lastUpdated) => {
    if (had.get(id) === lastUpdated.text) return true;
    had.set(id, lastUpdated.text);
    return false;
  };
}

function fromStart(pageSize: number): Cursor {
  return { mode: 'order', pageSize, tries: 1, seen: [] };
}

function fromKey(pageSize: number, { from }: Window, unproven: Key['unproven']): Cursor {
  return { mode: 'key', pageSize, from: from ?? null, after: false, empty: null, unproven, seen: [] };
}

export function checkLoop(loop: LoopCheck, next: string, type: string): LoopCheck {
  if (next === loop.remembered) throw linkLoop(type);
  const steps = loop.steps + 1;
  return steps === loop.renewAt ? { remembered: next, steps, renewAt: loop.renewAt * 2 } : { ...loop, steps };
}

function bound(prefix: 'ge' | 'gt' | 'le' | 'lt', value: string | null): SearchParameters {
  return value === null ? [] : [['_lastUpdated', `${prefix}${searchValue(instant(value))}`]];
}

function instant(text: string): Instant {
  const parsed = parseInstant(text);
  if (parsed === undefined) throw new TypeError('a bound of a walk is no instant');
  return parsed;
}

function parameterNames(url: string): ReadonlySet<string> {
  const query = url.slice(url.indexOf('?') + 1);
  return new Set(new URLSearchParams(query).keys());
}

function unverifiable(type: string): ExportError {
  return new ExportError(
    'source-unverifiable',
    `A ${type} resource of the source has no id or no readable meta.lastUpdated, so nobody could tell whether it belongs to this export. Let the source fill both, or leave ${type} out with _type.`,
  );
}

function ignored(type: string, parameter: string, retryable = false): ExportError {
  return new ExportError(
    'source-ignored-parameter',
    `The source ignored ${parameter} in a search for ${type} although its first answers showed that it knows it, so the export would hold too much or too little. Check the source's search on ${parameter}.`,
    retryable,
  );
}

function ignoredSearch(type: string, parameter: string): ExportError {
  return new ExportError(
    'source-ignored-parameter',
    `The source ignored ${safeName(parameter)} in a search for ${type}: its self link does not name it. The export would hold more than was asked for. Leave it out of _typeFilter, or let the source support it.`,
  );
}

function endsEarly(type: string): ExportError {
  return new ExportError(
    'source-unverifiable',
    `The source counts more ${type} resources than its pages hold, so some would be missing. Raise PAGE_SIZE, or see why its next links end early.`,
  );
}

function mayEnd(type: string): ExportError {
  return new ExportError(
    'source-unverifiable',
    `The source filled a page of ${type}, neither sorts nor links to a next page, and does not tell how many there are, so nobody could tell whether that is all. Set PAGE_SIZE to another number, or let the source have next links.`,
  );
}

function linkLoop(type: string): ExportError {
  return new ExportError(
    'source-link-loop',
    `The source's next links for ${type} lead back to a page that was read before. The source has to end its pages.`,
  );
}
