import { app } from '@azure/functions';
import * as df from 'durable-functions';
import type { ExportFiles } from '../adapters/storage/exportFiles.js';
import { discardJob, endCancelledJob } from './endJob.js';
import { isRunning, purgeJob } from './jobInstances.js';
import type { JobStore } from '../adapters/storage/jobStore.js';
import { describeThrown, safeFailure } from '../common/errors.js';
import type { JobOutcome, JobRequest, StopReason } from '../export/records/job.js';
import { manifestFileNames } from '../export/output/manifest.js';
import { forEachConcurrently } from '../common/mapConcurrently.js';
import type { Settings } from '../settings/settings.js';

interface CleanUpDependencies {
  settings: Pick<Settings, 'jobRetentionHours'>;
  jobs: JobStore;
  files: ExportFiles;
  now: () => number;
}

const HOUR_MS = 3_600_000;
/** Every ten minutes; six fields, seconds first. */
const SCHEDULE = '0 */10 * * * *';
const PARALLEL_JOBS = 4;
/** An attempt that nobody waits for any more may still be writing for so long. */
const STRAGGLER_MS = 24 * HOUR_MS;
/** A job younger than this without an orchestration may be starting just now. */
const STARTING_MS = HOUR_MS;

/** Registers the timer that removes what ended jobs have left, and jobs whose retention is over. */
export function registerCleanUp(dependencies: CleanUpDependencies): void {
  app.timer('cleanUp', {
    schedule: SCHEDULE,
    extraInputs: [df.input.durableClient()],
    handler: async (_timer, context) => {
      const client = df.getClient(context);
      await forEachConcurrently(await dependencies.jobs.jobIds(), PARALLEL_JOBS, async (jobId) => {
        try {
          await cleanUpJob(dependencies, client, jobId);
        } catch (thrown) {
          // The next run looks again; other jobs are not held up.
          const failure = { ...safeFailure(thrown), thrown: describeThrown(thrown) };
          context.error(JSON.stringify({ step: 'cleanUp', jobId, ...failure }));
        }
      });
    },
  });
}

/** Does for one job what its state asks for. Deletes nothing of a job that may still be running. */
export async function cleanUpJob(
  dependencies: CleanUpDependencies,
  client: df.DurableClient,
  jobId: string,
): Promise<void> {
  const { jobs, now } = dependencies;
  const [request, outcome, stop] = await Promise.all([
    jobs.request(jobId),
    jobs.outcome(jobId),
    jobs.stop(jobId),
  ]);
  if (request === undefined) {
    // A kick-off that did not come to its end: without a request there is no job. It may be at it just now.
    if (now() - (await jobs.lastModified(jobId)) > STARTING_MS) await jobs.deleteAll(jobId);
  } else if (stop?.reason === 'cancelled') {
    // Again: the cancel may have been cut off, and slices may have written since.
    await endCancelledJob(dependencies, client, request);
    if (now() - Date.parse(stop.at) > STRAGGLER_MS) await forgetJob(jobs, client, request);
  } else if (outcome !== undefined) {
    await tidyEndedJob(dependencies, client, request, outcome);
  } else if (now() - Date.parse(request.startedAt) > STARTING_MS && !(await isRunning(client, jobId))) {
    const held = await jobs.putOutcome(jobId, lostJob(now(), stop));
    if (held.state === 'completed') await jobs.destroyWorkingState(jobId);
    else await discardJob(dependencies, request);
  }
}

async function tidyEndedJob(
  { settings, jobs, files, now }: CleanUpDependencies,
  client: df.DurableClient,
  request: JobRequest,
  outcome: JobOutcome,
): Promise<void> {
  const endedFor = now() - Date.parse(outcome.at);
  const isOver = endedFor > settings.jobRetentionHours * HOUR_MS;
  await jobs.destroyWorkingState(request.jobId);
  if (isOver || outcome.state !== 'completed') await files.discard(request);
  else if (endedFor < STRAGGLER_MS) await deleteOrphans(jobs, files, request);
  if (isOver) await forgetJob(jobs, client, request);
}

/** Deletes what attempts that nobody waited for any more have written since the job ended. */
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

/** Removes the orchestrations of a job and then its state, without which nobody would find them. */
async function forgetJob(jobs: JobStore, client: df.DurableClient, request: JobRequest): Promise<void> {
  const partitions = (await jobs.plan(request.jobId))?.partitions.length ?? 0;
  await purgeJob(client, request, partitions);
  await jobs.deleteAll(request.jobId);
}

function lostJob(now: number, stop: StopReason | undefined): JobOutcome {
  const failure =
    stop?.reason === 'failed'
      ? stop.failure
      : {
          code: 'internal' as const,
          message: 'The export ended unexpectedly. Start it again.',
          retryable: false,
        };
  return { state: 'failed', at: new Date(now).toISOString(), failure };
}
