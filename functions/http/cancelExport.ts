import { endCancelledJob } from '../jobs/endJob.js';
import { mayBecome, stateOf } from '../jobs/model/state.js';
import { describeThrown } from '../common/errors.js';
import { informationIssue } from '../fhir/operationOutcome.js';
import type { HttpDependencies } from './dependencies.js';
import { readJobId, unknownJob, visibleTo } from './jobOfPath.js';
import { outcomeResponse } from './respond.js';
import type { Handler } from './handler.js';

/** A client that cancels waits for its answer, so what takes longer is left to the timer. */
const MAX_MS = 8000;

/**
 * Stops a running job and deletes its files; of a finished one, deletes the files.
 * https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-delete-request
 */
export function cancelExport({ jobs, files, bulkOf, now }: HttpDependencies): Handler {
  return async (request, client, context, caller) => {
    const jobId = readJobId(request);
    const state = visibleTo(caller, stateOf(await jobs.records(jobId)));
    if (!mayBecome(state, 'cancelled')) throw unknownJob();
    // This is the cancel: slices look for it, since terminating reaches neither them nor sub-orchestrations.
    // What follows is done again by the timer, should it be cut off here.
    await jobs.putStop(jobId, { reason: 'cancelled', at: new Date(now()).toISOString() });
    const signal = AbortSignal.timeout(MAX_MS);
    let isDone = false;
    try {
      await endCancelledJob({ jobs, files, bulkOf }, client, state.request, signal);
      isDone = true;
    } catch (error) {
      const reason = signal.aborted ? 'left to the timer' : describeThrown(error);
      context.warn(JSON.stringify({ step: 'cancelExport', jobId, thrown: reason }));
    }
    const words = isDone ? 'its files are deleted' : 'its files will be deleted within some minutes';
    return outcomeResponse(202, [informationIssue(`The export no longer exists; ${words}.`)]);
  };
}
