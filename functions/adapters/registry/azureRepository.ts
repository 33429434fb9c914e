import { Readable } from 'node:stream';
import {
  type ArtifactTagProperties,
  ContainerRegistryClient,
  type ContainerRegistryClientOptions,
  ContainerRegistryContentClient,
} from '@azure/container-registry';
import {
  createHttpHeaders,
  type HttpClient,
  type PipelineRequest,
  RestError,
  type PipelineResponse,
} from '@azure/core-rest-pipeline';
import { ExportError } from '../../common/errors.js';
import type { OciReference } from '../../export/request/ociReference.js';
import {
  mediaTypeOf,
  MAX_MANIFEST_BYTES,
  type RawManifest,
  registryFailure,
  type RegistryRepository,
} from './registryRepository.js';
import { busyIdentity, isMissingIdentity, type ManagedIdentity } from '../managedIdentity.js';
import { namesAfter, type NamesAsked, namesQuery, type RegistryNames } from './registryNames.js';
import { cutOff, readBytes, type RegistryRequest, type RegistryTransport } from './registryTransport.js';
import { verifiedBytes, wrongDigest } from './verifiedBytes.js';

/** For whom tokens are asked, by the cloud that a registry's name belongs to. */
const AUDIENCES: ReadonlyArray<readonly [RegExp, string]> = [
  [/\.azurecr\.io$/, 'https://containerregistry.azure.net'],
  [/\.azurecr\.cn$/, 'https://management.chinacloudapi.cn'],
  [/\.azurecr\.us$/, 'https://management.usgovcloudapi.net'],
];

/** Whether a host is an Azure Container Registry, by its name. */
export function isAzureRegistry(host: string): boolean {
  return AUDIENCES.some(([pattern]) => pattern.test(host));
}

/**
 * An image name of an Azure Container Registry, read with the app's identity. The SDK does the exchange of tokens
 * and the protocol; what it sends goes through our transport, so that its redirects carry no credentials, and it sees
 * no blob to its end whose digest is wrong: it would throw where no caller can catch it.
 */
export class AzureRepository implements RegistryRepository {
  readonly client: ContainerRegistryContentClient;
  readonly #reference: OciReference;
  readonly #identity: ManagedIdentity;
  readonly #options: ContainerRegistryClientOptions;
  /** What failed below the SDK, which reports it in a text of its own. */
  #failure: ExportError | undefined;

