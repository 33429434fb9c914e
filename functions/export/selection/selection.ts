import type { JsonObject } from '../../json/json.js';
import { ExportError } from '../../common/errors.js';
import { compareInstants, parseInstant } from '../../fhir/instant.js';
import { readSearchPage, type SearchRow } from '../source/searchPage.js';
import type { SearchParameters, Source } from '../source/source.js';
import type { Cursor } from '../walk/cursor.js';
import type { Window } from '../walk/window.js';

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
   * Those of a search's parameters that only the source can judge a resource by: that it heeds them is made sure of
   * before a search is believed. None where it is left out.
   */
  sourceOnly?(search: number): SearchParameters;
  /**
   * Of the resources on a page of a search, by id, those that are not exported by it because an earlier search gives
   * them, too, or because they have left the window since.
   * @throws ExportError where the source does not tell
   */
  givenEarlier(
    search: number,
    ids: readonly string[],
    window: Window,
    source: Source,
  ): Promise<ReadonlySet<string>>;
  /**
   * Whether a resource that a search gave is exported by it, judged by what stands in the resource itself.
   * @param resource parses it
   * @throws ExportError where the source gave more than it was asked for
   */
  isExported(search: number, resource: () => JsonObject): boolean;
  /**
   * Of resources of the window's type, by id, those that the selection gives by any of its searches.
   * @throws ExportError where the source does not tell
   */
  exportedOf(ids: readonly string[], window: Window, source: Source): Promise<ReadonlySet<string>>;
}

/** Where a partition stands: in which of its searches, and where in that. */
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
    new Set((await searchByIds(ids, window, source)).map(({ id }) => id)),
};

/** Ids in one search at most. */
const MOST_IDS = 100;

/** Those of some resources that the source has and that are in the window. */
export async function searchByIds(
  ids: readonly string[],
  window: Window,
  source: Source,
): Promise<Array<SearchRow & { id: string }>> {
  const found = new Map<string, SearchRow & { id: string }>();
  await inBatches(ids, MOST_IDS, async (some) => {
    const asked = new Set(some);
    let { body } = await source.search(window.type, [
      ['_id', some.join(',')],
      ['_count', String(some.length)],
    ]);
    for (let pages = 1; ; pages++) {
      const { rows, next } = readSearchPage(body, window.type);
      for (const row of rows) {
        const { id } = row;
        if (id === undefined || !asked.has(id)) throw ignoredId(window.type);
        if (isInWindow(row, window)) found.set(id, { ...row, id });
      }
      if (next === undefined || pages >= some.length) break;
      ({ body } = await source.follow(next));
    }
  });
  return [...found.values()];
}

/** Sources answer a search that is too large for them with 400, 413 or 414. */
const TOO_LARGE: ReadonlySet<string> = new Set(['source-refused', 'source-page-too-large']);

/** Asks for batches of ids, and for the halves of one that the source refuses. */
export async function inBatches(
  ids: readonly string[],
  most: number,
  ask: (some: readonly string[]) => Promise<void>,
): Promise<void> {
  for (let start = 0; start < ids.length; start += most) {
    const some = ids.slice(start, start + most);
    try {
      await ask(some);
    } catch (thrown) {
      if (!(thrown instanceof ExportError) || !TOO_LARGE.has(thrown.code) || some.length === 1) throw thrown;
      await inBatches(some, Math.ceil(some.length / 2), ask);
    }
  }
}

/** Whether a resource is in a window, as far as it tells. */
export function isInWindow({ lastUpdated }: SearchRow, { from, until, untilAsked }: Window): boolean {
  if (lastUpdated === undefined) return from === undefined && untilAsked !== true;
  const [first, end] = [parseInstant(from), parseInstant(until)];
  return (
    (first === undefined || compareInstants(lastUpdated, first) >= 0) &&
    (end === undefined || compareInstants(lastUpdated, end) < 0)
  );
}

function ignoredId(type: string): ExportError {
  return new ExportError(
    'source-ignored-parameter',
    `The source answered a search for some ${type} resources by _id with others. Check the source's search on _id.`,
  );
}
