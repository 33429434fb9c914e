import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import {
  createLocalJWKSet,
  type CryptoKey,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  jwtVerify,
  SignJWT,
} from 'jose';

export const AUDIENCE = 'https://export.example.org/fhir';
export const ISSUER = 'https://login.example.org';

const JSON_TYPE = { 'content-type': 'application/json' };

export interface SigningKey {
  id: string;
  algorithm: string;
  privateKey: CryptoKey;
  publicJwk: JWK;
}

export async function newKey(id: string, algorithm = 'ES384'): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  return {
    id,
    algorithm,
    privateKey,
    publicJwk: { ...(await exportJWK(publicKey)), kid: id, alg: algorithm, use: 'sig' },
  };
}

/** An authorization server: a JWKS endpoint, and a token endpoint for clients of SMART Backend Services. */
export class AuthorizationServer {
  /** What the JWKS endpoint answers; a number is an HTTP status. */
  published: JWK[] | number = [];
  jwksRequests = 0;
  /** The public keys of the clients that are registered, by client id. */
  readonly clients = new Map<string, JWK[]>();
  /** What was granted: who asked how, and for what. */
  readonly granted: Array<{ clientId: string; scope: string; userAgent: string | undefined }> = [];
  readonly #signingKey: SigningKey | undefined;
  readonly #usedAssertions = new Set<string>();
  readonly #server: Server;

  private constructor(signingKey?: SigningKey) {
    this.#signingKey = signingKey;
    this.#server = createServer((request, response) => {
      if (request.url === '/token') {
        void this.#grant(request).then(
          (body) => response.writeHead(200, JSON_TYPE).end(JSON.stringify(body)),
          (error: unknown) =>
            response
              .writeHead(400, JSON_TYPE)
              .end(JSON.stringify({ error: 'invalid_request', error_description: String(error) })),
        );
        return;
      }
      this.jwksRequests++;
      if (typeof this.published === 'number') {
        response.writeHead(this.published).end();
        return;
      }
      response.writeHead(200, JSON_TYPE);
      response.end(JSON.stringify({ keys: this.published }));
    });
  }

  static async start(...keys: SigningKey[]): Promise<AuthorizationServer> {
    const server = new AuthorizationServer(keys[0]);
    server.published = keys.map(({ publicJwk }) => publicJwk);
    await new Promise<void>((done) => server.#server.listen(0, '127.0.0.1', done));
    return server;
  }

  get jwksUrl(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/jwks.json`;
  }

  get tokenUrl(): string {
    return this.jwksUrl.replace('jwks.json', 'token');
  }

  /** https://hl7.org/fhir/smart-app-launch/backend-services.html#obtain-access-token */
  async #grant(request: IncomingMessage): Promise<object> {
    const form = new URLSearchParams(await text(request));
    const expected = {
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    };
    for (const [name, value] of Object.entries(expected)) {
      if (form.get(name) !== value) throw new Error(`${name} is not ${value}`);
    }
    const scope = form.get('scope');
    if (scope === null || this.#signingKey === undefined) throw new Error('scope is missing');
    const assertion = form.get('client_assertion') ?? '';
    const claimed = JSON.parse(Buffer.from(assertion.split('.')[1] ?? '', 'base64url').toString()) as object;
    const clientId = 'sub' in claimed ? String(claimed.sub) : '';
    const { payload } = await jwtVerify(
      assertion,
      createLocalJWKSet({ keys: this.clients.get(clientId) ?? [] }),
      {
        issuer: clientId,
        subject: clientId,
        audience: this.tokenUrl,
        algorithms: ['RS384', 'ES384'],
        requiredClaims: ['exp', 'jti'],
      },
    );
    if ((payload.exp ?? 0) > Date.now() / 1000 + 300) throw new Error('exp is over five minutes from now');
    if (this.#usedAssertions.has(payload.jti ?? '')) throw new Error('jti was used before');
    this.#usedAssertions.add(payload.jti ?? '');
    this.granted.push({ clientId, scope, userAgent: request.headers['user-agent'] });
    const accessToken = await sign(this.#signingKey, { client_id: clientId, sub: clientId, scope });
    return { access_token: accessToken, token_type: 'bearer', expires_in: 300, scope };
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }
}

/** A token as it should be, but for what is given. `undefined` leaves a claim out. */
export async function sign(
  key: SigningKey,
  claims: Record<string, unknown> = {},
  header: { kid?: string; alg?: string; typ?: string } = {},
): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const payload = {
    iss: ISSUER,
    aud: AUDIENCE,
    client_id: 'research',
    sub: 'research',
    scope: 'system/*.rs',
    iat: now,
    exp: now + 300,
    ...claims,
  };
  return new SignJWT(payload)
    .setProtectedHeader({ alg: key.algorithm, kid: key.id, ...header })
    .sign(key.privateKey);
}

/** A key pair that was made elsewhere. */
export async function importKey(privateJwk: JWK, publicJwk: JWK): Promise<SigningKey> {
  const { kid = '', alg = '' } = privateJwk;
  return { id: kid, algorithm: alg, privateKey: (await importJWK(privateJwk)) as CryptoKey, publicJwk };
}

/**
 * The token of a client that signs its own request, as docs/clients.md shows it.
 * @throws Error with the answer where none is granted
 */
export async function requestToken(
  tokenUrl: string,
  key: SigningKey,
  clientId: string,
  scope: string,
): Promise<string> {
  const assertion = await new SignJWT({ jti: randomUUID() })
    .setProtectedHeader({ alg: key.algorithm, kid: key.id, typ: 'JWT' })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(tokenUrl)
    .setExpirationTime('4m')
    .sign(key.privateKey);
  const response = await fetch(tokenUrl, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      scope,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
    }),
  });
  const body = (await response.json()) as { access_token?: string };
  if (body.access_token === undefined) throw new Error(`No token was granted: ${JSON.stringify(body)}`);
  return body.access_token;
}

/** A token put together by hand, without a signature or with a given one. */
export function forge(header: object, claims: object, signature: (input: string) => string): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${part(header)}.${part(claims)}`;
  return `${input}.${signature(input)}`;
}
