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
  /** Output files on a page of a manifest, where it has pages. Default 2. */
  filesPerPage?: number;
  /** Milliseconds from the kick-off after which files answer 410, and the status 404. Default a day. */
  filesLiveMs?: number;
  /** Milliseconds after which a signed URL is refused with 403; the manifest, or the redirect, gives another one. Default a day. */
  urlsLiveMs?: number;
}

const DAY_MS = 86_400_000;

export const BULK_DEFAULTS: Required<BulkOptions> = {
  polls: 1,
  runMs: 0,
  retryAfterSeconds: 1,
  linesPerFile: 250_000,
  filesPerPage: 2,
  filesLiveMs: DAY_MS,
  urlsLiveMs: DAY_MS,
};

/** Reads options written as a JSON object of whole numbers. @throws Error naming the one that is none */
export function parseBulkOptions(text: string): BulkOptions {
  const values = JSON.parse(text) as Record<string, unknown>;
  for (const [name, value] of Object.entries(values)) {
    if (!Object.hasOwn(BULK_DEFAULTS, name) || !Number.isInteger(value)) {
      throw new Error(
        `SOURCE_BULK: ${name} is none of ${Object.keys(BULK_DEFAULTS).join(', ')}, or no number`,
      );
    }
  }
  return values;
}
