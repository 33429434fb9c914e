import { type DurableClient, OrchestrationRuntimeStatus } from 'durable-functions';
import pMap from 'p-map';
import type { JobRequest } from '../export/records/job.js';
import type { JobStore } from '../adapters/storage/jobStore.js';
import { type InstanceEnd, type JobState, type KnownState, stateOf } from './model/state.js';
import {
  GROUPS_OF_FILES,
  GROUPS_PER_START,
  jobInstanceId,
  MAX_STARTS,
  workerInstanceId,
  partitionInstanceId,
} from './model/instanceIds.js';

/** A job younger than this without an orchestration may be starting just now. */
export const MAX_STARTING_MS = 3_600_000;

/**
 * The state of a job whose records leave its end open, with what its orchestration says. @throws where that is not
 * known
 */
export async function lookAtInstance(
  jobs: Pick<JobStore, 'records'>,
  client: DurableClient,
  recorded: KnownState,
  now: number,
): Promise<JobState> {
  const { jobId, startedAt } = recorded.request;
  const status = (await unlessUnknown(client.getStatus(jobInstanceId(jobId))))?.runtimeStatus;
  const isStarting = now - Date.parse(startedAt) <= MAX_STARTING_MS;
  const end = status === undefined ? (isStarting ? undefined : 'missing') : ENDS[status];
  // An orchestration ends after its outcome is written, which may have been since the records were read.
  return end === undefined ? recorded : stateOf({ ...(await jobs.records(jobId)), end });
}

const ENDS: Readonly<Partial<Record<OrchestrationRuntimeStatus, InstanceEnd>>> = {
  [OrchestrationRuntimeStatus.Completed]: 'completed',
  [OrchestrationRuntimeStatus.Failed]: 'broken-off',
  [OrchestrationRuntimeStatus.Terminated]: 'broken-off',
  [OrchestrationRuntimeStatus.Canceled]: 'broken-off',
};

/** What the ids of a job's workers follow from: parts of files may be read again, by other workers. */
export type WorkersOf = Pick<JobRequest, 'jobId' | 'workers' | 'sourceMode' | 'referencedTypes'>;

/** Calls to the Durable extension at the same time, each of them a request to the host. */
const AT_ONCE = { concurrency: 8 };

/**
 * Terminates the orchestrations of a job that may be under way, the job's own first: a parent whose child is
 * terminated fails.
 * @param partitions those that workers are at; of the others, none has begun or all have ended
 */
export async function terminateJob(
  client: DurableClient,
  job: WorkersOf,
  partitions: readonly number[],
): Promise<void> {
  const { jobId } = job;
  // The client puts the reason into a URL as it is.
  const terminate = (id: string): Promise<unknown> => unlessUnknown(client.terminate(id, 'cancelled'));
  await terminate(jobInstanceId(jobId));
  await pMap(workerIds(job), terminate, AT_ONCE);
  const ids = partitions.map((partition) => partitionInstanceId(jobId, partition));
  await pMap(ids, terminate, AT_ONCE);
}

/** Removes all orchestrations of a job and their histories. */
export async function purgeJob(client: DurableClient, job: WorkersOf, partitions: number): Promise<void> {
  const { jobId } = job;
  const ids = [
    jobInstanceId(jobId),
    ...workerIds(job),
    ...Array.from({ length: partitions }, (_, partition) => partitionInstanceId(jobId, partition)),
  ];
  await pMap(ids, (id) => unlessUnknown(client.purgeInstanceHistory(id)), AT_ONCE);
}

function workerIds({ jobId, workers, sourceMode, referencedTypes = [] }: WorkersOf): string[] {
  const ofFiles = sourceMode === undefined ? 1 : GROUPS_OF_FILES;
  const groups = referencedTypes.length > 0 ? GROUPS_PER_START : ofFiles;
  const starts = sourceMode === 'bulk' || sourceMode === 'auto' ? MAX_STARTS : 1;
  const ids: string[] = [];
  for (let start = 0; start < starts; start++) {
    const first = start * GROUPS_PER_START * workers;
    for (let more = 0; more < groups * workers; more++) ids.push(workerInstanceId(jobId, first + more));
  }
  return ids;
}

/** The client reports an unknown instance by an error that has its status in the text only. */
async function unlessUnknown<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Error && /HTTP 404|No instance with ID/.test(error.message)) return undefined;
    throw error;
  }
}
