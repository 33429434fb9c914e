import { filtered } from './filtered.js';
import type { JobRequest } from './job.js';
import { EVERYTHING, type Selection } from './selection.js';

/** Which resources of a type a job exports. */
export function selectionOf(request: Pick<JobRequest, 'typeFilters'>, type: string): Selection {
  return filtered(
    EVERYTHING,
    request.typeFilters.filter((filter) => filter.type === type),
  );
}
