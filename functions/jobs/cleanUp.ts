import { app } from '@azure/functions';
import * as df from 'durable-functions';
import pMap from 'p-map';
import type { ExportFiles } from '../adapters/storage/exportFiles.js';
import { endCancelledJob, endJob } from './endJob.js';
import { closeSource, type SourceCloser } from './closeSource.js';
import { lookAtInstance, MAX_STARTING_MS, purgeJob } from './jobInstances.js';
import { expiryOf, isOpen, stateOf } from './model/state.js';
import type { JobStore } from '../adapters/storage/jobStore.js';
import { describeThrown, safeFailure } from '../common/errors.js';
import type { JobRequest } from '../export/records/job.js';
import { manifestFileNames } from '../export/output/manifest.js';
import type { Settings } from '../settings/settings.js';

interface CleanUpDependencies extends SourceCloser {
  settings: Pick<Settings, 'jobRetentionHours'>;
  jobs: JobStore;
  files: ExportFiles;
  now: () => number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Every ten minutes; six fields, seconds first. */
const SCHEDULE = '0 */10 * * * *';
const PARALLEL_JOBS = 4;
/** An abandoned attempt may still be writing for so long. */
const STRAGGLER_MS = 24 * HOUR_MS;

/** Registers the timer that removes what ended jobs have left, and jobs and records of members whose retention is over. */
export function registerCleanUp(
  dependencies: CleanUpDependencies & { settings: Pick<Settings, 'membershipDays'> },
): void {
  app.timer('cleanUp', {
    schedule: SCHEDULE,
    extraInputs: [df.input.durableClient()],
    handler: async (_timer, context) => {
      const client = df.getClient(context);
      const { jobs, settings, now } = dependencies;
      const noted = (work: Promise<void>, of: { jobId?: string } = {}): Promise<void> =>
        work.catch((error: unknown) => {
          // The next run looks again; other jobs are not held up.
          const failure = { ...safeFailure(error), thrown: describeThrown(error) };
          context.error(JSON.stringify({ step: 'cleanUp', ...of, ...failure }));
        });
      await noted(jobs.dropMemberships(now() - settings.membershipDays * DAY_MS));
      const cleanUp = (jobId: string): Promise<void> =>
        noted(cleanUpJob(dependencies, client, jobId), { jobId });
      await pMap(await jobs.jobIds(), cleanUp, { concurrency: PARALLEL_JOBS });
    },
  });
}

/** Does for one job what its state asks for. Deletes nothing of a job that may still be running. */
export async function cleanUpJob(
  dependencies: CleanUpDependencies,
  client: df.DurableClient,
  jobId: string,
): Promise<void> {
  const { jobs, files, now, settings } = dependencies;
  const recorded = stateOf(await jobs.records(jobId));
  const state = isOpen(recorded) ? await lookAtInstance(jobs, client, recorded, now()) : recorded;
  switch (state.name) {
    case 'running':
    case 'stopping':
      return;
    case 'unknown':
      // A kick-off that did not come to its end; it may be at it just now.
      if (now() - (await jobs.lastModified(jobId)) > MAX_STARTING_MS) await jobs.deleteAll(jobId);
      return;
    case 'lost':
      await endJob(dependencies, state, now());
      return;
    case 'cancelled':
      // Again: the cancel may have been cut off, and slices may have written since.
      await endCancelledJob(dependencies, client, state.request);
      if (now() - Date.parse(state.at) > STRAGGLER_MS) await forgetJob(jobs, client, state.request);
      return;
    case 'completed':
    case 'failed': {
      const isOver = now() > expiryOf(state, settings.jobRetentionHours);
      await jobs.destroyWorkingState(jobId);
      await closeSource(dependencies, jobId);
      if (isOver || state.name === 'failed') await files.discard(state.request);
      else if (now() - Date.parse(state.at) < STRAGGLER_MS) await deleteOrphans(jobs, files, state.request);
      if (isOver) await forgetJob(jobs, client, state.request);
    }
  }
}

/** Deletes what abandoned attempts have written since the job ended. */
async function deleteOrphans(jobs: JobStore, files: ExportFiles, request: JobRequest): Promise<void> {
  const { jobId, container, folder } = request;
  const manifest = await jobs.manifest(jobId);
  if (manifest === undefined) return;
  const kept = manifestFileNames(manifest, request);
  const names = [...(await files.list(container, folder)).keys()];
  await files.deleteFiles(
    container,
    names.filter((name) => !kept.has(name)),
  );
}

/** Removes the orchestrations of a job and then its state, without which they could not be found. */
async function forgetJob(jobs: JobStore, client: df.DurableClient, request: JobRequest): Promise<void> {
  const plan = await jobs.plan(request.jobId);
  const { partitions = [], first = 0 } = plan ?? {};
  // Parts of files may have been read twice.
  const repeated = partitions.filter(({ file }) => file !== undefined);
  const last = plan && (await jobs.referencedRounds(request.jobId, plan)).at(-1);
  const end = last === undefined ? 0 : last.first + last.partitions.length;
  await purgeJob(client, request, Math.max(end, first + partitions.length + repeated.length));
  await jobs.deleteAll(request.jobId);
}