  constructor(
    transport: RegistryTransport,
    reference: OciReference,
    identity: ManagedIdentity,
    signal: AbortSignal,
  ) {
    this.#reference = reference;
    this.#identity = identity;
    const { registry, repository } = reference;
    const audience = AUDIENCES.find(([pattern]) => pattern.test(registry))?.[1];
    this.#options = {
      httpClient: this.#httpClient(transport, signal),
      // The transport tries again and follows redirects.
      retryOptions: { maxRetries: 0 },
      redirectOptions: { maxRetries: 0 },
      ...(audience === undefined ? {} : { audience }),
    };
    this.client = new ContainerRegistryContentClient(
      `https://${registry}`,
      repository,
      identity.credential,
      this.#options,
    );
  }

  async manifest(version: string): Promise<RawManifest> {
    try {
      const { content, digest, mediaType } = await this.client.getManifest(version);
      return { bytes: content, digest, mediaType: mediaTypeOf(mediaType) };
    } catch (error) {
      throw this.failure(error);
    }
  }

  async *blob(digest: string): AsyncGenerator<Uint8Array> {
    try {
      const { content } = await this.client.downloadBlob(digest);
      for await (const chunk of content) yield chunk as Buffer;
    } catch (error) {
      throw this.failure(error);
    }
  }

  /** By the registry's own interface, since tokens for the other one are of one image name. */
  async names(asked: NamesAsked): Promise<RegistryNames> {
    const { registry, repository } = this.#reference;
    const client = new ContainerRegistryClient(
      `https://${registry}`,
      this.#identity.credential,
      this.#options,
    );
    const ofTags = asked.member === 'tags';
    const path = ofTags ? `${repository}/_tags` : '_catalog';
    const page = { continuationToken: `/acr/v1/${path}?${namesQuery(asked)}` };
    try {
      // Of the artifact the SDK takes its repository alone.
      const found = ofTags
        ? client.getArtifact(repository, 'latest').listTagProperties().byPage(page)
        : client.listRepositoryNames().byPage(page);
      const { value } = await found.next();
      const names = ((value ?? []) as ReadonlyArray<string | ArtifactTagProperties>).map((item) =>
        typeof item === 'string' ? item : item.name,
      );
      return namesAfter(names, asked, page.continuationToken !== undefined);
    } catch (error) {
      throw this.failure(error);
    }
  }

  /** What the SDK threw as an ExportError, in words of ours: its own hold URLs and answers. */
  failure(error: unknown): ExportError {
    if (this.#failure !== undefined) return this.#failure;
    if (error instanceof ExportError) return error;
    const { registry } = this.#reference;
    if (error instanceof RestError && error.statusCode !== undefined) {
      return registryFailure(error.statusCode, this.#reference, { identity: this.#identity.name });
    }
    const name = error instanceof Error ? error.name : '';
    if (name === 'DigestMismatchError') return wrongDigest();
    const busy = busyIdentity(error);
    if (busy !== undefined) {
      return new ExportError(
        'registry-unavailable',
        `No token can be had now for ${this.#identity.name}, with which the registry ${registry} is read: ${busy}.`,
        true,
      );
    }
    if (isMissingIdentity(error)) {
      return new ExportError(
        'registry-denied',
        `No token could be had for ${this.#identity.name}, with which the registry ${registry} is read. Switch the identity on for the app, and give it the role AcrPull on the registry.`,
        true,
      );
    }
    return new ExportError(
      'registry-unavailable',
      `The answers of ${registry} are not those of an Azure Container Registry. Check the name, and any proxy between.`,
    );
  }

  /** The SDK's way to the network: our transport. */
  #httpClient(transport: RegistryTransport, signal: AbortSignal): HttpClient {
    return {
      sendRequest: async (request): Promise<PipelineResponse> => {
        try {
          return await sendThrough(transport, request, this.#reference.registry, signal, (failure) => {
            this.#failure = failure;
          });
        } catch (error) {
          this.#failure = cutOff(error, this.#reference.registry);
          throw this.#failure;
        }
      },
    };
  }
}

async function sendThrough(
  transport: RegistryTransport,
  request: PipelineRequest,
  registry: string,
  signal: AbortSignal,
  fail: (failure: ExportError) => void,
): Promise<PipelineResponse> {
  const url = new URL(request.url);
  const sent: RegistryRequest = {
    method: request.method as RegistryRequest['method'],
    url,
    headers: request.headers.toJSON(),
    ...(request.body === undefined || request.body === null
      ? {}
      : { body: request.body as string | Uint8Array }),
  };
  const digest =
    request.method === 'GET'
      ? /\/blobs\/(sha256:[0-9a-f]{64})$/.exec(decodeURIComponent(url.pathname))?.[1]
      : undefined;
  const response = await (digest === undefined
    ? transport.send(sent, signal)
    : transport.getBlob(sent, signal));
  const { status } = response;
  const headers = createHttpHeaders(response.headers);
  const isStreamed = [status, Infinity].some((code) => request.streamResponseStatusCodes?.has(code));
  if (status !== 200 || !isStreamed) {
    const bytes = await readBytes(response.body, registry, MAX_MANIFEST_BYTES);
    return { request, status, headers, bodyAsText: bytes.toString('utf8') };
  }
  if (digest === undefined) return { request, status, headers, readableStreamBody: response.body };
  const verified = verifiedBytes(response.body, digest);
  // What is wrong from the begin is reported from here: of a blob without bytes the SDK would see the end at once.
  const first = await verified.next();
  const body = async function* (): AsyncGenerator<Uint8Array> {
    try {
      if (first.done === true) return;
      yield first.value;
      yield* verified;
    } catch (error) {
      const failure = cutOff(error, registry);
      fail(failure);
      throw failure;
    }
  };
  return { request, status, headers, readableStreamBody: Readable.from(body()) };
}
