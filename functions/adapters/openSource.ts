import type { Source } from '../export/source.js';
import type { Settings } from '../settings.js';
import { openDispatchers } from './dispatchers.js';
import { FhirClient, type SourceFailureLine } from './fhirClient.js';
import { openSourceCredentials } from './sourceCredentials/openSourceCredentials.js';
import { SourceLimiter } from './sourceLimiter.js';

const KEEP_ALIVE_MS = 30_000;
const BYTES_PER_MEBIBYTE = 1_048_576;

/** The source of the settings. Connections, tokens and places at the source are shared by all jobs of the process. */
export function openSource(
  settings: Settings,
): (job: string, log: (line: SourceFailureLine) => void) => Source {
  const { fhirServerUrl: baseUrl, sourceTimeoutSeconds: timeoutSeconds } = settings;
  const dispatcherFor = openDispatchers({
    ca: settings.source.ca,
    proxy: settings.proxy,
    timeoutMs: timeoutSeconds * 1000,
    keepAliveMs: KEEP_ALIVE_MS,
  });
  const transport = { dispatcherFor, timeoutSeconds };
  const credentials = openSourceCredentials(settings.source.authentication, baseUrl, transport);
  const limiter = new SourceLimiter(settings.sourceMaxRequests);
  return (job, log) =>
    new FhirClient({
      baseUrl,
      timeoutSeconds,
      maxAttempts: settings.sourceMaxAttempts,
      maxPageBytes: settings.sourceMaxPageMebibytes * BYTES_PER_MEBIBYTE,
      dispatcherFor,
      credentials,
      limiter,
      job,
      log,
    });
}
