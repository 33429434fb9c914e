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
