import { X509Certificate } from 'node:crypto';
import { isRepository, type OciReference, readRegistryHost } from '../export/request/ociReference.js';
import type { ProxySettings } from './proxySettings.js';
import { itemsOf, matching, type Setting, text } from './setting.js';
import { isRecord } from '../common/isRecord.js';

/** User and password for one registry. Never logged. */
export interface RegistryCredentials {
  username: string;
  password: string;
}

/** What configurations may be read from. */
export interface TrustedRegistries {
  /** Hosts as `readRegistryHost` writes them; no other is contacted. */
  hosts: ReadonlySet<string>;
  /** `host/repository`: of a host that one of them names, nothing else is read. */
  repositories: ReadonlySet<string>;
}

/** Which registries may be contacted, and how. */
export interface RegistrySettings extends TrustedRegistries {
  /** By host. */
  credentials: ReadonlyMap<string, RegistryCredentials>;
  /** Client id of the user-assigned managed identity; `undefined`: the system-assigned one. */
  clientId: string | undefined;
  /** PEM certificates that are trusted besides the public ones. */
  ca: string | undefined;
  proxy?: ProxySettings;
}

export const REGISTRIES = {
  trusted: text(
    'ANONYMIZATION_REGISTRIES',
    'hosts of registries, each with its port if that is not 443, without https://, or repositories of them (host/repository, without tag), separated by commas',
    readRegistries,
    { default: '' },
    'OCI registries that configurations may be read from, always over TLS. No other is contacted: where a registry takes its tokens from another host, that is named here, too. Where an entry names a repository, nothing else of that registry is read.',
    'list',
  ),
  credentials: text(
    'ANONYMIZATION_REGISTRY_CREDENTIALS',
    'JSON as in Docker\'s config.json: {"auths":{"registry.example.org":{"username":"…","password":"…"}}}, or "auth" with Base64 of user:password',
    readRegistryCredentials,
    { default: '', isSecret: true },
    'Users and passwords by registry. A registry without is read anonymously; one of Azure (`*.azurecr.io`) with the managed identity, which needs the role AcrPull.',
  ),
  clientId: text(
    'ANONYMIZATION_REGISTRY_CLIENT_ID',
    'the client id of a managed identity',
    matching(/^[\w-]{1,64}$/),
    {},
    'User-assigned managed identity for registries of Azure, instead of the system-assigned one.',
  ),
  ca: certificates(
    'ANONYMIZATION_REGISTRY_CA',
    'Certificates of private authorities that registries are trusted by, besides the public ones.',
  ),
};

/** Certificates in PEM. Newlines may be written as `\n`, where a setting cannot hold them. */
export function certificates(name: string, description: string): Setting<string | undefined> {
  return text(
    name,
    'one or more certificates in PEM (-----BEGIN CERTIFICATE-----)',
    (pem) => {
      const found = pem
        .replaceAll('\\n', '\n')
        .match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
      try {
        for (const certificate of found ?? []) void new X509Certificate(certificate);
      } catch {
        return undefined;
      }
      return found?.join('\n');
    },
    {},
    `${description} \`NODE_EXTRA_CA_CERTS\` is honored, too, where this is not set.`,
  );
}

/** Whether configurations may be read from an image. */
export function isTrusted(
  { hosts, repositories }: TrustedRegistries,
  { registry, repository }: Pick<OciReference, 'registry' | 'repository'>,
): boolean {
  if (!hosts.has(registry)) return false;
  const isRestricted = [...repositories].some((name) => name.startsWith(`${registry}/`));
  return !isRestricted || repositories.has(`${registry}/${repository}`);
}

function readRegistries(found: string): TrustedRegistries | undefined {
  const hosts = new Set<string>();
  const repositories = new Set<string>();
  for (const item of itemsOf(found)) {
    const [name = '', ...segments] = item.split('/');
    const host = readRegistryHost(name);
    const repository = segments.length === 0 ? undefined : segments.join('/');
    if (host === undefined || (repository !== undefined && !isRepository(repository))) return undefined;
    hosts.add(host);
    if (repository !== undefined) repositories.add(`${host}/${repository}`);
  }
  return { hosts, repositories };
}

/**
 * Reads what `docker login` writes: https://docs.docker.com/reference/cli/docker/login/. Entries without a
 * password, which is then in a credential store, are left out.
 */
function readRegistryCredentials(found: string): ReadonlyMap<string, RegistryCredentials> | undefined {
  const credentials = new Map<string, RegistryCredentials>();
  if (found === '') return credentials;
  let auths: unknown;
  try {
    auths = (JSON.parse(found) as { auths?: unknown } | null)?.auths;
  } catch {
    return undefined;
  }
  if (!isRecord(auths)) return undefined;
  for (const [key, entry] of Object.entries(auths)) {
    const host = readRegistryHost(key.replace(/^https?:\/\//, '').replace(/\/.*$/, ''));
    if (host === undefined || !isRecord(entry)) return undefined;
    const read = credentialsOf(entry);
    if (read !== undefined) credentials.set(host, read);
  }
  return credentials;
}

function credentialsOf(entry: Record<string, unknown>): RegistryCredentials | undefined {
  const { auth, username, password } = entry;
  if (typeof username === 'string' && typeof password === 'string') return { username, password };
  if (typeof auth !== 'string') return undefined;
  const decoded = Buffer.from(auth, 'base64').toString('utf8').replace(/\0+$/, '');
  const colon = decoded.indexOf(':');
  return colon < 1 ? undefined : { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}
