import type { ActivityLog } from './activity.js';

export interface ExportSliceInput {
  jobId: string;
  partition: number;
  slice: number;
  /** The attempt of the slice before; `null` in the first slice. */
  previous: string | null;
}

export interface ExportSliceOutput {
  /** Names this attempt's record, which holds where to go on. */
  attempt: string;
  isDone: boolean;
}

/** Where slices run: on the thread of the caller, or on threads of their own. */
export interface SliceRunner {
  /** @throws ExportError */
  run(input: ExportSliceInput, log: ActivityLog): Promise<ExportSliceOutput>;
  /** Forgets the keys of a job that has ended. */
  forget(jobId: string): void;
}
