import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { generate } from 'selfsigned';

/** How the registry wants to be asked. */
export type RegistryAuthentication =
  | { kind: 'anonymous' }
  | { kind: 'basic'; username: string; password: string }
  /** Tokens of the service at `realm`, its own unless given. */
  | { kind: 'bearer'; username: string; password: string; realm?: string }
  /** As Azure Container Registry: a token of Microsoft Entra ID for a refresh token, that for an access token. */
  | { kind: 'azure'; entraToken: string };

/** Answers a request in the registry's place; `false` leaves it to the registry. */
export type Fault = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
}

export interface SeenRequest {
  method: string;
  url: string;
  authorization: string | undefined;
}

export const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const INDEX = 'application/vnd.oci.image.index.v1+json';
export const TAR_GZ = 'application/vnd.oci.image.layer.v1.tar+gzip';

/** A certificate for this machine alone, made anew for each run. */
export async function testCertificate(
  names: string[] = ['localhost'],
): Promise<{ key: string; cert: string }> {
  const made = await generate([{ name: 'commonName', value: 'registry of a test' }], {
    keySize: 2048,
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      {
        name: 'subjectAltName',
        altNames: [
          ...names.map((value) => ({ type: 2 as const, value })),
          { type: 7 as const, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  return { key: made.private, cert: made.cert };
}

export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** A registry in this process that speaks the OCI distribution protocol over TLS, and misbehaves on demand. */
export class TestRegistry {
  readonly requests: SeenRequest[] = [];
  readonly blobs = new Map<string, Buffer>();
  /** By repository and then by tag or digest. */
  readonly manifests = new Map<string, { bytes: Buffer; mediaType: string }>();
  authentication: RegistryAuthentication = { kind: 'anonymous' };
  fault: Fault = () => false;
  /** Whether lists of names are whole, whatever is asked for. */
  ignoresPages = false;
  readonly #server: Server;
  readonly #tokens = new Set<string>();
  readonly #refreshTokens = new Set<string>();
  readonly #uploads = new Map<string, Buffer>();

  private constructor(
    server: Server,
    /** PEM certificate by which it is trusted. */
    readonly ca: string,
  ) {
    this.#server = server;
  }

  static async start(names?: string[], certificate = testCertificate(names)): Promise<TestRegistry> {
    const { key, cert } = await certificate;
    const server = createServer({ key, cert });
    const registry = new TestRegistry(server, cert);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const { method = '', url = '' } = request;
      registry.requests.push({ method, url, authorization: request.headers.authorization });
      if (registry.fault(request, response)) return;
      registry.#answer(request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return registry;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get host(): string {
    return `localhost:${this.port}`;
  }

  /** Forgets everything but what is running. */
  reset(): void {
    this.requests.length = 0;
    this.blobs.clear();
    this.manifests.clear();
    this.authentication = { kind: 'anonymous' };
    this.fault = () => false;
    this.ignoresPages = false;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  putBlob(bytes: Uint8Array, mediaType = TAR_GZ, annotations?: Record<string, string>): Descriptor {
    const digest = digestOf(bytes);
    this.blobs.set(digest, Buffer.from(bytes));
    return { mediaType, digest, size: bytes.length, ...(annotations === undefined ? {} : { annotations }) };
  }

  /** Puts a manifest under its digest, and under a tag; returns the digest. */
  putManifest(repository: string, tag: string, content: object, mediaType = MANIFEST): string {
    const bytes = Buffer.from(JSON.stringify(content));
    const digest = digestOf(bytes);
    for (const version of [tag, digest]) this.manifests.set(`${repository}/${version}`, { bytes, mediaType });
    return digest;
  }

  /** Puts an image of these layers; returns its digest. */
  putImage(repository: string, tag: string, layers: Descriptor[]): string {
    const config = this.putBlob(Buffer.from('{}'), 'application/vnd.oci.image.config.v1+json');
    return this.putManifest(repository, tag, { schemaVersion: 2, mediaType: MANIFEST, config, layers });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    const { pathname, searchParams } = new URL(url, 'https://localhost');
    const body = await bodyOf(request);
    if (pathname === '/token') return this.#token(request, response);
    if (pathname === '/oauth2/exchange')
      return this.#exchange(new URLSearchParams(body.toString()), response);
    if (pathname === '/oauth2/token')
      return this.#accessToken(new URLSearchParams(body.toString()), response);
    if (!this.#isAuthorized(request, response)) return;
    const path = decodeURIComponent(pathname);
    if (this.#list(path, searchParams, response)) return;
    const [, repository = '', kind = '', name = ''] =
      /^\/v2\/(.+)\/(manifests|blobs)\/(.+)$/.exec(path) ?? [];
    if (kind === 'manifests' && method === 'PUT') {
      const digest = digestOf(body);
      const mediaType = request.headers['content-type'] ?? '';
      for (const version of [name, digest])
        this.manifests.set(`${repository}/${version}`, { bytes: body, mediaType });
      response.writeHead(201, { 'docker-content-digest': digest, location: url }).end();
    } else if (kind === 'blobs' && name.startsWith('uploads')) {
      this.#upload(method, repository, name, searchParams.get('digest'), body, response);
    } else if (kind === 'manifests') {
      const found = this.manifests.get(`${repository}/${name}`);
      if (found === undefined)
        return void response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
      const headers = { 'content-type': found.mediaType, 'docker-content-digest': digestOf(found.bytes) };
      response.writeHead(200, { ...headers, 'content-length': found.bytes.length }).end(found.bytes);
    } else {
      const blob = this.blobs.get(name);
      if (blob === undefined) return void response.writeHead(404).end();
      response.writeHead(200, { 'content-length': blob.length }).end(blob);
    }
  }

  /** Lists repositories or tags, in pages, by the distribution protocol or by Azure's own interface. */
  #list(path: string, asked: URLSearchParams, response: ServerResponse): boolean {
    const isAzure = path.startsWith('/acr/v1/');
    const [, repository] =
      /^\/(?:v2\/(.+)\/tags\/list|acr\/v1\/(.+)\/_tags)$/.exec(path)?.filter(Boolean) ?? [];
    const isCatalog = path === '/v2/_catalog' || path === '/acr/v1/_catalog';
    if (repository === undefined && !isCatalog) return false;
    const keys = [...this.manifests.keys()].filter((key) => !key.includes('sha256:'));
    const [repositories, tags] = [0, 1].map((part) =>
      keys.map((key) => key.match(/^(.+)\/([^/]+)$/)?.[part + 1] ?? ''),
    ) as [string[], string[]];
    const found = isCatalog ? new Set(repositories) : new Set(tags.filter((_, at) => repositories[at] === repository)); // prettier-ignore
    if (!isCatalog && found.size === 0) {
      response.writeHead(404).end('{}');
      return true;
    }
    const names = [...found].sort();
    const after = names.slice(names.indexOf(asked.get('last') ?? '') + 1);
    const page = this.ignoresPages ? names : after.slice(0, Number(asked.get('n') ?? 100));
    const link = `<${path}?last=${page.at(-1)}&n=${asked.get('n')}>; rel="next"`;
    const hasNext = !this.ignoresPages && page.length < after.length;
    response.writeHead(200, { 'content-type': 'application/json', ...(hasNext ? { link } : {}) });
    const ofTags = isAzure
      ? { tags: page.map((name) => ({ name, digest: digestOf(name) })), imageName: repository }
      : { name: repository, tags: page };
    response.end(JSON.stringify(isCatalog ? { repositories: page } : ofTags));
    return true;
  }

  #upload(
    method: string,
    repository: string,
    name: string,
    digest: string | null,
    body: Buffer,
    response: ServerResponse,
  ): void {
    const id = method === 'POST' ? randomBytes(8).toString('hex') : name.slice('uploads/'.length);
    const bytes = Buffer.concat([this.#uploads.get(id) ?? Buffer.alloc(0), body]);
    this.#uploads.set(id, bytes);
    const location = `/v2/${repository}/blobs/uploads/${id}`;
    if (method !== 'PUT') return void response.writeHead(202, { location, range: '0-0' }).end();
    if (digest === null || digestOf(bytes) !== digest) return void response.writeHead(400).end();
    this.blobs.set(digest, bytes);
    response.writeHead(201, { location, 'docker-content-digest': digest }).end();
  }

  #isAuthorized(request: IncomingMessage, response: ServerResponse): boolean {
    const { authorization = '' } = request.headers;
    const { authentication } = this;
    const challenge = (text: string): boolean => {
      response.writeHead(401, { 'www-authenticate': text }).end('{"errors":[{"code":"UNAUTHORIZED"}]}');
      return false;
    };
    if (authentication.kind === 'anonymous') return true;
    if (authentication.kind === 'basic') {
      return authorization === basic(authentication) || challenge('Basic realm="test"');
    }
    if (this.#tokens.has(authorization)) return true;
    const path = authentication.kind === 'azure' ? 'oauth2/token' : 'token';
    const own = `https://${this.host}/${path}`;
    const realm = authentication.kind === 'bearer' ? (authentication.realm ?? own) : own;
    return challenge(`Bearer realm="${realm}",service="test registry",scope="repository:x:pull,push"`);
  }

  #token(request: IncomingMessage, response: ServerResponse): void {
    const { authentication } = this;
    if (authentication.kind !== 'bearer' || request.headers.authorization !== basic(authentication)) {
      return void response.writeHead(401).end();
    }
    response.end(JSON.stringify({ token: this.#newToken() }));
  }

  /** https://learn.microsoft.com/rest/api/containerregistry/ : access token of Entra ID for a refresh token. */
  #exchange(form: URLSearchParams, response: ServerResponse): void {
    const { authentication } = this;
    if (authentication.kind !== 'azure' || form.get('access_token') !== authentication.entraToken) {
      return void response.writeHead(401).end('{"errors":[{"code":"UNAUTHORIZED"}]}');
    }
    const payload = Buffer.from(JSON.stringify({ exp: Math.floor(Date.now() / 1000) + 3600 })).toString(
      'base64',
    );
    const token = `e30.${payload}.${randomBytes(8).toString('hex')}`;
    this.#refreshTokens.add(token);
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ refresh_token: token }));
  }

  #accessToken(form: URLSearchParams, response: ServerResponse): void {
    if (!this.#refreshTokens.has(form.get('refresh_token') ?? ''))
      return void response.writeHead(401).end('{}');
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ access_token: this.#newToken() }));
  }

  #newToken(): string {
    const token = randomBytes(16).toString('hex');
    this.#tokens.add(`Bearer ${token}`);
    return token;
  }
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
