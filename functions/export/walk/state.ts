import { compareInstants, type Instant } from '../../fhir/instant.js';
import type { SearchRow } from '../source/resourceRow.js';
import type { SearchPage } from '../source/searchPage.js';
import { NO_LOOP } from '../source/linkLoop.js';
import type { SearchParameters } from '../source/source.js';
import { type Cursor, fromStart, type Key, keyAt, type SoFar } from './cursor.js';
import { boundsOf, searchedSpan, type Span, spanOf, type Window } from './window.js';

/** What to ask the source next. A `count` is the number of rows that a search would give. */
export type WalkRequest =
  { kind: 'search' | 'count'; parameters: SearchParameters } | { kind: 'link'; url: string };

/** A way to read a window. Each of its functions is given the walk's state and its own cursor, which is that of the state. */
export interface Mode<C extends Cursor = Cursor> {
  /** What to ask next, without the parameters that every search of the walk has. */
  request(state: WalkState, cursor: C): WalkRequest;
  /** Takes the page that was asked for and returns the rows to export. */
  acceptPage(state: WalkState, cursor: C, page: SearchPage): readonly SearchRow[];
  /** Takes the number that was asked for; `undefined` where the source gave none. */
  acceptCount?(state: WalkState, cursor: C, count: number | undefined): void;
  /** The source refused the request: returns whether another one may do, which is next then. */
  acceptRefusal(state: WalkState, cursor: C, smallestPage: number): boolean;
}

/** Rows of one instant that are taken at most: their ids are remembered, some 100 MB. */
export const MAX_TIED = 500_000;

/** A page is made so large at most where smaller ones do not lead on. */
export const MAX_PAGE_SIZE = 10_000;

/** A latest row that was updated just now is asked for again so often. */
export const MAX_ORDER_TRIES = 3;

/** How far a walk is, as its modes share it. */
export class WalkState {
  readonly window: Window;
  readonly span: Span;
  /** What its searches ask for, which reaches beyond the window. */
  readonly searched: Span;
  cursor: Cursor;
  /** Ids of the rows at the instant from which the walk continues; of a walk by links, of the latest rows. */
  seen: Set<string>;
  /** Ids that a pass over a tie has had so far. */
  passedIds: Set<string>;
  isDone = false;
  /** Whether a page of several instants has shown that the source sorts as it is asked to. */
  isOrderProven = false;
  /** `undefined` where the walk was begun by a version that did not count. */
  readonly soFar: SoFar | undefined;
  /** The search of a last page, whose rows are known: an exact count of it is the same. */
  lastPage: { parameters: SearchParameters; rows: number } | undefined;

  constructor(window: Window, start: { pageSize: number; isOrderProven?: boolean } | Cursor) {
    this.window = window;
    this.span = spanOf(window);
    this.searched = searchedSpan(window);
    if ('mode' in start) this.cursor = start;
    else if (start.isOrderProven === true || window.isOrderProven === true)
      this.cursor = this.fromKey(start.pageSize, null);
    else this.cursor = fromStart(start.pageSize);
    const { counted } = window;
    this.soFar = 'mode' in start ? start.soFar : { read: 0, ...(counted === undefined ? {} : { counted }) };
    this.seen = new Set(this.cursor.seen);
    this.passedIds = new Set(this.cursor.mode === 'tie' ? this.cursor.passedIds : []);
  }

  get type(): string {
    return this.window.type;
  }

  get bounds(): SearchParameters {
    return boundsOf(this.searched);
  }

  get upperBound(): SearchParameters {
    return boundsOf({ from: undefined, until: this.searched.until });
  }

  /** Whether no page by key was taken yet. */
  isAtStart({ after, from }: Key): boolean {
    return !after && this.seen.size === 0 && from === (this.searched.from?.text ?? null);
  }

  /** Whether a row that is before the window's end belongs to it. */
  isExported(at: Instant): boolean {
    return this.span.from === undefined || compareInstants(at, this.span.from) >= 0;
  }

  /** The walk by key from its begin on. */
  fromKey(pageSize: number, unproven: Key['unproven']): Cursor {
    return keyAt(this.searched.from?.text ?? null, pageSize, unproven);
  }

  /** The walk by next links, without `_sort`, and unless `bounded` without `_lastUpdated`. */
  toLinks(bounded: boolean): void {
    this.seen = new Set();
    const { pageSize } = this.cursor;
    this.cursor = { mode: 'links', pageSize, bounded, next: null, seen: [], loop: NO_LOOP };
  }
}
