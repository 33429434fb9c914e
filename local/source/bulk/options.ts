/** The source's own `$export`. */
export interface BulkOptions {
  /** Requests for the status that say that the job is running, before it is done. Default 1. */
  polls?: number;
  /** Milliseconds until a job is done, however often its status is asked for. Default 0. */
  runMs?: number;
  /** Wait until the next request for the status, as the source says. Default 1. */
  retryAfterSeconds?: number;
  /** Most lines of a file. Default 250,000. */
  linesPerFile?: number;
}

export const BULK_DEFAULTS: Required<BulkOptions> = {
  polls: 1,
  runMs: 0,
  retryAfterSeconds: 1,
  linesPerFile: 250_000,
};
