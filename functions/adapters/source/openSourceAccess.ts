import type { Settings } from '../../settings/settings.js';
import type { Dispatchers } from '../dispatchers.js';
import { openSourceCredentials } from './credentials/openSourceCredentials.js';
import { sourceDispatchers } from './openSource.js';
import type { SourceAccess } from './sourceAccess.js';
import { SourceLimiter } from './sourceLimiter.js';

/** Credentials and places at the source: once per process. */
export function openSourceAccess(settings: Settings): SourceAccess {
  const transport = {
    dispatcherFor: sourceDispatchers(settings),
    timeoutSeconds: settings.sourceTimeoutSeconds,
  };
  return {
    credentials: openSourceCredentials(settings.source.authentication, settings.fhirServerUrl, transport),
    limiter: new SourceLimiter(settings.sourceMaxRequests),
  };
}

/** The way to the authorization server whose tokens let callers in: by the same rules as to the source. */
export function openAuthorizationServer(settings: Settings): Dispatchers {
  return sourceDispatchers(settings);
}
