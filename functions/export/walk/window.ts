import {
  compareInstants,
  type Instant,
  laterInstant,
  parseInstant,
  searchValue,
} from '../../fhir/instant.js';
import type { SearchParameters } from '../source/source.js';

/** The interval of `meta.lastUpdated` of one type: from `from` (inclusive) to `until` (exclusive). */
export interface Window {
  type: string;
  from: string | undefined;
  until: string;
  /** Whether the caller asked for an end: a resource that does not say when it was updated is then refused. */
  untilAsked?: boolean;
  /** How far its searches reach beyond it; absent: as far as bounds may be wrong that are good to the second. */
  margin?: Margin;
  /** Whether it is known that the source sorts the searches by which it is read. */
  isOrderProven?: true;
  /** Resources that were counted in it before it is read. */
  counted?: number;
}

/**
 * Milliseconds by which the bounds of searches lie outside of a window, since a source's bounds may leave out some of
 * what lies next to them. What a search gives of the margin is dropped.
 */
export interface Margin {
  before: number;
  after: number;
}

/** Bounds may be wrong by a second, and may be cut to whole ones. */
export const SECONDS_MARGIN: Margin = { before: 2000, after: 2000 };

/** The window of a whole job. */
export function jobWindow(
  type: string,
  { since, until }: { since: string | undefined; until: string | undefined },
  transactionTime: string,
): Window {
  return { type, from: since, until: transactionTime, untilAsked: until !== undefined };
}

/** The bounds of time of what members who joined after `_since` had before. */
export function earlierBounds(
  since: string | undefined,
  transactionTime: string,
): { since: undefined; until: string } {
  const isInTime = since !== undefined && compareInstants(instant(since), instant(transactionTime)) < 0;
  return { since: undefined, until: isInTime ? since : transactionTime };
}

/** The window of it. */
export function earlierWindow(
  type: string,
  { since }: { since: string | undefined },
  transactionTime: string,
): Window {
  const bounds = earlierBounds(since, transactionTime);
  return jobWindow(type, bounds, bounds.until);
}

/** The instants of a window; without `from` it has no begin. */
export interface Span {
  readonly from: Instant | undefined;
  readonly until: Instant;
}

export function spanOf({ from, until }: Pick<Window, 'from' | 'until'>): Span {
  return { from: from === undefined ? undefined : instant(from), until: instant(until) };
}

/** The span that the searches of a window ask for. */
export function searchedSpan(window: Window): Span {
  const { from, until } = spanOf(window);
  const { before, after } = window.margin ?? SECONDS_MARGIN;
  return {
    from: from === undefined ? undefined : laterInstant(from, -before),
    until: laterInstant(until, after),
  };
}

/**
 * The part of a window in which the source may be trusted to count none of before and after it, as bounds may be wrong;
 * `undefined` where there is none.
 */
export function countedSpan(window: Window): Span | undefined {
  const { from, until } = spanOf(window);
  if (window.margin !== undefined) return { from, until };
  const span = {
    from: from === undefined ? undefined : laterInstant(from, SECONDS_MARGIN.after),
    until: laterInstant(until, -SECONDS_MARGIN.before),
  };
  return span.from === undefined || compareInstants(span.from, span.until) < 0 ? span : undefined;
}

/** Where an instant lies: before a span, in it, or after it. */
export function placeIn({ from, until }: Span, at: Instant): 'before' | 'in' | 'after' {
  if (compareInstants(at, until) >= 0) return 'after';
  return from !== undefined && compareInstants(at, from) < 0 ? 'before' : 'in';
}

/** Whether a resource is in a window, as far as its `meta.lastUpdated` says so. */
export function isInWindow(at: Instant | undefined, window: Window): boolean {
  if (at === undefined) return window.from === undefined && window.untilAsked !== true;
  return placeIn(spanOf(window), at) === 'in';
}

/** A span as search parameters. */
export function boundsOf({ from, until }: Span): SearchParameters {
  return [...bound('ge', from), ...bound('lt', until)];
}

/** One bound as a search parameter; none without an instant. */
export function bound(
  prefix: 'ge' | 'gt' | 'le' | 'lt',
  at: Instant | string | null | undefined,
): SearchParameters {
  if (at === null || at === undefined) return [];
  return [['_lastUpdated', `${prefix}${searchValue(typeof at === 'string' ? instant(at) : at)}`]];
}

/** @throws TypeError where the text is no instant: it is one that was checked before */
export function instant(text: string): Instant {
  const parsed = parseInstant(text);
  if (parsed === undefined) throw new TypeError('a bound of a window is no instant');
  return parsed;
}
