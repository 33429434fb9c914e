import type { HttpRequest } from '@azure/functions';
import { JOB_STATES, type JobState, type KnownState } from '../jobs/model/state.js';
import { type Caller, maySee } from './authorization/caller.js';
import { RequestError } from './respond.js';

/** The job id in the path; what cannot be one is as unknown as any other job. */
export function readJobId(request: HttpRequest): string {
  const { jobId } = request.params;
  if (jobId === undefined || !/^[0-9a-f]{32}$/.test(jobId)) throw unknownJob();
  return jobId;
}

/** The state of a job that the caller may know of. @throws RequestError 404 for others, whatever the reason */
export function visibleTo(caller: Caller, state: JobState): KnownState {
  if (state.name === 'unknown' || !JOB_STATES[state.name].isVisible || !maySee(caller, state.request)) {
    throw unknownJob();
  }
  return state;
}

export function unknownJob(): RequestError {
  return new RequestError(404, 'Export not found: unknown id, cancelled, or expired.');
}
