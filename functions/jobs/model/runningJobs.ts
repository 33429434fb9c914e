/** A job that may be running. */
export interface RunningJob {
  jobId: string;
  /** Names the caller; absent where callers are not distinguished. */
  owner?: string;
  /** When it was entered, in milliseconds since the epoch. */
  at: number;
}

export interface RunningLimits {
  /** Jobs that may run at the same time. */
  most: number;
  /** Of one caller, where callers are distinguished. */
  mostPerCaller: number;
}

/** For clients that honor it; a job takes minutes, mostly. */
export const RETRY_AFTER_SECONDS = 30;

/**
 * Which of the jobs that are listed have to be looked up, whether they still run, before another one may begin: those
 * of its caller, and all where there may be too many.
 */
export function toLookUp(
  listed: readonly RunningJob[],
  job: RunningJob,
  { most }: RunningLimits,
): RunningJob[] {
  return listed.length >= most ? [...listed] : listed.filter((other) => isOfSameCaller(other, job));
}

/**
 * Workers of a job: all of them for the first of a caller, a half for the second, and so on. What one caller can have
 * under way at the same time so grows by the logarithm of its jobs only, and others come to their turn.
 * @param running the jobs that still run
 * @returns why it may not begin, where it may not
 */
export function admit(
  running: readonly RunningJob[],
  job: RunningJob,
  { most, mostPerCaller }: RunningLimits,
  workers: number,
): { workers: number } | { refusal: string } {
  const own = running.filter((other) => isOfSameCaller(other, job)).length;
  if (own >= mostPerCaller) {
    return {
      refusal: `You have ${own} exports running, the most that one caller may have (MAX_RUNNING_EXPORTS_PER_CALLER). Wait for one to end, or cancel one, and try again.`,
    };
  }
  if (running.length >= most) {
    return {
      refusal:
        'There are as many exports running as may be at the same time (MAX_RUNNING_EXPORTS). Try again later.',
    };
  }
  return { workers: Math.max(1, Math.floor(workers / (own + 1))) };
}

function isOfSameCaller(a: RunningJob, b: RunningJob): boolean {
  return a.owner !== undefined && a.owner === b.owner;
}
