import { clientAuthentication, privateUrl } from './clientAuthentication.js';
import { certificates } from './registrySettings.js';
import { choice, hmacKey, integer, list, required, type Values, variants } from './setting.js';

type Given = Values<typeof PSEUDONYMS>;
type GivenAuthentication = Given['authentication'];

/** How the app authenticates itself at the pseudonym service. */
export type PseudonymAuthentication =
  | Exclude<GivenAuthentication, { method: 'managed-identity' }>
  | (Extract<GivenAuthentication, { method: 'managed-identity' }> & { readonly scope: string });

/** A service that is somewhere else, reached by HTTP. */
export type RemoteService = Exclude<Given['service'], { method: 'none' | 'local' }>;

export interface PseudonymSettings extends Omit<Given, 'service' | 'authentication'> {
  /** `undefined`: there is none. */
  readonly service: Exclude<Given['service'], { method: 'none' }> | undefined;
  readonly authentication: PseudonymAuthentication;
  /** Names the service and its keys: a secret. */
  readonly identity: string;
}

const client = clientAuthentication({
  prefix: 'PSEUDONYM',
  server: 'the pseudonym service',
  scopes: '`managed-identity`: `https://<host of the service>/.default` unless set.',
  tokenEndpoint: 'Token endpoint.',
});

const serviceUrl = required(
  privateUrl(
    'PSEUDONYM_URL',
    {},
    'Base URL of the pseudonym service, by https unless it is on this machine.',
  ),
);

export const PSEUDONYMS = {
  service: variants(
    'PSEUDONYM_SERVICE',
    'none',
    'What makes the pseudonyms of rules `pseudonymize`: see [Pseudonym services](pseudonym-services.md). `local`: a table in the storage account of the runtime.',
    {
      none: {},
      local: {
        key: hmacKey(
          'PSEUDONYM_KEY',
          { isRequired: true },
          'Key under which values are looked up in the table. With another key, every value gets another pseudonym.',
        ),
      },
      gpas: {
        url: serviceUrl,
        version: choice(
          'PSEUDONYM_GPAS_VERSION',
          ['1.10.3', '1.10.2'],
          { default: '1.10.3' },
          'Version of gPAS whose operations are called: `1.10.3` and all later ones (`$pseudonymizeAllowCreate`), or `1.10.2` (`$pseudonymize-allow-create`).',
        ),
      },
      vfps: { url: serviceUrl },
      entici: { url: serviceUrl },
    },
  ),
  authentication: variants(
    'PSEUDONYM_AUTHENTICATION',
    'none',
    'How the app authenticates itself at the pseudonym service: as [at the source](source-authentication.md), with the settings that begin with `PSEUDONYM_`.',
    {
      none: {},
      header: client.header,
      'managed-identity': { clientId: client.clientId, scope: client.scope },
      'client-credentials': client.clientCredentials,
    },
  ),
  ca: certificates(
    'PSEUDONYM_CA',
    'Certificates of private authorities that the pseudonym service and its token endpoint are trusted by, besides the public ones.',
  ),
  batchSize: integer(
    'PSEUDONYM_BATCH_SIZE',
    { default: 100, min: 1, max: 1000, unit: 'values' },
    'Values of one request, where the service takes several (`gpas`).',
  ),
  maxRequests: integer(
    'PSEUDONYM_MAX_REQUESTS',
    { default: 8, min: 1, max: 256, unit: 'requests' },
    'Most requests at a time that one instance has at the pseudonym service, of all its jobs.',
  ),
  timeoutSeconds: integer(
    'PSEUDONYM_TIMEOUT_SECONDS',
    { default: 30, min: 1, max: 600, unit: 'seconds' },
    'How long one request to the pseudonym service may take, to the last byte.',
  ),
  maxAttempts: integer(
    'PSEUDONYM_MAX_ATTEMPTS',
    { default: 6, min: 1, max: 20, unit: 'attempts' },
    'Attempts per request on 408, 429, 5xx, timeouts and cut connections, before the slice is tried again.',
  ),
  domainPrefixes: list(
    'PSEUDONYM_DOMAIN_PREFIXES',
    'texts separated by commas, such as project-a-',
    (prefix) => prefix.length <= 100,
    { default: '' },
    'What callers may have domains begin with, by `_domainPrefix`. Who may name a prefix gets pseudonyms that fit other exports with it.',
  ),
};

/** Adds what follows from other settings. */
export function pseudonymSettings({ service, authentication, ...rest }: Given): PseudonymSettings {
  const url = 'url' in service ? service.url.replace(/\/+$/, '') : '';
  return {
    ...rest,
    service: service.method === 'none' ? undefined : 'url' in service ? { ...service, url } : service,
    authentication:
      authentication.method === 'managed-identity'
        ? {
            ...authentication,
            scope: authentication.scope ?? `${new URL(url || 'https://localhost').origin}/.default`,
          }
        : authentication,
    identity: JSON.stringify([service.method, url, 'key' in service ? service.key : '']),
  };
}
