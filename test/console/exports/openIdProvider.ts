import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { testCertificate } from '../../adapters/registry/testRegistry.js';

const TENANT = '6f3f8a52-5a60-4a2e-9b9c-1d2e3f405162';
const OBJECT = '11111111-2222-4333-8444-555555555555';

/** What a provider knows of an authorization request until its code is redeemed, once. */
interface Grant {
  readonly redirectUri: string;
  readonly challenge: string;
  readonly nonce: string;
}

/** A stand-in of an OpenID provider with the endpoints and answers of Entra ID, for one public client. */
export interface OpenIdProvider {
  readonly authority: string;
  readonly clientId: string;
  readonly scope: string;
  /** Access tokens that were issued, the latest last. */
  readonly tokens: readonly string[];
  /** Why requests were refused. */
  readonly refusals: readonly string[];
  /** How long tokens are valid. */
  lifetimeSeconds: number;
  end(): Promise<void>;
}

/** Starts a provider that asks a person for nothing but a click. @param redirectUriOf what is registered for the client */
export async function startOpenIdProvider(redirectUri: () => string): Promise<OpenIdProvider> {
  const { key, cert } = await testCertificate();
  const server = createServer({ key, cert });
  const [tokens, refusals]: [string[], string[]] = [[], []];
  const grants = new Map<string, Grant>();
  const refreshTokens = new Set<string>();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const authority = `${origin}/${TENANT}`;
  const endpoint = (name: string): string => `${authority}/oauth2/v2.0/${name}`;
  const provider = {
    authority,
    clientId: 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee',
    scope: 'api://export/user_impersonation',
    tokens,
    refusals,
    lifetimeSeconds: 3600,
    end: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  const refuse = (response: ServerResponse, why: string): void => {
    refusals.push(why);
    json(response, 400, { error: 'invalid_grant', error_description: why });
  };

  /** A page with a link to go on by, or to decline. https://www.rfc-editor.org/rfc/rfc7636 */
  const authorize = (asked: URLSearchParams, response: ServerResponse): void => {
    const wanted = {
      client_id: provider.clientId,
      redirect_uri: redirectUri(),
      response_type: 'code',
      response_mode: 'fragment',
      code_challenge_method: 'S256',
    };
    const wrong = Object.entries(wanted).find(([name, value]) => asked.get(name) !== value)?.[0];
    const hasScope = asked.get('scope')?.split(' ').includes(provider.scope) === true;
    if (wrong !== undefined || !hasScope) return refuse(response, wrong ?? 'scope');
    const code = randomBytes(16).toString('hex');
    grants.set(code, {
      redirectUri: wanted.redirect_uri,
      challenge: asked.get('code_challenge') ?? '',
      nonce: asked.get('nonce') ?? '',
    });
    const state = asked.get('state') ?? '';
    const link = (answer: Record<string, string>): string =>
      `${wanted.redirect_uri}#${String(new URLSearchParams({ ...answer, state })).replaceAll('&', '&amp;')}`;
    response.writeHead(200, { 'content-type': 'text/html', 'cross-origin-opener-policy': 'same-origin' });
    response.end(
      `<!doctype html><title>Provider</title><a href="${link({ code })}">Continue</a> <a href="${link({ error: 'access_denied', error_description: 'secret-person' })}">Decline</a>`,
    );
  };

  const redeem = (form: URLSearchParams, response: ServerResponse): void => {
    const grant = grants.get(form.get('code') ?? '');
    grants.delete(form.get('code') ?? '');
    const verifier = form.get('code_verifier') ?? '';
    const challenge = createHash('sha256').update(verifier).digest('base64url');
    if (form.get('client_id') !== provider.clientId) return refuse(response, 'client_id');
    if (form.has('client_secret')) return refuse(response, 'client_secret');
    if (form.get('grant_type') === 'refresh_token') {
      if (!refreshTokens.delete(form.get('refresh_token') ?? '')) return refuse(response, 'refresh_token');
      return issue(response, '');
    }
    if (grant === undefined) return refuse(response, 'code');
    if (verifier.length < 43 || challenge !== grant.challenge) return refuse(response, 'code_verifier');
    if (form.get('redirect_uri') !== grant.redirectUri) return refuse(response, 'redirect_uri');
    issue(response, grant.nonce);
  };

  const issue = (response: ServerResponse, nonce: string): void => {
    const now = Math.floor(Date.now() / 1000);
    const token = `secret-token-${randomBytes(8).toString('hex')}`;
    const refreshToken = `secret-refresh-${randomBytes(8).toString('hex')}`;
    tokens.push(token);
    refreshTokens.add(refreshToken);
    const claims = {
      iss: `${authority}/v2.0`, aud: provider.clientId, sub: 'secret-subject', oid: OBJECT, tid: TENANT, nonce,
      preferred_username: 'secret-person@example.org', iat: now, nbf: now, exp: now + 3600, ver: '2.0',
    }; // prettier-ignore
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    json(response, 200, {
      token_type: 'Bearer',
      scope: provider.scope,
      expires_in: provider.lifetimeSeconds,
      ext_expires_in: provider.lifetimeSeconds,
      access_token: token,
      refresh_token: refreshToken,
      id_token: `${part({ alg: 'RS256', typ: 'JWT', kid: 'k' })}.${part(claims)}.c2ln`,
      client_info: part({ uid: OBJECT, utid: TENANT }),
    });
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? '/', origin);
    if (request.method === 'OPTIONS') return json(response, 200, {});
    if (pathname === '/favicon.ico') return void response.writeHead(204).end();
    if (pathname === `/${TENANT}/v2.0/.well-known/openid-configuration`)
      return json(response, 200, {
        issuer: `${authority}/v2.0`,
        authorization_endpoint: endpoint('authorize'),
        token_endpoint: endpoint('token'),
        jwks_uri: `${authority}/discovery/v2.0/keys`,
        end_session_endpoint: endpoint('logout'),
        response_types_supported: ['code'],
        subject_types_supported: ['pairwise'],
        id_token_signing_alg_values_supported: ['RS256'],
      });
    if (pathname.endsWith('/oauth2/v2.0/authorize')) return authorize(searchParams, response);
    if (pathname.endsWith('/oauth2/v2.0/token'))
      return redeem(new URLSearchParams(await text(request)), response);
    response.writeHead(404).end();
  };
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    answer(request, response).catch(() => response.destroy());
  });
  return provider;
}

/** An answer that a script of another origin may read, as those of a public client are. */
function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'access-control-allow-origin': '*',
    'access-control-allow-headers': '*',
    'access-control-allow-methods': 'GET, POST, OPTIONS',
  });
  response.end(JSON.stringify(body));
}
