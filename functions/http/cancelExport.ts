import { terminateJob } from '../adapters/jobInstances.js';
import { describeThrown } from '../errors.js';
import { informationIssue } from '../export/operationOutcome.js';
import type { HttpDependencies } from './dependencies.js';
import { maySee } from './authorization/caller.js';
import { readJobId, unknownJob } from './jobId.js';
import { outcomeResponse } from './respond.js';
import type { Handler } from './handler.js';

/**
 * Stops a running job and deletes its files; of a finished one, deletes the files.
 * https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-delete-request
 */
export function cancelExport({ jobs, files, now }: HttpDependencies): Handler {
  return async (request, client, context, caller) => {
    const jobId = readJobId(request);
    const [job, stop] = await Promise.all([jobs.request(jobId), jobs.stop(jobId)]);
    if (job === undefined || stop?.reason === 'cancelled' || !maySee(caller, job)) {
      throw unknownJob();
    }
    // This is the cancel: slices look for it, since terminating reaches neither them nor sub-orchestrations.
    // What follows is done again by the timer, should it be cut off here.
    await jobs.putStop(jobId, { reason: 'cancelled', at: new Date(now()).toISOString() });
    try {
      const partitions = (await jobs.plan(jobId))?.partitions.length ?? 0;
      await terminateJob(client, job, partitions);
      await files.discard(job);
      await jobs.destroyWorkingState(jobId);
    } catch (thrown) {
      context.warn(JSON.stringify({ step: 'cancelExport', jobId, thrown: describeThrown(thrown) }));
    }
    return outcomeResponse(202, [informationIssue('The export was cancelled; its files are deleted.')]);
  };
}
