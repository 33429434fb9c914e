import type { JobStore } from '../adapters/storage/jobStore.js';
import {
  type JobPlan,
  numbered,
  type PlannedPartition,
  type ReferencedRound,
} from '../export/records/job.js';

/** A partition of which the records count. */
export interface CountedPart {
  /** Its number in the plan, or in the round that it is of. */
  index: number;
  /** The number under which its records are found: another one where a part of a file was read again. */
  partition: number;
  planned: PlannedPartition;
}

type Jobs = Pick<JobStore, 'repeated'>;

/** All partitions of a job that count: of its plan, and of what exported resources refer to. */
export async function countedParts(
  jobs: Jobs,
  jobId: string,
  plan: JobPlan,
  rounds: readonly ReferencedRound[],
): Promise<CountedPart[]> {
  const repeated = await repeatedOf(jobs, jobId, plan);
  const { first = 0, partitions } = plan;
  const ofPlan = numbered(plan).map(([index, planned]): CountedPart => {
    const again = repeated.findIndex(({ partition }) => partition === index);
    return { index, partition: again < 0 ? index : first + partitions.length + again, planned };
  });
  const referenced = rounds.flatMap(numbered).map(([index, planned]): CountedPart => {
    return { index, partition: index, planned };
  });
  return [...ofPlan, ...referenced];
}

/** The number of the next partition after those of the plan, of parts that are read again, and of the rounds. */
export async function nextPartition(
  jobs: Jobs,
  jobId: string,
  plan: JobPlan,
  rounds: readonly ReferencedRound[],
): Promise<number> {
  const last = rounds.at(-1);
  if (last !== undefined) return last.first + last.partitions.length;
  return (plan.first ?? 0) + plan.partitions.length + (await repeatedOf(jobs, jobId, plan)).length;
}

/** Parts of files that are read again: none where no file is read. */
export async function repeatedOf(jobs: Jobs, jobId: string, plan: JobPlan): ReturnType<JobStore['repeated']> {
  return plan.partitions.some(({ file }) => file !== undefined) ? jobs.repeated(jobId, plan) : [];
}
