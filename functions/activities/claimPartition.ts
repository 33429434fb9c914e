import { groupSize } from '../export/plan/partitionGroups.js';
import type { ActivityDependencies } from './dependencies.js';

export interface ClaimPartitionInput {
  jobId: string;
  worker: number;
  turn: number;
  /** The number of the first partition. */
  first: number;
  /** The number after that of the last one. */
  end: number;
}

export interface ClaimPartitionOutput {
  /** `null`: nothing is left for this worker, or the job is to stop. */
  partition: number | null;
  /** How many from it on are read in one step; absent: it alone. */
  count?: number;
}

/** Gives a worker its next partition, or several of few resources; the same call again gives the same. */
export function claimPartition({ jobs, cache, now }: Pick<ActivityDependencies, 'jobs' | 'cache' | 'now'>) {
  return async ({ jobId, worker, turn, first, end }: ClaimPartitionInput): Promise<ClaimPartitionOutput> => {
    // Each slice looks again before it counts.
    if (!(await cache.isThoughtToRun(jobId, now()))) return { partition: null };
    const plan = await cache.plan(jobId, first);
    const countFrom = (partition: number): number => groupSize(plan, partition, end);
    const claim = await jobs.claimPartition(jobId, { worker, turn }, { first, end }, countFrom);
    return claim ?? { partition: null };
  };
}
