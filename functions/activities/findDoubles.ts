import { isRunning, stateMissing, stateOf } from '../jobs/model/state.js';
import { type IndexOfPart, supersededLines } from '../export/slice/doubles.js';
import { numbered } from '../export/records/job.js';
import type { ActivityDependencies } from './dependencies.js';

export interface FindDoublesOutput {
  /** Parts of files that are to be read again. */
  partitions: number;
}

/**
 * Finds the lines of files that others of the same resource supersede, once all parts are read. Parts without such
 * lines are complete; the others are to be read again. Safe to repeat: the indexes stay as they are.
 */
export function findDoubles({ jobs }: Pick<ActivityDependencies, 'jobs'>) {
  return async ({ jobId }: { jobId: string }): Promise<FindDoublesOutput> => {
    if (!isRunning(stateOf(await jobs.records(jobId)))) return { partitions: 0 };
    const plan = await jobs.plan(jobId);
    if (plan === undefined) throw stateMissing();
    const parts: Array<{ partition: number; number: number; attempts: readonly string[] }> = [];
    for (const [partition, { file, isOfDeletions }] of numbered(plan)) {
      if (file === undefined || isOfDeletions === true) continue;
      const record = await jobs.partition(jobId, partition);
      if (record?.attempts === undefined) throw stateMissing();
      parts.push({ partition, number: file.number, attempts: record.attempts });
    }
    const indexes = async function* (): AsyncGenerator<IndexOfPart> {
      for (const { partition, number, attempts } of parts) {
        for (const attempt of attempts) {
          yield { partition, number, bytes: await jobs.index(jobId, partition, attempt) };
        }
      }
    };
    const superseded = await supersededLines(indexes);
    for (const [partition, places] of superseded) await jobs.putSuperseded(jobId, partition, places);
    const repeated = [...superseded].map(([partition, { length: lines }]) => ({ partition, lines }));
    return { partitions: (await jobs.putRepeated(jobId, plan, repeated)).length };
  };
}
