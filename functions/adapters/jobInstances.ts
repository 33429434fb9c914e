import { type DurableClient, OrchestrationRuntimeStatus } from 'durable-functions';
import type { JobRequest } from '../export/job.js';
import { jobInstanceId, laneInstanceId, partitionInstanceId } from '../orchestrators/instanceIds.js';

/** Whether the job's orchestration is there and has not ended. @throws where that cannot be told */
export async function isRunning(client: DurableClient, jobId: string): Promise<boolean> {
  const status = await runtimeStatus(client, jobId);
  return status !== undefined && RUNNING.includes(status);
}

/** Whether the job's orchestration has ended by a fault or from outside. @throws where that cannot be told */
export async function hasBrokenOff(client: DurableClient, jobId: string): Promise<boolean> {
  const status = await runtimeStatus(client, jobId);
  return status !== undefined && BROKEN_OFF.includes(status);
}

/** Terminates all orchestrations of a job, parents first: a parent whose child is terminated fails. */
export async function terminateJob(
  client: DurableClient,
  job: Pick<JobRequest, 'jobId' | 'lanes'>,
  partitions: number,
): Promise<void> {
  for (const id of instanceIds(job, partitions)) {
    // The client puts the reason into a URL as it is.
    await unlessUnknown(client.terminate(id, 'cancelled'));
  }
}

/** Removes all orchestrations of a job and their histories. */
export async function purgeJob(
  client: DurableClient,
  job: Pick<JobRequest, 'jobId' | 'lanes'>,
  partitions: number,
): Promise<void> {
  for (const id of instanceIds(job, partitions)) await unlessUnknown(client.purgeInstanceHistory(id));
}

const RUNNING: readonly OrchestrationRuntimeStatus[] = [
  OrchestrationRuntimeStatus.Running,
  OrchestrationRuntimeStatus.Pending,
  OrchestrationRuntimeStatus.ContinuedAsNew,
  OrchestrationRuntimeStatus.Suspended,
];
const BROKEN_OFF: readonly OrchestrationRuntimeStatus[] = [
  OrchestrationRuntimeStatus.Failed,
  OrchestrationRuntimeStatus.Terminated,
  OrchestrationRuntimeStatus.Canceled,
];

/** Every instance that a job may have, parents first. */
function instanceIds({ jobId, lanes }: Pick<JobRequest, 'jobId' | 'lanes'>, partitions: number): string[] {
  return [
    jobInstanceId(jobId),
    ...Array.from({ length: lanes }, (_, lane) => laneInstanceId(jobId, lane)),
    ...Array.from({ length: partitions }, (_, partition) => partitionInstanceId(jobId, partition)),
  ];
}

async function runtimeStatus(
  client: DurableClient,
  jobId: string,
): Promise<OrchestrationRuntimeStatus | undefined> {
  return (await unlessUnknown(client.getStatus(jobInstanceId(jobId))))?.runtimeStatus;
}

/** The client tells an unknown instance by an error that has its status in the text only. */
async function unlessUnknown<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (thrown) {
    if (thrown instanceof Error && /HTTP 404|No instance with ID/.test(thrown.message)) return undefined;
    throw thrown;
  }
}
