import { ExportError } from '../common/errors.js';
import type { ActivityLog } from './activity.js';
import { makeAttempt } from './slice/attempt.js';
import type { ActivityDependencies } from './dependencies.js';
import { readPart } from './slice/part.js';
import type { ExportSliceInput, ExportSliceOutput } from './sliceRunner.js';

/**
 * Exports a bounded part of a partition into a file of its own. The name of the file and of the record has a
 * random part made here, so attempts that run twice, or late, never touch each other's.
 */
export function exportSlice(dependencies: ActivityDependencies) {
  const { jobs, cache, files, settings, now } = dependencies;
  return async (input: ExportSliceInput, log: ActivityLog): Promise<ExportSliceOutput> => {
    const { jobId, partition } = input;
    const part = await readPart(dependencies, input);
    const made = await makeAttempt(dependencies, part, input, {
      log,
      isStopped: async () => !(await cache.isThoughtToRun(jobId, now())),
      confirmContainer: () => files.confirmContainer(part.request, settings.allowMixedContainers, now()),
    });
    await jobs.putSlice(jobId, partition, made.files.attempt, made.record);
    // A cancel that came while the last page was written has deleted the job's files before this one was there.
    if (!(await cache.isRunning(jobId, now()))) await made.files.discard(jobStopped());
    const { resources, isDone } = made;
    await jobs.putProgress(jobId, { partition, resources, isDone });
    return { attempt: made.files.attempt, isDone };
  };
}

export function jobStopped(): ExportError {
  return new ExportError('job-stopped', 'The job was stopped.');
}
