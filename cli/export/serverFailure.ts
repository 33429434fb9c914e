import { ExportError } from '../../functions/common/errors.js';

/** What a server answered, or that it did not: in our own words, without a URL, a token or a line of a file. */
export class ServerFailure extends Error {
  override readonly name = 'ServerFailure';

  /**
   * @param isPassing whether the same request may succeed later
   * @param waitMs how long the server asks to wait; 0 where it does not say
   */
  constructor(
    message: string,
    readonly isPassing: boolean,
    readonly waitMs = 0,
  ) {
    super(message);
  }
}

/** The export has ended without a result: the server says so. */
export class FailedExport extends ServerFailure {}

/** The export is not complete here, and can be resumed. Exit code 3. */
export class UnfinishedError extends Error {
  override readonly name = 'UnfinishedError';
}

/** The words of what the app uses at its source, for a client and its server. */
export function inClientWords(text: string): string {
  return text
    .replaceAll("The source's own export", 'The server')
    .replaceAll('between the app and the source', 'between here and the server')
    .replaceAll('SOURCE_', 'CALLER_')
    .replaceAll('FHIR_SERVER_URL', '--base')
    .replaceAll(/\b([Tt]he|this) source\b/g, '$1 server');
}

/** A failure of what the app uses at its source; others are thrown as they are. */
export function failureOf(error: unknown): ServerFailure {
  if (error instanceof ServerFailure) return error;
  if (error instanceof ExportError) return new ServerFailure(inClientWords(error.message), error.retryable);
  throw error;
}
