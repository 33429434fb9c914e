/** Exports that a job begins at its source at most: another one where one fails, or its files are gone. */
export const MAX_STARTS = 3;

/** What exported resources refer to may refer to others, and these again: so often it is looked for at most. */
export const MAX_REFERENCED_ROUNDS = 10;

/** Of each, files may be read twice, by other workers. */
export const GROUPS_OF_FILES = 2;

/** And what exported resources refer to by others again. */
export const GROUPS_PER_START = GROUPS_OF_FILES + MAX_REFERENCED_ROUNDS;

/** The job's own instance. All others derive from it, so that cancel and purge find the whole tree. */
export function jobInstanceId(jobId: string): string {
  return jobId;
}

export function workerInstanceId(jobId: string, worker: number): string {
  return `${jobId}:worker-${worker}`;
}

export function partitionInstanceId(jobId: string, partition: number): string {
  return `${jobId}:partition-${partition}`;
}
