import { createHash } from 'node:crypto';
import { ExportError } from '../../common/errors.js';
import { isDigest, type OciReference } from '../../export/request/ociReference.js';
import type { RegistryCredentials } from '../../settings/registrySettings.js';
import {
  mediaTypeOf,
  MAX_MANIFEST_BYTES,
  type RawManifest,
  type RegistryAccess,
  registryDenied,
  registryFailure,
  registryRefused,
  type RegistryRepository,
} from './registryRepository.js';
import { MANIFEST_MEDIA_TYPES } from './ociManifest.js';
import {
  MAX_NAMES_BYTES,
  namesAfter,
  type NamesAsked,
  namesIn,
  namesQuery,
  type RegistryNames,
} from './registryNames.js';
import {
  cutOff,
  discard,
  readBytes,
  readText,
  type RegistryRequest,
  type RegistryResponse,
  type RegistryTransport,
} from './registryTransport.js';
import { verifiedBytes, wrongDigest } from './verifiedBytes.js';

const MAX_TOKEN_BYTES = 65_536;

/**
 * An image name of any registry that speaks the OCI distribution protocol, read anonymously or with a user and
 * password, directly (Basic) or for a token of the registry's token service (Bearer).
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md
 * https://distribution.github.io/distribution/spec/auth/token/
 */
export class DistributionRepository implements RegistryRepository {
  readonly #transport: RegistryTransport;
  readonly #reference: OciReference;
  readonly #credentials: RegistryCredentials | undefined;
  readonly #signal: AbortSignal;
  #authorization: string | undefined;

  constructor(
    transport: RegistryTransport,
    reference: OciReference,
    credentials: RegistryCredentials | undefined,
    signal: AbortSignal,
  ) {
    this.#transport = transport;
    this.#reference = reference;
    this.#credentials = credentials;
    this.#signal = signal;
  }

  async manifest(version: string): Promise<RawManifest> {
    const { registry } = this.#reference;
    const response = await this.request({
      method: 'GET',
      url: this.url(`manifests/${version}`),
      headers: { accept: MANIFEST_MEDIA_TYPES.join(', ') },
    });
    if (response.status !== 200) {
      discard(response);
      throw registryFailure(response.status, this.#reference, this.#access);
    }
    const bytes = await readBytes(response.body, registry, MAX_MANIFEST_BYTES);
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    if (isDigest(version) && digest !== version) throw wrongDigest();
    // The header is the registry's own claim, and may be absent.
    const claimed = response.headers['docker-content-digest'] ?? digest;
    if (claimed !== digest) throw wrongDigest();
    return { bytes, digest, mediaType: mediaTypeOf(response.headers['content-type']) };
  }

  async *blob(digest: string): AsyncGenerator<Uint8Array> {
    const { registry } = this.#reference;
    const response = await this.request({ method: 'GET', url: this.url(`blobs/${digest}`), headers: {} });
    if (response.status !== 200) {
      discard(response);
      throw registryRefused(response.status, registry);
    }
    try {
      yield* verifiedBytes(response.body, digest);
    } catch (error) {
      throw cutOff(error, registry);
    }
  }

  async names(asked: NamesAsked): Promise<RegistryNames> {
    const { registry } = this.#reference;
    const path =
      asked.member === 'tags' ? this.url(asked.path) : new URL(`https://${registry}/v2/${asked.path}`);
    const url = new URL(`?${namesQuery(asked)}`, path);
    const response = await this.request({ method: 'GET', url, headers: { accept: 'application/json' } });
    const text = await readText(response, registry, MAX_NAMES_BYTES);
    if (response.status !== 200) throw registryFailure(response.status, this.#reference, this.#access);
    const hasNext = /rel="?next\b/.test(response.headers['link'] ?? '');
    return namesAfter(namesIn(text, asked.member, registry), asked, hasNext);
  }

  /** URL of something below the image name. */
  url(path: string): URL {
    const { registry, repository } = this.#reference;
    return new URL(`https://${registry}/v2/${repository}/${path}`);
  }

  /**
   * Sends a request with what the registry asks for in its challenge.
   * @throws ExportError `registry-denied` on 401 and 403
   */
  async request(request: RegistryRequest): Promise<RegistryResponse> {
    let response = await this.#sendAs(request);
    if (response.status === 401) {
      const challenge = response.headers['www-authenticate'] ?? '';
      discard(response);
      this.#authorization = await this.#answer(challenge);
      if (this.#authorization === undefined) throw this.#denied(401);
      response = await this.#sendAs(request);
    }
    if (response.status === 401 || response.status === 403) {
      discard(response);
      throw this.#denied(response.status);
    }
    return response;
  }

  #sendAs(request: RegistryRequest): Promise<RegistryResponse> {
    const headers =
      this.#authorization === undefined
        ? request.headers
        : { ...request.headers, authorization: this.#authorization };
    const isBlob = request.method === 'GET' && request.url.pathname.includes('/blobs/');
    return this.#transport[isBlob ? 'getBlob' : 'send']({ ...request, headers }, this.#signal);
  }

  /** The `Authorization` that answers a challenge; `undefined` where there is nothing to answer with. */
  async #answer(challenge: string): Promise<string | undefined> {
    const basic =
      this.#credentials === undefined
        ? undefined
        : `Basic ${Buffer.from(`${this.#credentials.username}:${this.#credentials.password}`).toString('base64')}`;
    if (!/\bBearer\s/i.test(challenge)) return /\bBasic\b/i.test(challenge) ? basic : undefined;
    const { realm = '', service, scope } = parameters(challenge);
    const url = URL.canParse(realm) ? new URL(realm) : undefined;
    if (url === undefined || !this.#transport.isRegistered(url)) {
      throw new ExportError(
        'registry-denied',
        `The registry ${this.#reference.registry} wants a token of ${url?.host ?? 'a token service that is not an https URL'}, which is not among the hosts of ANONYMIZATION_REGISTRIES. If that is its token service, add the host there.`,
      );
    }
    if (service !== undefined) url.searchParams.set('service', service);
    if (scope !== undefined) url.searchParams.set('scope', scope);
    const headers: Record<string, string> = basic === undefined ? {} : { authorization: basic };
    const response = await this.#transport.send({ method: 'GET', url, headers }, this.#signal);
    const text = await readText(response, url.host, MAX_TOKEN_BYTES);
    if (response.status === 401 || response.status === 403) throw this.#denied(response.status);
    const token = response.status === 200 ? tokenOf(text) : undefined;
    if (token === undefined) throw registryRefused(response.status, url.host);
    return `Bearer ${token}`;
  }

  get #access(): RegistryAccess {
    return this.#credentials === undefined ? 'anonymous' : 'credentials';
  }

  #denied(status: number): ExportError {
    return registryDenied(status, this.#reference, this.#access);
  }
}

/** The parameters of the first Bearer challenge: RFC 9110, section 11.6.1. */
function parameters(challenge: string): Record<string, string> {
  const bearer = challenge.slice(challenge.search(/\bBearer\s/i));
  return Object.fromEntries(
    [...bearer.matchAll(/\b(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [
      name.toLowerCase(),
      value,
    ]),
  );
}

function tokenOf(text: string): string | undefined {
  try {
    const { token, access_token: accessToken } = JSON.parse(text) as {
      token?: unknown;
      access_token?: unknown;
    };
    const value = token ?? accessToken;
    return typeof value === 'string' && /^[\x21-\x7e]+$/.test(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
