import type { JsonObject } from '../../json/json.js';
import { type IdentifiedRow, searchByIds } from '../source/searchByIds.js';
import type { SearchParameters, Source } from '../source/source.js';
import type { Cursor } from '../walk/cursor.js';
import { isInWindow, type Window } from '../walk/window.js';

/**
 * Which resources of a window belong to the export, as one or more searches whose union they are. A resource that
 * several searches give is exported by the first of them: a partition walks its searches one after the other.
 */
export interface Selection {
  /** How many searches there are; at least one. */
  readonly searches: number;
  /** What a search asks for besides the window's type and bounds. */
  parameters(search: number): SearchParameters;
  /** Which alternative of the type's filters a search belongs to; absent: there are none. */
  alternative?(search: number): number;
  /**
   * Those of a search's parameters that only the source can judge a resource by: that it honors them is made sure of
   * before a search is believed. None where it is left out.
   */
  sourceOnly?(search: number): SearchParameters;
  /**
   * Of the resources on a page of a search, by id, those that are not exported by it because an earlier search gives
   * them, too, or because they have left the window since.
   * @throws ExportError where the source does not say
   */
  givenEarlier(
    search: number,
    ids: readonly string[],
    window: Window,
    source: Source,
  ): Promise<ReadonlySet<string>>;
  /**
   * Whether a resource that a search gave is exported by it, judged by the resource itself.
   * @param resource parses it
   * @throws ExportError where the source gave more than it was asked for
   */
  isExported(search: number, resource: () => JsonObject): boolean;
  /**
   * Of resources of the window's type, by id, those that the selection gives by any of its searches.
   * @throws ExportError where the source does not say
   */
  exportedOf(ids: readonly string[], window: Window, source: Source): Promise<ReadonlySet<string>>;
}

/** How far a partition is: in which of its searches, and where in that. */
export interface SliceCursor {
  search: number;
  /** `undefined`: at the search's begin. */
  walk: Cursor | undefined;
}

const NONE: ReadonlySet<string> = new Set();

/** Every resource of a type. */
export const EVERYTHING: Selection = {
  searches: 1,
  parameters: () => [],
  givenEarlier: () => Promise.resolve(NONE),
  isExported: () => true,
  exportedOf: async (ids, window, source) =>
    new Set((await foundIn(window, source, ids)).map(({ id }) => id)),
};

/** Those of some resources that the source has and that are in the window, by their ids. */
export async function foundIn(
  window: Window,
  source: Source,
  ids: readonly string[],
  isWhole = false,
): Promise<IdentifiedRow[]> {
  const rows = await searchByIds(source, window.type, ids, { isWhole });
  return rows.filter(({ lastUpdated }) => isInWindow(lastUpdated, window));
}
