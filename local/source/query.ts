import type { TimeRange } from './instant.js';

type SortKey = '_lastUpdated' | '_id';

export interface SortTerm {
  key: SortKey;
  descending: boolean;
}

/** One value-bearing search parameter besides `_id` and `_lastUpdated`; its values are alternatives. */
export interface ValueFilter {
  parameter: string;
  values: readonly string[];
}

/** Which resources of a type are wanted and in what order. All filters must hold. */
export interface Query {
  /** `meta.lastUpdated` bounds, in microseconds; infinite where there is none. */
  time: TimeRange;
  /** Each list holds alternatives. */
  ids: readonly (readonly string[])[];
  filters: readonly ValueFilter[];
  /** Empty: the source's own order, which is that of the rows. */
  sort: readonly SortTerm[];
}

/** The same text for queries that find the same resources in the same order. */
export function queryKey(query: Query): string {
  return JSON.stringify([query.time.from, query.time.to, query.ids, query.filters, query.sort], (_, value) =>
    value === Infinity || value === -Infinity ? String(value) : (value as unknown),
  );
}
