import type { DurableClient } from 'durable-functions';
import { discardOutput } from '../activities/discardOutput.js';
import { informationIssue } from '../export/operationOutcome.js';
import { jobInstanceIds } from '../orchestrators/instanceIds.js';
import type { HttpDependencies } from './dependencies.js';
import { readJobId, unknownJob } from './jobId.js';
import { outcomeResponse } from './respond.js';
import type { Handler } from './routes.js';

/**
 * Stops a running job and deletes its files; of a finished one, deletes the files.
 * https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-delete-request
 */
export function cancelExport({ jobs, files, settings }: HttpDependencies): Handler {
  return async (request, client) => {
    const jobId = readJobId(request);
    const [job, stop] = await Promise.all([jobs.request(jobId), jobs.stop(jobId)]);
    if (job === undefined || stop?.reason === 'cancelled') throw unknownJob();
    // First of all, since the slices look for it: terminating reaches neither them nor sub-orchestrations.
    await jobs.putStop(jobId, { reason: 'cancelled' });
    await jobs.destroySecrets(jobId);
    const plan = await jobs.plan(jobId);
    for (const id of jobInstanceIds(jobId, settings.parallelPartitions, plan?.partitions.length ?? 0)) {
      await terminate(client, id);
    }
    await discardOutput(files, job);
    return outcomeResponse(202, [informationIssue('The export was cancelled and its files are deleted.')]);
  };
}

/** An instance that was never started, or has ended, is as good as terminated. */
async function terminate(client: DurableClient, instanceId: string): Promise<void> {
  await client.terminate(instanceId, 'cancelled').catch(() => undefined);
}
