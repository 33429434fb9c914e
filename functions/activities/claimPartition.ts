import { isRunning, stateOf } from '../jobs/model/state.js';
import type { ActivityDependencies } from './dependencies.js';

export interface ClaimPartitionInput {
  jobId: string;
  worker: number;
  turn: number;
  partitions: number;
}

export interface ClaimPartitionOutput {
  /** `null`: nothing is left for this worker, or the job is to stop. */
  partition: number | null;
}

/** Gives a worker its next partition; the same call again gives the same one. */
export function claimPartition({ jobs }: ActivityDependencies) {
  return async ({ jobId, worker, turn, partitions }: ClaimPartitionInput): Promise<ClaimPartitionOutput> => {
    if (!isRunning(stateOf(await jobs.records(jobId)))) return { partition: null };
    return { partition: (await jobs.claimPartition(jobId, worker, turn, partitions)) ?? null };
  };
}
