/** The interval of `meta.lastUpdated` of one type: from `from` (inclusive) to `until` (exclusive). */
export interface Window {
  type: string;
  from: string | undefined;
  until: string;
  /** Whether the caller asked for an end: a resource that does not tell when it was updated is then refused. */
  untilAsked?: boolean;
  /** How far its searches reach beyond it; absent: as far as bounds may be wrong that are good to the second. */
  margin?: Margin;
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
