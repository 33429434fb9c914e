import { ExportError, type ExportErrorCode } from '../../common/errors.js';
import type { PseudonymService, PseudonymServices } from '../../export/output/jobPseudonyms.js';
import type { RemoteService } from '../../settings/pseudonymSettings.js';
import type { Settings } from '../../settings/settings.js';
import { type Dispatchers, openDispatchers } from '../dispatchers.js';
import { openSourceCredentials } from '../source/credentials/openSourceCredentials.js';
import { noCredentials } from '../source/credentials/none.js';
import type { SourceCredentials } from '../source/credentials/sourceCredentials.js';
import type { SourceAccess } from '../source/sourceAccess.js';
import { SourceLimiter } from '../source/sourceLimiter.js';
import { entici } from './entici.js';
import { gpas } from './gpas.js';
import { PseudonymTable } from './pseudonymTable.js';
import { ServiceClient } from './serviceClient.js';
import { vfps } from './vfps.js';

const KEEP_ALIVE_MS = 30_000;

type PseudonymUse = Pick<Settings, 'pseudonyms' | 'proxy' | 'runtimeStorage'>;

/** Credentials and places at the pseudonym service: once per process. */
export function openPseudonymAccess(settings: PseudonymUse): SourceAccess {
  const { authentication, timeoutSeconds, maxRequests, service } = settings.pseudonyms;
  const url = service !== undefined && 'url' in service ? service.url : '';
  const credentials = openSourceCredentials(authentication, url, {
    dispatcherFor: dispatchersOf(settings),
    timeoutSeconds,
  });
  return {
    credentials: inOwnWords(credentials),
    limiter: new SourceLimiter(maxRequests),
  };
}

/** The pseudonym service of the settings, with connections of this thread; `undefined` where there is none. */
export function openPseudonyms(settings: PseudonymUse, access: SourceAccess): PseudonymServices | undefined {
  const { service, identity, batchSize } = settings.pseudonyms;
  if (service === undefined) return undefined;
  if (service.method === 'local') {
    const { key } = service;
    const account = settings.runtimeStorage;
    const { limiter } = access;
    return { identity, of: (requester) => new PseudonymTable({ account, key, limiter, requester }) };
  }
  const dispatcherFor = dispatchersOf(settings);
  return {
    identity,
    of: (requester) =>
      openRemote(service, openServiceClient(service, settings, access, requester, dispatcherFor), batchSize),
  };
}

/** What asks a service by HTTP. */
export function openServiceClient(
  { url }: RemoteService,
  settings: PseudonymUse,
  access: SourceAccess,
  requester: string,
  dispatcherFor = dispatchersOf(settings),
): ServiceClient {
  const { timeoutSeconds, maxAttempts } = settings.pseudonyms;
  return new ServiceClient({ url, timeoutSeconds, maxAttempts, dispatcherFor, access, requester });
}

function openRemote(service: RemoteService, client: ServiceClient, batchSize: number): PseudonymService {
  switch (service.method) {
    case 'gpas':
      return gpas(client, service.version, batchSize);
    case 'vfps':
      return vfps(client);
    case 'entici':
      return entici(client);
  }
}

function dispatchersOf({ pseudonyms, proxy }: PseudonymUse): Dispatchers {
  const { ca, timeoutSeconds } = pseudonyms;
  return openDispatchers({ ca, proxy, timeoutMs: timeoutSeconds * 1000, keepAliveMs: KEEP_ALIVE_MS });
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
