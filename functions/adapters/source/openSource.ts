import type { Source } from '../../export/source/source.js';
import type { Settings } from '../../settings/settings.js';
import { type Dispatchers, openDispatchers } from '../dispatchers.js';
import { BulkClient, type BulkFailureLine } from './bulkClient.js';
import { FhirClient, type SourceFailureLine } from './fhirClient.js';
import type { SourceAccess } from './sourceAccess.js';
import { SourceRequests } from './sourceRequests.js';

const KEEP_ALIVE_MS = 30_000;
const BYTES_PER_MEBIBYTE = 1_048_576;

/**
 * The source of the settings, for one job at a time; attempts that failed are reported to `log`, and each request that is
 * sent to `onRequest`.
 */
export type SourceOf = (
  job: string,
  log: (line: SourceFailureLine) => void,
  onRequest?: () => void,
) => Source;

/** Opens the source with connections of this thread. */
export function openSource(settings: Settings, { credentials, limiter }: SourceAccess): SourceOf {
  const dispatcherFor = sourceDispatchers(settings);
  return (job, log, onRequest) =>
    new FhirClient({
      baseUrl: settings.fhirServerUrl,
      timeoutSeconds: settings.sourceTimeoutSeconds,
      maxAttempts: settings.sourceMaxAttempts,
      maxPageBytes: settings.sourceMaxPageMebibytes * BYTES_PER_MEBIBYTE,
      dispatcherFor,
      credentials,
      limiter,
      job,
      log,
      onRequest,
    });
}

/** The source's own bulk export, for one job at a time, as `SourceOf` has it. */
export type BulkOf = (
  job: string,
  log: (line: BulkFailureLine) => void,
  onRequest?: () => void,
) => BulkClient;

/** Opens it with connections of this thread. @param fileHosts hosts where its files may be beside the source */
export function openBulk(
  settings: Settings,
  fileHosts: ReadonlySet<string>,
  { credentials, limiter }: SourceAccess,
): BulkOf {
  const requests = new SourceRequests(
    sourceDispatchers(settings),
    credentials,
    settings.sourceTimeoutSeconds,
  );
  return (job, log, onRequest) =>
    new BulkClient({
      baseUrl: settings.fhirServerUrl,
      fileHosts,
      maxAttempts: settings.sourceMaxAttempts,
      maxLine: settings.sourceMaxPageMebibytes * BYTES_PER_MEBIBYTE,
      requests,
      limiter,
      job,
      log,
      onRequest,
    });
}

/** The ways to the source. */
export function sourceDispatchers(settings: Settings): Dispatchers {
  return openDispatchers({
    ca: settings.source.ca,
    proxy: settings.proxy,
    timeoutMs: settings.sourceTimeoutSeconds * 1000,
    keepAliveMs: KEEP_ALIVE_MS,
  });
}
