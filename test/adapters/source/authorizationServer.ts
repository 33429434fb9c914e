import { randomBytes } from 'node:crypto';
import {
  createServer,
  type IncomingMessage,
  request as forward,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';

/** Answers a request in the server's place; `false` leaves it to the server. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface Seen {
  path: string;
  authorization: string | undefined;
  form: URLSearchParams;
}

export const BUNDLE = '{"resourceType":"Bundle","type":"searchset"}';
const MAX_ASSERTION_SECONDS = 300;

/**
 * A FHIR server with its authorization server, in this process: it takes assertions as SMART Backend Services asks
 * (signature, `iss`, `sub`, `aud`, `exp`, a `jti` only once) or a client's secret, gives tokens of a lifetime, and
 * serves FHIR to those that are valid. It misbehaves on demand.
 */
export class AuthorizationServer {
  readonly seen: Seen[] = [];
  /** Why token requests were refused. */
  readonly refused: string[] = [];
  clientId = 'export-client';
  clientSecret = '';
  keys: JSONWebKeySet = { keys: [] };
  algorithms = ['RS384', 'ES384'];
  /** Of the tokens that it gives from now on. */
  lifetimeSeconds = 3600;
  /** Members of the SMART configuration that are other than they should be. */
  discovery: Record<string, unknown> = {};
  onToken: Answer = () => false;
  onFhir: Answer = () => false;
  onDiscovery: Answer = () => false;
  /** Every token it gave, by when it ends. */
  readonly tokens = new Map<string, number>();
  readonly #jtis = new Set<string>();
  readonly #server: Server;
  readonly #scheme: string;

  private constructor(
    tls: { key: string; cert: string } | undefined,
    /** Where what is let in goes to: host and port of a FHIR server. */
    private readonly behind: string | undefined,
  ) {
    this.#server = tls === undefined ? createServer() : createTlsServer(tls);
    this.#scheme = tls === undefined ? 'http' : 'https';
    this.#server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async start(
    options: { tls?: { key: string; cert: string }; behind?: string } = {},
  ): Promise<AuthorizationServer> {
    const server = new AuthorizationServer(options.tls, options.behind);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get base(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}/fhir`;
  }

  get tokenUrl(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}/auth/token`;
  }

  /** What was asked of the path, in order. */
  requests(path: RegExp): Seen[] {
    return this.seen.filter((request) => path.test(request.path));
  }

  /** Lets no token in any more that it gave so far. */
  revokeAll(): void {
    for (const token of this.tokens.keys()) this.tokens.set(token, 0);
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname: path } = new URL(request.url ?? '/', this.base);
    let body = '';
    if (request.method === 'POST') for await (const chunk of request) body += String(chunk);
    const seen = { path, authorization: request.headers.authorization, form: new URLSearchParams(body) };
    this.seen.push(seen);
    const json = (status: number, content: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(content));
    };
    if (path === '/auth/token') {
      if (this.onToken(request, response)) return;
      const refusal = request.method === 'POST' ? await this.#refusal(seen) : 'not a POST';
      if (refusal !== undefined) {
        this.refused.push(refusal);
        return json(400, { error: 'invalid_client', error_description: `secret-words: ${refusal}` });
      }
      const token = randomBytes(24).toString('base64url');
      this.tokens.set(token, Date.now() + this.lifetimeSeconds * 1000);
      return json(200, { access_token: token, token_type: 'bearer', expires_in: this.lifetimeSeconds });
    }
    if (path === '/fhir/.well-known/smart-configuration') {
      if (this.onDiscovery(request, response)) return;
      return json(200, {
        token_endpoint: this.tokenUrl,
        token_endpoint_auth_methods_supported: ['private_key_jwt'],
        token_endpoint_auth_signing_alg_values_supported: this.algorithms,
        capabilities: ['client-confidential-asymmetric'],
        ...this.discovery,
      });
    }
    if (this.onFhir(request, response)) return;
    const ends = this.tokens.get(seen.authorization?.replace(/^Bearer /, '') ?? '') ?? 0;
    if (ends <= Date.now()) return json(401, { resourceType: 'OperationOutcome' });
    if (this.behind === undefined) {
      response.writeHead(200, { 'content-type': 'application/fhir+json' }).end(BUNDLE);
      return;
    }
    const { authorization: _, ...headers } = request.headers;
    const onward = forward(
      `http://${this.behind}${request.url}`,
      { method: request.method ?? 'GET', headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      },
    );
    onward.on('error', () => response.destroy()).end(body);
  }

  /** Why a request gets no token: https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html */
  async #refusal({ form, authorization }: Seen): Promise<string | undefined> {
    if (form.get('grant_type') !== 'client_credentials') return 'grant_type';
    if (this.clientSecret !== '') {
      const [id = '', secret = ''] = Buffer.from(authorization?.replace(/^Basic /, '') ?? '', 'base64')
        .toString()
        .split(':')
        .map((part) => new URLSearchParams(`a=${part}`).get('a') ?? '');
      return id === this.clientId && secret === this.clientSecret ? undefined : 'client or secret';
    }
    if (form.get('client_assertion_type') !== 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer') {
      return 'client_assertion_type';
    }
    if (!form.get('scope')?.startsWith('system/')) return 'scope';
    try {
      const { payload, protectedHeader } = await jwtVerify(
        form.get('client_assertion') ?? '',
        createLocalJWKSet(this.keys),
        {
          algorithms: this.algorithms,
          issuer: this.clientId,
          subject: this.clientId,
          audience: this.tokenUrl,
          requiredClaims: ['iss', 'sub', 'aud', 'exp', 'jti'],
        },
      );
      if (protectedHeader.kid === undefined) return 'kid';
      if ((payload.exp ?? 0) > Date.now() / 1000 + MAX_ASSERTION_SECONDS) return 'exp is too far away';
      if (payload.jti === undefined || this.#jtis.has(payload.jti)) return 'jti was used before';
      this.#jtis.add(payload.jti);
      return undefined;
    } catch (error) {
      return (error as { code?: string }).code ?? 'assertion';
    }
  }
}
