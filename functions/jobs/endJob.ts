import type { DurableClient } from 'durable-functions';
import type { JobRequest } from '../export/records/job.js';
import { type JobOutcome, type KnownState, outcomeOf } from './model/state.js';
import { terminateJob, type WorkersOf } from './jobInstances.js';
import { closeSource, type SourceCloser } from './closeSource.js';
import type { ExportFiles } from '../adapters/storage/exportFiles.js';
import type { JobStore } from '../adapters/storage/jobStore.js';

interface Stores extends SourceCloser {
  jobs: SourceCloser['jobs'] & Pick<JobStore, 'claimedPartitions' | 'destroySecrets' | 'destroyWorkingState'>;
  files: Pick<ExportFiles, 'discard'>;
}

/**
 * Ends a job as its state says: writes its outcome, and takes away what is not needed after it, its files where they are
 * not complete. Safe to repeat, and to run twice at once: the first outcome that is written holds.
 * @param now milliseconds since the epoch
 */
export async function endJob(
  { jobs, files, bulkOf }: Stores & { jobs: Pick<JobStore, 'putOutcome'> },
  state: KnownState,
  now: number,
): Promise<JobOutcome['state']> {
  const { request } = state;
  const held = await jobs.putOutcome(request.jobId, outcomeOf(state, new Date(now).toISOString()));
  // A cancel holds whatever the outcome says.
  const end = state.name === 'cancelled' ? 'cancelled' : held.state;
  if (end === 'completed') await jobs.destroyWorkingState(request.jobId);
  else await discardJob({ jobs, files, bulkOf }, request);
  await closeSource({ jobs, bulkOf }, request.jobId);
  return end;
}

/**
 * Takes away what is left of a job that ends without data: first what could make its pseudonyms or undo them, since
 * many files take long to delete. Safe to repeat.
 * @param signal ends it before all is gone, but not before the secrets are
 */
async function discardJob(
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
  job: WorkersOf & Pick<JobRequest, 'container' | 'folder'>,
  signal?: AbortSignal,
): Promise<void> {
  const { jobs } = stores;
  // Not left to the end: the Durable extension may not answer.
  await jobs.destroySecrets(job.jobId);
  await terminateJob(client, job, await jobs.claimedPartitions(job.jobId));
  await discardJob(stores, job, signal);
  await closeSource(stores, job.jobId);
}
