/**
 * What can go wrong in an export, as codes. A code and the words with it are safe to log, to show and to
 * keep in the Durable history: they are ours alone. Causes (a JSON error quotes its input, a fetch error
 * its URL) are neither kept nor serialized.
 */
export type ExportErrorCode =
  | 'invalid-request'
  | 'not-found'
  | 'forbidden'
  | 'container-conflict'
  | 'configuration-not-found'
  | 'configuration-invalid'
  | 'source-unreachable'
  | 'source-busy'
  | 'source-failed'
  | 'source-denied'
  | 'source-forbidden'
  | 'source-refused'
  | 'source-not-fhir'
  | 'source-page-too-large'
  | 'source-timeout'
  | 'source-foreign-link'
  | 'source-link-loop'
  | 'source-link-expired'
  | 'source-ignored-parameter'
  | 'source-unverifiable'
  | 'source-search-failed'
  | 'source-export-failed'
  | 'source-export-lost'
  | 'source-version'
  | 'resource-failed'
  | 'storage-unavailable'
  | 'storage-denied'
  | 'storage-conflict'
  | 'registry-denied'
  | 'registry-unavailable'
  | 'pseudonym-service-unavailable'
  | 'pseudonym-service-denied'
  | 'pseudonym-service-refused'
  | 'pseudonym-service-wrong'
  | 'job-stopped'
  | 'job-state-missing'
  | 'internal';

/** An error whose message is safe everywhere: written by us, without any value from a resource, a URL's search or a key. */
export class ExportError extends Error {
  override readonly name = 'ExportError';

  /**
   * @param code what went wrong
   * @param message what, where, and what to do; safe to log
   * @param retryable whether the same call may succeed later without any change
   */
  constructor(
    readonly code: ExportErrorCode,
    message: string,
    readonly retryable = false,
  ) {
    super(message);
  }
}

/** What is safe to report of any thrown value. */
export interface SafeFailure {
  code: ExportErrorCode;
  message: string;
  retryable: boolean;
}

/**
 * The safe part of anything thrown. Of an unknown error only its class is reported, since its message may hold
 * data; it counts as retryable, because a fault that will not go away ends by the number of attempts.
 */
export function safeFailure(error: unknown): SafeFailure {
  if (error instanceof ExportError) {
    return { code: error.code, message: error.message, retryable: error.retryable };
  }
  return { code: 'internal', message: `Unexpected ${describeThrown(error)}.`, retryable: true };
}

/** The class of a thrown value and the code positions of its stack, without its message. */
export function describeThrown(error: unknown): string {
  if (!(error instanceof Error)) return `${typeof error} thrown`;
  const frame = /\n\s+at (?:async )?(?:.*[\\/])?([\w.$-]+\.[cm]?[jt]s:\d+:\d+)/.exec(error.stack ?? '');
  const className = /^\w{1,60}$/.test(error.name) ? error.name : 'Error';
  return frame === null ? className : `${className} at ${frame[1]}`;
}

/** An error for the Functions runtime, which keeps its message in the Durable history: our code and words only. */
export function toHistoryError(failure: SafeFailure): Error {
  return new Error(`${FAILURE_MARK} ${failure.code}: ${failure.message}`);
}

/** What `toHistoryError` wrote, read from the message in which the runtime wraps it. */
export function fromHistoryError(error: unknown): SafeFailure {
  const message = error instanceof Error ? error.message : '';
  const match = new RegExp(`${FAILURE_MARK} ([a-z-]+): ([^\\n]*)`).exec(message);
  return match === null
    ? {
        code: 'internal',
        message: 'A step of the job failed without a reason. See the log of the app.',
        retryable: false,
      }
    : { code: match[1] as ExportErrorCode, message: (match[2] ?? '').trim(), retryable: false };
}

const FAILURE_MARK = 'Export step failed:';
