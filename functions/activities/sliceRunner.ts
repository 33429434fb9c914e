import type { ActivityLog } from './activity.js';
import type { ExportSliceInput, ExportSliceOutput } from './exportSlice.js';

/** Where slices run: on the thread of the caller, or on threads of their own. */
export interface SliceRunner {
  /** @throws ExportError */
  run(input: ExportSliceInput, log: ActivityLog): Promise<ExportSliceOutput>;
  /** Forgets the keys of a job that has ended. */
  forget(jobId: string): void;
}
