import type { LoopCheck } from '../source/linkLoop.js';

/** Where a partition that is read patient by patient is, as JSON. It holds ids and URLs of the source: it is private. */
export interface PatientCursor {
  /** The search, of those for all patients of the partition in their order. */
  patientSearch: number;
  /** Ids of the same patient's resources that were read so far: one that comes again is not exported again. */
  given: string[];
  /** Where in the search; absent: at its begin. */
  page?: { next: string; loop: LoopCheck; read: number };
}
