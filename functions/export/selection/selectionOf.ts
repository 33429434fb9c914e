import { filtered } from './filtered.js';
import type { ExportScope } from '../request/scope.js';
import { EVERYTHING, type Selection } from './selection.js';

/**
 * Which resources of a type a job exports.
 * @param base those of its level; by default all of the type
 */
export function selectionOf(
  request: Pick<ExportScope, 'typeFilters'>,
  type: string,
  base: Selection = EVERYTHING,
): Selection {
  return filtered(
    base,
    request.typeFilters.filter((filter) => filter.type === type),
  );
}
