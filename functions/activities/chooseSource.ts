import pMap from 'p-map';
import type { JobRequest } from '../export/records/job.js';
import type { SourceChoice } from '../export/records/sourceExport.js';
import { onRefusal } from '../export/source/refusals.js';
import { requesterOf } from '../export/source/requestLimiter.js';
import type { ActivityLog } from './activity.js';
import type { ActivityDependencies } from './dependencies.js';
import { BINARY, inCompartment, listedTypes, readSource } from './sourceTypes.js';

/**
 * Which types of a job the source is searched for, and which its own export is to give: decided by one search for each,
 * since a CapabilityStatement shows neither.
 */
export async function chooseSource(
  { settings, sourceOf, isResourceType }: ActivityDependencies,
  request: JobRequest,
  log: ActivityLog,
): Promise<SourceChoice> {
  const source = sourceOf(requesterOf(request), log);
  const { capabilities } = await readSource(settings, source, request);
  const listed = listedTypes(capabilities, request, isResourceType).filter((type) => type !== BINARY);
  const all = request.types ?? listed;
  const types = request.level.kind === 'system' ? all : inCompartment(settings, all);
  const isSearched = (type: string): Promise<boolean> =>
    source.search(type, [['_count', '1']]).then(
      () => true,
      onRefusal('leave out', () => false),
    );
  const searched = await pMap(types, isSearched, { concurrency: settings.sourceMaxRequests });
  const search = types.filter((_, index) => searched[index]);
  const bulk = types.filter((_, index) => searched[index] !== true);
  // Without any that it lists or answers for, what the source has, its own export shows.
  return { search, bulk: search.length === 0 && request.types === undefined ? undefined : bulk };
}
