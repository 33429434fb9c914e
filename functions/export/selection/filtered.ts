import { searchByIds } from '../source/searchByIds.js';
import type { Selection } from './selection.js';
import type { SearchParameters, Source } from '../source/source.js';
import type { TypeFilter } from '../request/typeFilter.js';
import { placeIn, spanOf, type Window } from '../walk/window.js';

/**
 * The resources of a selection that match one of the filters of their type. Each is exported once: for those on a
 * page of a later filter, the source is asked which of them match an earlier one, so no set grows with the export.
 */
export function filtered(base: Selection, filters: readonly TypeFilter[]): Selection {
  if (filters.length === 0) return base;
  // A filter that looks at other resources may match today what it did not match when its search was walked. So it
  // comes last: the ones before it are then asked for again, and not it.
  const searches = filters
    .map(({ search }) => search)
    .toSorted((a, b) => Number(looksAtOthers(a)) - Number(looksAtOthers(b)));
  const filterOf = (search: number): SearchParameters => searches[Math.floor(search / base.searches)] ?? [];
  const baseOf = (search: number): number => search % base.searches;
  return {
    searches: searches.length * base.searches,
    alternative: (search) => Math.floor(search / base.searches),
    parameters: (search) => [...filterOf(search), ...base.parameters(baseOf(search))],
    sourceOnly: (search) => [...filterOf(search), ...(base.sourceOnly?.(baseOf(search)) ?? [])],
    isExported: (search, resource) => base.isExported(baseOf(search), resource),
    async exportedOf(ids, window, source) {
      const given = new Set<string>();
      let left = [...(await base.exportedOf(ids, window, source))];
      for (const filter of searches) {
        for (const [id, state] of await inSource(source, window, left, filter)) {
          if (state === 'within') given.add(id);
        }
        left = left.filter((id) => !given.has(id));
      }
      return given;
    },
    async givenEarlier(search, ids, window, source) {
      const given = new Set(await base.givenEarlier(baseOf(search), ids, window, source));
      const earlier = searches.slice(0, Math.floor(search / base.searches));
      if (earlier.length === 0) return given;
      let left = ids.filter((id) => !given.has(id));
      for (const filter of earlier) {
        const matching = await inSource(source, window, left, filter);
        for (const id of matching.keys()) given.add(id);
        left = left.filter((id) => !matching.has(id));
      }
      // What was updated or deleted between the page and these questions did not match because of that, although it
      // may have been exported before. It has left the window: an export by the next `_since` reports it.
      const present = await inSource(source, window, left, []);
      for (const id of left) if (present.get(id) !== 'within') given.add(id);
      return given;
    },
  };
}

/** Whether more than one filter of a type looks at other resources: their results may then overlap, or miss some. */
export function isUnsteady(filters: readonly TypeFilter[]): boolean {
  return filters.filter(({ search }) => looksAtOthers(search)).length > 1;
}

/** Chained and reverse chained parameters, and lists. */
function looksAtOthers(search: SearchParameters): boolean {
  return search.some(([name]) => name.includes('.') || /^_(has|list|query|filter)\b/.test(name));
}

/** Which of the ids a search gives, and whether what it gives is still within the window or was updated since. */
async function inSource(
  source: Source,
  window: Window,
  ids: readonly string[],
  search: SearchParameters,
): Promise<ReadonlyMap<string, 'within' | 'updated'>> {
  const span = spanOf(window);
  const rows = await searchByIds(source, window.type, ids, { search });
  return new Map(
    rows.map(({ id, lastUpdated }) => {
      const isUpdated = lastUpdated !== undefined && placeIn(span, lastUpdated) === 'after';
      return [id, isUpdated ? 'updated' : 'within'];
    }),
  );
}
