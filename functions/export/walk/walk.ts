import { missingInSelf, parameterNames } from '../source/honored.js';
import type { SearchRow } from '../source/resourceRow.js';
import type { SearchPage } from '../source/searchPage.js';
import type { SearchParameters } from '../source/source.js';
import type { Cursor } from './cursor.js';
import { KEY, sortsByKey } from './key.js';
import { LINKS } from './links.js';
import { ORDER } from './order.js';
import { type Mode, type WalkRequest, WalkState } from './state.js';
import { TIE } from './tie.js';
import { ignoredSearch } from './walkErrors.js';
import { boundsOf, countedSpan, type Window } from './window.js';

const MODES: Readonly<Record<Cursor['mode'], Mode>> = { order: ORDER, key: KEY, tie: TIE, links: LINKS };

/** What a walk has read, and how the source is asked whether it was all. */
export interface Claim {
  read: number;
  /** `undefined`: nothing that the source counts would be comparable. */
  parameters: SearchParameters | undefined;
  /** A search of which it is known how many rows it has. */
  known: { parameters: SearchParameters; rows: number } | undefined;
}

/**
 * Walks the resources of one type so that an update on the source meanwhile neither loses nor doubles any
 * other. Pure: it says what to ask (`request`) and takes the answers (`accept…`).
 */
export class Walk {
  readonly #state: WalkState;
  readonly #search: SearchParameters;

  /**
   * Starts at the window's begin, or continues from a checkpoint. With `isOrderProven`, a walk of the same type by the
   * same search parameters has shown that the source sorts, and the latest row is not asked for again.
   * @param search parameters of every search besides those of the window
   */
  constructor(
    window: Window,
    start: { pageSize: number; isOrderProven?: boolean } | Cursor,
    search: SearchParameters = [],
  ) {
    this.#state = new WalkState(window, start);
    this.#search = search;
  }

  get isDone(): boolean {
    return this.#state.isDone;
  }

  /** Whether a page of several moments has shown that the source sorts as it is asked to. */
  get isOrderProven(): boolean {
    return this.#state.isOrderProven;
  }

  /** Whether its searches ask for more than the window. */
  get hasParameters(): boolean {
    return this.#search.length > 0;
  }

  /** Where to go on from, for a later `new Walk(window, checkpoint)`. */
  checkpoint(): Cursor {
    const { cursor, seen, passedIds, soFar } = this.#state;
    const common = { ...cursor, seen: [...seen], ...(soFar === undefined ? {} : { soFar }) };
    return common.mode === 'tie' ? { ...common, passedIds: [...passedIds] } : common;
  }

  /** Rows of the window so far; `undefined` where a version that did not count began. */
  get read(): number | undefined {
    return this.#state.soFar?.read;
  }

  /** Whether the order and the end of its pages are those of the source's next links. */
  get isLinked(): boolean {
    const { cursor } = this.#state;
    return cursor.mode === 'links' && cursor.next !== null;
  }

  /**
   * What is to be counted at the end, since the source must not count more than were read; `undefined` where a count of
   * before has shown so, as rows only leave a window.
   */
  get claim(): Claim | undefined {
    const { soFar, window, cursor, lastPage } = this.#state;
    if (soFar === undefined || (soFar.counted !== undefined && soFar.read >= soFar.counted)) return undefined;
    const span = cursor.mode === 'links' && !cursor.bounded ? undefined : countedSpan(window);
    return {
      read: soFar.read,
      parameters: span === undefined ? undefined : [...this.#search, ...boundsOf(span)],
      known: lastPage && { ...lastPage, parameters: [...this.#search, ...lastPage.parameters] },
    };
  }

  /** What to ask the source next. */
  request(): WalkRequest {
    const request = this.#mode.request(this.#state, this.#state.cursor);
    if (request.kind === 'link') return request;
    return { ...request, parameters: [...this.#search, ...request.parameters] };
  }

  /**
   * Takes the page that the source gave for `request()` and returns the rows to export.
   * @throws ExportError where the answer shows that a bound or the order was ignored, that links loop, or
   *   that something is missing without which it is not known what was exported
   */
  acceptPage(page: SearchPage): readonly SearchRow[] {
    const state = this.#state;
    const { self } = page;
    const missing =
      self === undefined || this.request().kind === 'link' ? undefined : missingInSelf(this.#search, self);
    if (missing !== undefined) throw ignoredSearch(state.type, missing);
    const { cursor } = state;
    if (cursor.mode === 'key' && state.isAtStart(cursor) && !sortsByKey(state, cursor, page)) {
      state.toLinks(self === undefined || parameterNames(self).has('_lastUpdated'));
    }
    const isFirst = state.cursor.mode === 'key' && state.isAtStart(state.cursor);
    const rows = this.#mode.acceptPage(state, state.cursor, page);
    if (state.soFar !== undefined) {
      if (isFirst && page.total !== undefined) state.soFar.counted ??= page.total;
      state.soFar.read += rows.length;
    }
    return rows;
  }

  /**
   * Takes the number that the source gave for a `count` request; `undefined` where it gave none.
   * @throws ExportError where nothing shows whether all rows of a tie were seen
   */
  acceptCount(count: number | undefined): void {
    this.#mode.acceptCount?.(this.#state, this.#state.cursor, count);
  }

  /**
   * The source refused the request. Returns whether a humbler request may do: first without `_sort`, then
   * without `_lastUpdated` too (both are then checked here), then all over with pages half the size, down to
   * `smallestPage`. A link within a tie that is not valid any more begins its pass anew, one behind a page without rows
   * the search from the last row on.
   */
  acceptRefusal(smallestPage: number): boolean {
    return this.#mode.acceptRefusal(this.#state, this.#state.cursor, smallestPage);
  }

  /**
   * The page was too large or too slow. Returns whether half of it may do. A next link has its size fixed, but a
   * pass over a tie can begin again.
   */
  halvePage(): boolean {
    const { cursor } = this.#state;
    const isTie = cursor.mode === 'tie';
    const size = isTie ? (cursor.tiePage ?? cursor.pageSize) : cursor.pageSize;
    if (cursor.mode === 'order' || size <= 1) return false;
    if (this.request().kind === 'link' && !isTie) return false;
    const half = Math.floor(size / 2);
    this.#state.passedIds = new Set();
    this.#state.cursor = isTie
      ? { ...cursor, tiePage: half, pageSize: Math.min(half, cursor.pageSize), next: null, passed: 0 }
      : { ...cursor, pageSize: half };
    return true;
  }

  /** Asks for more again, up to `most`: what made pages shrink may be behind, a few large resources perhaps. */
  growPage(most: number): void {
    const { cursor } = this.#state;
    if (cursor.mode !== 'key' || cursor.pageSize >= most) return;
    this.#state.cursor = { ...cursor, pageSize: Math.min(most, cursor.pageSize * 2) };
  }

  get #mode(): Mode {
    return MODES[this.#state.cursor.mode];
  }
}
