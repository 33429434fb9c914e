/** The job's own instance. All others derive from it, so that cancel and purge find the whole tree. */
export function jobInstanceId(jobId: string): string {
  return jobId;
}

export function laneInstanceId(jobId: string, lane: number): string {
  return `${jobId}:lane-${lane}`;
}

export function partitionInstanceId(jobId: string, partition: number): string {
  return `${jobId}:partition-${partition}`;
}

/** Every instance that a job of so many lanes and partitions may have, parents first. */
export function jobInstanceIds(jobId: string, lanes: number, partitions: number): string[] {
  return [
    jobInstanceId(jobId),
    ...Array.from({ length: lanes }, (_, lane) => laneInstanceId(jobId, lane)),
    ...Array.from({ length: partitions }, (_, partition) => partitionInstanceId(jobId, partition)),
  ];
}
