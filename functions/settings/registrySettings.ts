import { X509Certificate } from 'node:crypto';
import { isRepository, type OciReference, readRegistryHost } from '../export/request/ociReference.js';
import type { ProxySettings } from './proxySettings.js';

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

type Parsed<T> = { value: T } | { problem: string };

/** Reads `host, host:port, host/repository`. */
export function parseRegistries(text: string): Parsed<TrustedRegistries> {
  const hosts = new Set<string>();
  const repositories = new Set<string>();
  for (const part of text.split(',').map((item) => item.trim())) {
    if (part === '') continue;
    const slash = part.indexOf('/');
    const host = readRegistryHost(slash < 0 ? part : part.slice(0, slash));
    const repository = slash < 0 ? undefined : part.slice(slash + 1);
    if (host === undefined || (repository !== undefined && !isRepository(repository))) {
      return {
        problem:
          'must be hosts of registries, each with its port if that is not 443, without https://, or repositories of them (host/repository, without tag), separated by commas',
      };
    }
    hosts.add(host);
    if (repository !== undefined) repositories.add(`${host}/${repository}`);
  }
  return { value: { hosts, repositories } };
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

/**
 * Reads what `docker login` writes: https://docs.docker.com/reference/cli/docker/login/. Entries without a
 * password, which is then in a credential store, are left out. Problems quote nothing.
 */
export function parseRegistryCredentials(text: string): Parsed<ReadonlyMap<string, RegistryCredentials>> {
  const credentials = new Map<string, RegistryCredentials>();
  if (text === '') return { value: credentials };
  const problem = {
    problem:
      'must be JSON as in Docker\'s config.json: {"auths":{"registry.example.org":{"username":"…","password":"…"}}}, or "auth" with Base64 of user:password',
  };
  let auths: unknown;
  try {
    auths = (JSON.parse(text) as { auths?: unknown } | null)?.auths;
  } catch {
    return problem;
  }
  if (!isRecord(auths)) return problem;
  for (const [key, entry] of Object.entries(auths)) {
    const host = readRegistryHost(key.replace(/^https?:\/\//, '').replace(/\/.*$/, ''));
    if (host === undefined || !isRecord(entry)) return problem;
    const read = credentialsOf(entry);
    if (read !== undefined) credentials.set(host, read);
  }
  return { value: credentials };
}

function credentialsOf(entry: Record<string, unknown>): RegistryCredentials | undefined {
  const { auth, username, password } = entry;
  if (typeof username === 'string' && typeof password === 'string') return { username, password };
  if (typeof auth !== 'string') return undefined;
  const decoded = Buffer.from(auth, 'base64').toString('utf8').replace(/\0+$/, '');
  const colon = decoded.indexOf(':');
  return colon < 1 ? undefined : { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}

/** Reads certificates in PEM. Newlines may be written as `\n`, where a setting cannot hold them. */
export function parseCertificates(text: string): Parsed<string | undefined> {
  if (text === '') return { value: undefined };
  const pem = text.replaceAll('\\n', '\n');
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    if (certificates.length === 0) throw new Error('none');
    for (const certificate of certificates) void new X509Certificate(certificate);
  } catch {
    return { problem: 'must be one or more certificates in PEM (-----BEGIN CERTIFICATE-----)' };
  }
  return { value: certificates.join('\n') };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
