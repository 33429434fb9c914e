import { compareInstants, type Instant, laterInstant } from '../../fhir/instant.js';
import type { LoopCheck } from '../source/linkLoop.js';
import type { SearchParameters } from '../source/source.js';
import { bound, instant, SECONDS_MARGIN } from './window.js';

/**
 * How far a walk is, as JSON. It holds ids and URLs of the source: it is private and never leaves the
 * job's state.
 *
 * - `order`: asks for the latest row first. A source that ignores `_sort` gives whichever comes first, and a
 *   page that holds later ones then shows it: asked by key, such a source would lose rows without a sign.
 * - `key`: sorted by `_lastUpdated`, each page asked from the last instant seen on. A row that is updated
 *   meanwhile leaves the window for a moment after `transactionTime`; no other row moves, as there is no
 *   offset. Each page has to reach back to rows that were seen, which shows that the source's lower bound left
 *   nothing out; where it does not, it is asked for from further back (`reach`). A page without any row leads on
 *   by its link alone (`empty`). A page that may be the last one is counted (`last`).
 * - `tie`: more rows share one instant than a page holds, so no key leads on. The rows of just that instant
 *   are paged by the source's next links. Rows can only leave an instant of the past: a pass that had as many
 *   different ones as were counted before and after it has lost none; otherwise another pass follows.
 * - `links`: the source does not sort by `_lastUpdated`; its next links are trusted to leave nothing out. What they give
 *   again is known by its id.
 */
export type Cursor = { pageSize: number; seen: string[]; soFar?: SoFar } & (
  | { mode: 'order'; tries: number }
  | ({ mode: 'key' } & Key)
  | ({ mode: 'tie' } & Tie)
  | { mode: 'links'; bounded: boolean; next: string | null; loop: LoopCheck; again?: Again }
);

/** Pages in a row that have rows, all of which were seen. */
export interface Again {
  pages: number;
  rows: number;
}

/** What a walk has come to. */
export interface SoFar {
  /** Rows of the window. */
  read: number;
  /** Rows that were counted in it, before any was read. */
  counted?: number;
}

export type CursorOf<Mode extends Cursor['mode']> = Cursor & { mode: Mode };

/** The rows from the instant `from` on, or after it. */
export interface Key {
  from: string | null;
  after: boolean;
  empty: { next: string; loop: LoopCheck } | null;
  /** How often the search was asked anew since its last row, as the link of a page without any was not valid. */
  restarts?: number;
  /** The latest row, until it has shown that the source sorts; its instant is `null` where the source gave none. */
  unproven: { latest: string | null } | null;
  /**
   * Whether the search reaches back beyond `from`. A page has to reach back to `from`, where rows were seen, or the
   * source's lower bound left out some of what lies behind it.
   */
  reach?: 'once' | 'always';
  /** Whether a page of this search has reached back to `from`, or need not. */
  isReached?: boolean;
  /** Pages in a row that did not. */
  doubts?: number;
  /** A row at `from` that is asked for by its id, as it did not come again. */
  witness?: string;
  /** How often a page had only rows beyond the window. */
  beyond?: number;
  /** What may be the end: it is, if no more than so many rows are counted. */
  last?: { rows: number; parameters: SearchParameters; isWhole?: boolean };
  /** Whether the source does not count. */
  isUncounted?: boolean;
  /** Most rows of a page so far. */
  largest?: number;
}

/** A pass over the rows of the instant `at`, framed by two counts of them. */
interface Tie {
  at: string;
  phase:
    | 'count earlier'
    | 'count before'
    | 'pages'
    | 'count after'
    | 'count from'
    | 'count again'
    | 'count beyond';
  /** As in `Key`: all rows so far are of this instant, and so is the latest. */
  unproven: Key['unproven'];
  next: string | null;
  /** Rows the instant had before the pass. */
  before: number;
  /** Rows the pass has had so far, repeats included. */
  passed: number;
  /** Passes that ended short of what was counted, or had other rows than the one before. */
  shortPasses: number;
  /** Rows asked for a page. */
  tiePage?: number;
  /** Rows of the pass before. */
  passedBefore?: number;
  /** Whether the pass had several pages. */
  isLinked?: boolean;
  /** As in `Key`. */
  largest?: number;
  /** Whether the pass had a row that the one before had not. */
  isOther?: boolean;
  /** What the last page of the pass gave as the number of rows: exact where counts before it are estimates. */
  total?: number;
  /** Whether the source's counts are no estimates. */
  isExact?: boolean;
  /** Rows counted from the instant on. */
  counted?: number;
  /** Ids the pass has had so far. */
  passedIds: string[];
}

export function fromStart(pageSize: number): Cursor {
  return { mode: 'order', pageSize, tries: 1, seen: [] };
}

/** A key walk from an instant on. */
export function keyAt(from: string | null, pageSize: number, unproven: Key['unproven']): CursorOf<'key'> {
  return { mode: 'key', pageSize, from, after: false, empty: null, unproven, seen: [] };
}

/** The passes over the rows of an instant; the walk names those seen so far. */
export function tieAt(at: Instant, { pageSize, unproven, largest = 0 }: CursorOf<'key'>): Cursor {
  const latest = unproven?.latest;
  const isLatest = typeof latest === 'string' && compareInstants(at, instant(latest)) === 0;
  return {
    mode: 'tie',
    pageSize,
    seen: [],
    at: at.text,
    phase: isLatest ? 'count earlier' : 'count before',
    unproven: isLatest ? unproven : null,
    next: null,
    before: 0,
    passed: 0,
    shortPasses: 0,
    passedIds: [],
    largest,
  };
}

/** The earliest instant that a page by key is asked for. */
export function lowestOf({ from, reach }: Key): Instant | undefined {
  if (from === null) return undefined;
  return reach === undefined ? instant(from) : laterInstant(instant(from), -SECONDS_MARGIN.before);
}

/** The lower bound that a page by key is asked with. */
export function lowerBound(key: Key): SearchParameters {
  return bound(key.after ? 'gt' : 'ge', lowestOf(key));
}
