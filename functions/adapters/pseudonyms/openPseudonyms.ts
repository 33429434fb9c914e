import type { PseudonymService, PseudonymServices } from '../../export/output/jobPseudonyms.js';
import type { RemoteService } from '../../settings/pseudonymSettings.js';
import type { Settings } from '../../settings/settings.js';
import { type Dispatchers, openDispatchers } from '../dispatchers.js';
import type { SourceAccess } from '../source/sourceAccess.js';
import { entici } from './entici.js';
import { gpas } from './gpas.js';
import { PseudonymTable } from './pseudonymTable.js';
import { ServiceClient } from './serviceClient.js';
import { vfps } from './vfps.js';

const KEEP_ALIVE_MS = 30_000;

/** What of the settings is needed. */
export type PseudonymUse = Pick<Settings, 'pseudonyms' | 'proxy' | 'runtimeStorage'>;

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
  const dispatcherFor = pseudonymDispatchers(settings);
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
  dispatcherFor = pseudonymDispatchers(settings),
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

/** The ways to the service. */
export function pseudonymDispatchers({ pseudonyms, proxy }: PseudonymUse): Dispatchers {
  const { ca, timeoutSeconds } = pseudonyms;
  return openDispatchers({ ca, proxy, timeoutMs: timeoutSeconds * 1000, keepAliveMs: KEEP_ALIVE_MS });
}
