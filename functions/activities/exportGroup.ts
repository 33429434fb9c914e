import type { StoredSlice } from '../export/records/job.js';
import type { ActivityLog } from './activity.js';
import { type Attempt, makeAttempt } from './slice/attempt.js';
import type { ActivityDependencies } from './dependencies.js';
import { jobStopped } from './exportSlice.js';
import { readParts } from './slice/part.js';
import type { ExportGroupInput, ExportGroupOutput } from './sliceRunner.js';

/**
 * Exports several partitions of few resources, one after the other: of each what `exportSlice` does, with what they share
 * read once. All attempts count or none does, as the runtime records them together. It ends early where one has more to
 * read than was counted, and where a slice would.
 */
export function exportGroup(dependencies: ActivityDependencies) {
  const { jobs, cache, files, settings, now } = dependencies;
  return async (
    { jobId, partition, count }: ExportGroupInput,
    log: ActivityLog,
  ): Promise<ExportGroupOutput> => {
    const parts = await readParts(dependencies, { jobId, partition, count });
    let confirmed: Promise<void> | undefined;
    const [{ request }] = parts;
    const surroundings = {
      log,
      isStopped: async (): Promise<boolean> => !(await cache.isThoughtToRun(jobId, now())),
      // For as long as a slice takes, a reservation holds that held at its begin.
      confirmContainer: () =>
        (confirmed ??= files.confirmContainer(request, settings.allowMixedContainers, now())),
    };
    const endsAt = now() + settings.sliceMaxSeconds * 1000;
    const made: Attempt[] = [];
    const discard = async (reason: unknown): Promise<never> => {
      for (const attempt of made) await attempt.files.discard(reason).catch(() => undefined);
      throw reason;
    };
    for (const part of parts) {
      if (made.length > 0 && now() >= endsAt) break;
      const input = { jobId, partition: part.partition, slice: 0, previous: null };
      // All slices together take as long as one may.
      const sliceMaxSeconds = Math.max(0, endsAt - now()) / 1000;
      const limited = { ...dependencies, settings: { ...settings, sliceMaxSeconds } };
      const attempt = await makeAttempt(limited, part, input, surroundings).catch(discard);
      made.push(attempt);
      if (!attempt.isDone) break;
    }
    const [first, ...following] = made.filter(({ isDone }) => isDone);
    const open = made.find(({ isDone }) => !isDone);
    const complete = async (): Promise<void> => {
      if (first !== undefined)
        await jobs.putSlice(jobId, partition, first.files.attempt, {
          ...first.record,
          ...recordsOf(following),
        });
      const place = made.length - 1;
      if (open !== undefined) await jobs.putSlice(jobId, partition + place, open.files.attempt, open.record);
      // A cancel that came while they were written has deleted the job's files before the last ones were there.
      if (!(await cache.isRunning(jobId, now()))) throw jobStopped();
      if (first !== undefined) {
        const more = following.map(({ resources }) => resources);
        await jobs.putProgress(jobId, { partition, resources: first.resources, isDone: true }, more);
      }
      if (open !== undefined)
        await jobs.putProgress(jobId, {
          partition: partition + place,
          resources: open.resources,
          isDone: false,
        });
    };
    await complete().catch(discard);
    return {
      done: made.filter(({ isDone }) => isDone).map(({ files: { attempt } }) => attempt),
      open: open?.files.attempt ?? null,
    };
  };
}

/** The records of attempts, in that of the one before them. */
function recordsOf(following: readonly Attempt[]): Pick<StoredSlice, 'following'> {
  if (following.length === 0) return {};
  return {
    following: Object.fromEntries(following.map(({ files: { attempt }, record }) => [attempt, record])),
  };
}
