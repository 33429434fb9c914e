import { type DurableClient, OrchestrationRuntimeStatus } from 'durable-functions';
import type { JobRequest } from '../export/records/job.js';
import { forEachConcurrently } from '../common/mapConcurrently.js';
import { jobInstanceId, workerInstanceId, partitionInstanceId } from './instanceIds.js';

/** Whether the job's orchestration is there and has not ended. @throws where that cannot be told */
export async function isRunning(client: DurableClient, jobId: string): Promise<boolean> {
  const status = await runtimeStatus(client, jobId);
  return status !== undefined && RUNNING.includes(status);
}

/**
 * How the job's orchestration ended: by its own code, or by a fault or from outside; `undefined` where it has not, or is
 * unknown. @throws where that cannot be told
 */
export async function endOfInstance(
  client: DurableClient,
  jobId: string,
): Promise<'completed' | 'broken-off' | undefined> {
  const status = await runtimeStatus(client, jobId);
  if (status === OrchestrationRuntimeStatus.Completed) return 'completed';
  return status !== undefined && BROKEN_OFF.includes(status) ? 'broken-off' : undefined;
}

/** Calls to the Durable extension at the same time, each of them a request to the host. */
const PARALLEL_CALLS = 8;

/**
 * Terminates the orchestrations of a job that may be under way, the job's own first: a parent whose child is
 * terminated fails.
 * @param partitions those that workers are at; of the others, none has begun or all have ended
 */
export async function terminateJob(
  client: DurableClient,
  job: Pick<JobRequest, 'jobId' | 'workers'>,
  partitions: readonly number[],
): Promise<void> {
  const { jobId } = job;
  // The client puts the reason into a URL as it is.
  const terminate = (id: string): Promise<unknown> => unlessUnknown(client.terminate(id, 'cancelled'));
  await terminate(jobInstanceId(jobId));
  await forEachConcurrently(workerIds(job), PARALLEL_CALLS, terminate);
  await forEachConcurrently(
    partitions.map((partition) => partitionInstanceId(jobId, partition)),
    PARALLEL_CALLS,
    terminate,
  );
}

/** Removes all orchestrations of a job and their histories. */
export async function purgeJob(
  client: DurableClient,
  job: Pick<JobRequest, 'jobId' | 'workers'>,
  partitions: number,
): Promise<void> {
  const { jobId } = job;
  const ids = [
    jobInstanceId(jobId),
    ...workerIds(job),
    ...Array.from({ length: partitions }, (_, partition) => partitionInstanceId(jobId, partition)),
  ];
  await forEachConcurrently(ids, PARALLEL_CALLS, (id) => unlessUnknown(client.purgeInstanceHistory(id)));
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

function workerIds({ jobId, workers }: Pick<JobRequest, 'jobId' | 'workers'>): string[] {
  return Array.from({ length: workers }, (_, worker) => workerInstanceId(jobId, worker));
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
