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

/** Partitions of few resources, one after the other. */
export interface ExportGroupInput {
  jobId: string;
  /** The first of them. */
  partition: number;
  count: number;
}

export interface ExportGroupOutput {
  /** Attempts of the partitions that were read to their end, from the first one on. */
  done: string[];
  /** The attempt at the partition after these, which has more to read; `null`: it has not begun. */
  open: string | null;
}

/** Where slices run: on the thread of the caller, or on threads of their own. */
export interface SliceRunner {
  /** @throws ExportError */
  run(input: ExportSliceInput, log: ActivityLog): Promise<ExportSliceOutput>;
  /** The first slices of several partitions. @throws ExportError, with none of them recorded */
  runGroup(input: ExportGroupInput, log: ActivityLog): Promise<ExportGroupOutput>;
  /** Forgets the keys of a job that has ended. */
  forget(jobId: string): void;
}

/** Threads of which only some may be started yet. */
export interface GrowingSlices extends SliceRunner {
  /** @param threads that slices may be run on from now on; those that run already are not ended */
  allow(threads: number): void;
}
