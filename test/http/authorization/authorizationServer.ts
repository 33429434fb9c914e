import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

export const AUDIENCE = 'https://export.example.org/fhir';
export const ISSUER = 'https://login.example.org';

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

/** An authorization server as far as a resource server sees it: a JWKS endpoint, and tokens that it signs. */
export class AuthorizationServer {
  /** What the JWKS endpoint answers; a number is an HTTP status. */
  published: JWK[] | number = [];
  jwksRequests = 0;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((_request, response) => {
      this.jwksRequests++;
      if (typeof this.published === 'number') {
        response.writeHead(this.published).end();
        return;
      }
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ keys: this.published }));
    });
  }

  static async start(...keys: SigningKey[]): Promise<AuthorizationServer> {
    const server = new AuthorizationServer();
    server.published = keys.map(({ publicJwk }) => publicJwk);
    await new Promise<void>((done) => server.#server.listen(0, '127.0.0.1', done));
    return server;
  }

  get jwksUrl(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/jwks.json`;
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

/** A token put together by hand, without a signature or with a given one. */
export function forge(header: object, claims: object, signature: (input: string) => string): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${part(header)}.${part(claims)}`;
  return `${input}.${signature(input)}`;
}
