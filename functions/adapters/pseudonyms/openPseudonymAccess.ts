import { ExportError, type ExportErrorCode } from '../../common/errors.js';
import { noCredentials } from '../source/credentials/none.js';
import { openSourceCredentials } from '../source/credentials/openSourceCredentials.js';
import type { SourceCredentials } from '../source/credentials/sourceCredentials.js';
import type { SourceAccess } from '../source/sourceAccess.js';
import { SourceLimiter } from '../source/sourceLimiter.js';
import { pseudonymDispatchers, type PseudonymUse } from './openPseudonyms.js';

/** Credentials and places at the pseudonym service: once per process. */
export function openPseudonymAccess(settings: PseudonymUse): SourceAccess {
  const { authentication, timeoutSeconds, maxRequests, service } = settings.pseudonyms;
  const url = service !== undefined && 'url' in service ? service.url : '';
  const credentials = openSourceCredentials(authentication, url, {
    dispatcherFor: pseudonymDispatchers(settings),
    timeoutSeconds,
  });
  return {
    credentials: inOwnWords(credentials),
    limiter: new SourceLimiter(maxRequests),
  };
}

/** Codes of errors at the source, as they are at this service. */
const CODES: Partial<Record<ExportErrorCode, ExportErrorCode>> = {
  'source-denied': 'pseudonym-service-denied',
  'source-busy': 'pseudonym-service-unavailable',
  'source-unreachable': 'pseudonym-service-unavailable',
};

/** Credentials as for the source, whose words name the settings of this service. */
function inOwnWords(credentials: SourceCredentials): SourceCredentials {
  const own = (error: unknown): never => {
    if (!(error instanceof ExportError)) throw error;
    throw new ExportError(CODES[error.code] ?? error.code, ownWords(error.message), error.retryable);
  };
  const remedy = ownWords(credentials.remedy);
  if (credentials === noCredentials) return { ...noCredentials, remedy };
  return {
    remedy,
    header: () => credentials.header().catch(own),
    renewed: (refused) => credentials.renewed(refused).catch(own),
  };
}

function ownWords(text: string): string {
  return text
    .replaceAll('SOURCE_', 'PSEUDONYM_')
    .replaceAll(/\b(the|this) source\b/g, '$1 pseudonym service');
}
