import { isRunning, stateOf } from '../jobs/model/state.js';
import type { ActivityLog } from './activity.js';
import { type Attempt, makeAttempt } from './slice/attempt.js';
import type { ActivityDependencies } from './dependencies.js';
import { jobStopped } from './exportSlice.js';
import { readParts } from './slice/part.js';
import type { ExportGroupInput, ExportGroupOutput } from './sliceRunner.js';

/** How long it is believed that a job runs on. */
const MAX_BELIEVED_MS = 2000;

/**
 * Exports several partitions of few resources, one after the other: of each what `exportSlice` does, with what they share
 * read once. All attempts count or none does, as the runtime records them together. It ends early where one has more to
 * read than was counted, and where a slice would.
 */
export function exportGroup(dependencies: ActivityDependencies) {
  const { jobs, files, settings, now } = dependencies;
  return async (
    { jobId, partition, count }: ExportGroupInput,
    log: ActivityLog,
  ): Promise<ExportGroupOutput> => {
    const parts = await readParts(dependencies, { jobId, partition, count });
    const isStopped = async (): Promise<boolean> => !isRunning(stateOf(await jobs.records(jobId)));
    let believedUntil = Number.NEGATIVE_INFINITY;
    let confirmed: Promise<void> | undefined;
    const [{ request }] = parts;
    const surroundings = {
      log,
      isStopped: async (): Promise<boolean> => {
        const at = now();
        if (at < believedUntil) return false;
        const answer = await isStopped();
        if (!answer) believedUntil = at + MAX_BELIEVED_MS;
        return answer;
      },
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
    const complete = async (): Promise<void> => {
      // A cancel that came while they were written has deleted the job's files before the last ones were there.
      if (await isStopped()) throw jobStopped();
      for (const [place, { resources, isDone }] of made.entries())
        await jobs.putProgress(jobId, { partition: partition + place, resources, isDone });
    };
    await complete().catch(discard);
    const open = made.find(({ isDone }) => !isDone);
    return {
      done: made.filter(({ isDone }) => isDone).map(({ files: { attempt } }) => attempt),
      open: open?.files.attempt ?? null,
    };
  };
}
