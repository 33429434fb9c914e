import type { DurableClient } from 'durable-functions';
import type { JobRequest } from '../export/records/job.js';
import { terminateJob } from './jobInstances.js';
import type { ExportFiles } from '../adapters/storage/exportFiles.js';
import type { JobStore } from '../adapters/storage/jobStore.js';

interface Stores {
  jobs: Pick<JobStore, 'claimedPartitions' | 'destroySecrets' | 'destroyWorkingState'>;
  files: Pick<ExportFiles, 'discard'>;
}

/**
 * Takes away what is left of a job that ends without data: first what could make its pseudonyms or undo them, since
 * many files take long to delete. Safe to repeat.
 * @param signal ends it before all is gone, but not before the secrets are
 */
export async function discardJob(
  { jobs, files }: Stores,
  job: Pick<JobRequest, 'jobId' | 'container' | 'folder'>,
  signal?: AbortSignal,
): Promise<void> {
  await jobs.destroySecrets(job.jobId);
  await files.discard(job, signal);
  await jobs.destroyWorkingState(job.jobId, signal);
}

/**
 * Ends a job that is marked as cancelled: its secrets, then its orchestrations, then what is left of it. A slice that
 * still runs finds the mark, or no secret, and fails; what it writes meanwhile goes when this is done again.
 * @param signal ends it before all is gone, but not before the secrets are
 */
export async function endCancelledJob(
  stores: Stores,
  client: DurableClient,
  job: Pick<JobRequest, 'jobId' | 'workers' | 'container' | 'folder'>,
  signal?: AbortSignal,
): Promise<void> {
  const { jobs } = stores;
  // Not left to the end: the Durable extension may not answer.
  await jobs.destroySecrets(job.jobId);
  await terminateJob(client, job, await jobs.claimedPartitions(job.jobId));
  await discardJob(stores, job, signal);
}
