import type { SearchRow } from '../source/resourceRow.js';
import type { SearchParameters } from '../source/source.js';

/** Resources of another type that come along with those of a page, into a file of their own. */
export interface Companions {
  readonly type: string;
  /** What makes the source send them along. */
  readonly parameters: SearchParameters;
  /** Of those that came along with a page, the ones that are exported with its exported resources. */
  exportedWith(ids: readonly string[], included: readonly SearchRow[]): Promise<readonly SearchRow[]>;
}
