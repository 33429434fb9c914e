import type { SafeFailure } from '../common/errors.js';
import { mayBecome, stateOf } from '../jobs/model/state.js';
import type { ActivityDependencies } from './dependencies.js';

/** Records why the job fails and thereby makes its other slices stop. */
export function stopExport({ jobs, now }: ActivityDependencies) {
  return async ({ jobId, failure }: { jobId: string; failure: SafeFailure }): Promise<null> => {
    const state = stateOf(await jobs.records(jobId));
    if (mayBecome(state, 'stopping'))
      await jobs.putStop(jobId, { reason: 'failed', failure, at: new Date(now()).toISOString() });
    return null;
  };
}
