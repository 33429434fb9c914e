import { isRunning, stateOf } from '../jobs/model/state.js';
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
}

/** Gives a worker its next partition; the same call again gives the same one. */
export function claimPartition({ jobs }: ActivityDependencies) {
  return async ({ jobId, worker, turn, first, end }: ClaimPartitionInput): Promise<ClaimPartitionOutput> => {
    if (!isRunning(stateOf(await jobs.records(jobId)))) return { partition: null };
    return { partition: (await jobs.claimPartition(jobId, { worker, turn }, { first, end })) ?? null };
  };
}
