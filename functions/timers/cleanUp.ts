import { app, type InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import { discardOutput } from '../activities/discardOutput.js';
import type { ExportFiles } from '../adapters/exportFiles.js';
import type { JobStore } from '../adapters/jobStore.js';
import { describeThrown, safeFailure } from '../errors.js';
import type { JobOutcome, JobRequest } from '../export/job.js';
import { MANIFEST_FILE, REPORT_FILE } from '../export/manifest.js';
import { jobInstanceId, jobInstanceIds } from '../orchestrators/instanceIds.js';
import type { Settings } from '../settings.js';

interface CleanUpDependencies {
  settings: Settings;
  jobs: JobStore;
  files: ExportFiles;
  now: () => number;
}

const HOUR_MS = 3_600_000;
/** Every ten minutes; six fields, seconds first. */
const SCHEDULE = '0 */10 * * * *';
/** An attempt that the runtime lost may still be writing for so long. */
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
      for (const jobId of await dependencies.jobs.jobIds()) {
        try {
          await cleanUpJob(dependencies, client, jobId);
        } catch (thrown) {
          logFailure(context, jobId, thrown);
        }
      }
    },
  });
}

async function cleanUpJob(
  { settings, jobs, files, now }: CleanUpDependencies,
  client: df.DurableClient,
  jobId: string,
): Promise<void> {
  const [request, outcome, stop] = await Promise.all([
    jobs.request(jobId),
    jobs.outcome(jobId),
    jobs.stop(jobId),
  ]);
  if (request === undefined) {
    // A kick-off that never came to its end; without a request there is no job.
    await jobs.deleteAll(jobId);
    return;
  }
  const age = now() - Date.parse(request.startedAt);
  if (stop?.reason === 'cancelled') {
    await discardOutput(files, request);
    if (age > STRAGGLER_MS) await forgetJob(jobs, client, settings, jobId);
  } else if (outcome === undefined) {
    if (age > STARTING_MS && !(await isRunning(client, jobId))) {
      await discardOutput(files, request);
      await jobs.destroySecrets(jobId);
      await jobs.putOutcome(jobId, lostJob(now()));
    }
  } else {
    const endedFor = now() - Date.parse(outcome.at);
    const isOver = endedFor > settings.jobRetentionHours * HOUR_MS;
    if (isOver || outcome.state !== 'completed') await discardOutput(files, request);
    else if (endedFor < STRAGGLER_MS) await deleteOrphans({ jobs, files }, request);
    if (isOver) await forgetJob(jobs, client, settings, jobId);
  }
}

/** Deletes what attempts that nobody waited for any more have written since the job ended. */
async function deleteOrphans(
  { jobs, files }: Pick<CleanUpDependencies, 'jobs' | 'files'>,
  { jobId, container, folder }: JobRequest,
): Promise<void> {
  const manifest = await jobs.manifest(jobId);
  if (manifest === undefined) return;
  const named = [...manifest.output, ...manifest.error].map(({ url }) =>
    decodeURIComponent(url.slice(url.lastIndexOf('/') + 1)),
  );
  const kept = new Set([...named, MANIFEST_FILE, REPORT_FILE].map((name) => `${folder}${name}`));
  await files.deleteFiles(container, folder, (name) => !kept.has(name));
}

/** Removes the orchestrations of a job and then its state, without which nobody would find them. */
async function forgetJob(
  jobs: JobStore,
  client: df.DurableClient,
  settings: Settings,
  jobId: string,
): Promise<void> {
  const plan = await jobs.plan(jobId);
  for (const id of jobInstanceIds(jobId, settings.parallelPartitions, plan?.partitions.length ?? 0)) {
    await client.purgeInstanceHistory(id).catch(() => undefined);
  }
  await jobs.deleteAll(jobId);
}

async function isRunning(client: df.DurableClient, jobId: string): Promise<boolean> {
  const status = await client.getStatus(jobInstanceId(jobId)).catch(() => undefined);
  return (
    status !== undefined &&
    [
      df.OrchestrationRuntimeStatus.Running,
      df.OrchestrationRuntimeStatus.Pending,
      df.OrchestrationRuntimeStatus.ContinuedAsNew,
      df.OrchestrationRuntimeStatus.Suspended,
    ].includes(status.runtimeStatus)
  );
}

function lostJob(now: number): JobOutcome {
  return {
    state: 'failed',
    at: new Date(now).toISOString(),
    failure: {
      code: 'internal',
      message: 'The export ended unexpectedly. Start it again.',
      retryable: false,
    },
  };
}

function logFailure(context: InvocationContext, jobId: string, thrown: unknown): void {
  context.error(
    JSON.stringify({ step: 'cleanUp', jobId, ...safeFailure(thrown), thrown: describeThrown(thrown) }),
  );
}
