import { createHmac, createPublicKey, type JsonWebKey } from 'node:crypto';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { HttpRequest } from '@azure/functions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDispatchers } from '../../../functions/adapters/dispatchers.js';
import type { SmartSettings } from '../../../functions/settings/authorizationSettings.js';
import { smartBackendServices } from '../../../functions/http/authorization/smartBackendServices.js';
import type { Permission } from '../../../functions/http/authorization/authorize.js';
import { RequestError } from '../../../functions/http/respond.js';
import { testCertificate } from '../../adapters/registry/testRegistry.js';
import {
  AUDIENCE,
  AuthorizationServer,
  forge,
  ISSUER,
  newKey,
  sign,
  type SigningKey,
} from './authorizationServer.js';

let server: AuthorizationServer;
let key: SigningKey;
let rsa: SigningKey;
let stranger: SigningKey;

beforeAll(async () => {
  [key, rsa, stranger] = await Promise.all([newKey('one'), newKey('rsa', 'RS384'), newKey('one')]);
  server = await AuthorizationServer.start(key, rsa);
});
afterAll(() => server.stop());

const direct = openDispatchers({ timeoutMs: 5000, keepAliveMs: 1000 });
const isResourceType = (name: string): boolean => ['Patient', 'Observation', 'Condition'].includes(name);

function settings(more: Partial<SmartSettings> = {}): SmartSettings {
  return {
    issuer: ISSUER,
    audience: AUDIENCE,
    jwksUrl: server.jwksUrl,
    tokenUrl: `${ISSUER}/token`,
    algorithms: new Set(['RS384', 'ES384']),
    clockSkewSeconds: 60,
    rawScope: 'export.raw',
    deIdentifyScope: undefined,
    ...more,
  };
}

function request(authorization?: string): HttpRequest {
  return new HttpRequest({
    method: 'GET',
    url: 'https://export.example.org/fhir/$export',
    headers: authorization === undefined ? {} : { authorization },
  });
}

/** How a request with this token is answered: who it is, or the refusal. */
async function answer(
  token: string | undefined,
  more: Partial<SmartSettings> = {},
  dispatcherFor = direct,
): Promise<{ status: number; words: string; challenge: string; owner?: string }> {
  try {
    const caller = await smartBackendServices(
      settings(more),
      dispatcherFor,
      isResourceType,
    )(request(token === undefined ? undefined : `Bearer ${token}`));
    return { status: 200, words: '', challenge: '', ...('owner' in caller ? { owner: caller.owner } : {}) };
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    return {
      status: error.status,
      words: error.issues.map(({ diagnostics }) => diagnostics).join(' '),
      challenge: error.headers['www-authenticate'] ?? '',
    };
  }
}

describe('the scope that SMART_DE_IDENTIFY_SCOPE names', () => {
  const scope = 'de-identify';
  it.each<[granted: string, named: string | undefined, asked: Permission, isPermitted: boolean]>([
    ['system/*.rs', scope, 'export', true],
    ['system/*.rs', scope, 'deIdentify', false],
    ['system/*.cruds', scope, 'deIdentify', false],
    ['system/*.rs export.raw', scope, 'deIdentify', false],
    ['de-identify', scope, 'deIdentify', true],
    ['de-identify', scope, 'export', false],
    ['de-identify export.raw', scope, 'export', false],
    ['system/*.rs de-identify', scope, 'deIdentify', true],
    ['system/*.rs de-identify', scope, 'export', true],
    ['de-identify', undefined, 'deIdentify', false],
    ['undefined', undefined, 'deIdentify', false],
    ['De-Identify', scope, 'deIdentify', false],
    ['', scope, 'deIdentify', false],
  ])(
    'with %j, where it names %j: the permission %s is given: %s',
    async (granted, named, asked, isPermitted) => {
      const authorize = smartBackendServices(settings({ deIdentifyScope: named }), direct, isResourceType);
      const token = await sign(key, { scope: granted });
      const result = await authorize(request(`Bearer ${token}`), asked).catch((error: unknown) => error);
      expect(result).toMatchObject(isPermitted ? { kind: 'known' } : { status: 403 });
    },
  );
});

const seconds = (): number => Math.floor(Date.now() / 1000);

describe('a token of SMART Backend Services', () => {
  it('as it should be is believed, with each of the configured algorithms', async () => {
    expect((await answer(await sign(key))).status).toBe(200);
    expect((await answer(await sign(rsa))).status).toBe(200);
    expect((await answer(await sign(key, { aud: ['https://other.example.org', AUDIENCE] }))).status).toBe(
      200,
    );
  });

  it.each<[string, () => Promise<string>, RegExp]>([
    ['expired', () => sign(key, { exp: seconds() - 61 }), /expired/],
    ['without an end', () => sign(key, { exp: undefined }), /when it expires/],
    ['not yet valid', () => sign(key, { nbf: seconds() + 120 }), /not valid yet/],
    ['for another audience', () => sign(key, { aud: 'https://other.example.org' }), /audience/],
    ['for no audience', () => sign(key, { aud: undefined }), /audience/],
    ['of another issuer', () => sign(key, { iss: `${ISSUER}/` }), /issuer/],
    ['of no issuer', () => sign(key, { iss: undefined }), /issuer/],
    ['of no client', () => sign(key, { client_id: undefined, sub: undefined }), /name the client/],
    ['signed with the key of another', () => sign(stranger), /not signed with the key/],
    ['with an unknown key id', () => sign(key, {}, { kid: 'unknown' }), /not signed with the key/],
    [
      'without a signature (alg: none)',
      async () => forge({ alg: 'none' }, await claims(), () => ''),
      /signed with RS384 or ES384/,
    ],
    [
      'signed with the public key as if it were a secret (HS256)',
      async () => {
        const pem = createPublicKey({ key: rsa.publicJwk as JsonWebKey, format: 'jwk' });
        const secret = pem.export({ type: 'spki', format: 'pem' });
        return forge({ alg: 'HS256', kid: 'rsa' }, await claims(), (input) =>
          createHmac('sha256', secret).update(input).digest('base64url'),
        );
      },
      /signed with RS384 or ES384/,
    ],
    [
      'with another signature',
      async () => (await sign(key)).replace(/[^.]+$/, 'A'.repeat(128)),
      /not signed with the key/,
    ],
    [
      'with other claims than were signed',
      async () => {
        const [header, , signature] = (await sign(key, { scope: 'system/Patient.rs' })).split('.');
        const changed = Buffer.from(JSON.stringify(await claims())).toString('base64url');
        return `${header}.${changed}.${signature}`;
      },
      /not signed with the key/,
    ],
    ['that is none', async () => 'abc', /one signed token/],
    [
      'that brings a second one',
      async () => `${await sign(key)}, Bearer ${await sign(key)}`,
      /one signed token/,
    ],
  ])('%s is refused with 401', async (_name, make, words) => {
    const token = await make();
    const refused = await answer(token);
    expect(refused).toMatchObject({ status: 401 });
    expect(refused.words).toMatch(words);
    expect(refused.challenge).toMatch(/^Bearer realm="fhir", error="invalid_token"$/);
    expect(refused.words).not.toContain(token);
  });

  it('that is missing is asked for', async () => {
    expect(await answer(undefined)).toMatchObject({ status: 401, challenge: 'Bearer realm="fhir"' });
    await expect(
      smartBackendServices(settings(), direct, isResourceType)(request('Basic dXNlcjpwYXNzd29yZA==')),
    ).rejects.toMatchObject({ status: 401 });
  });

  it('may be off by the clock skew, and no further', async () => {
    const late = await sign(key, { exp: seconds() - 30 });
    expect((await answer(late)).status).toBe(200);
    expect((await answer(late, { clockSkewSeconds: 0 })).status).toBe(401);
    const early = await sign(key, { nbf: seconds() + 30 });
    expect((await answer(early)).status).toBe(200);
    expect((await answer(early, { clockSkewSeconds: 0 })).status).toBe(401);
  });

  it('with an algorithm that is not configured is refused', async () => {
    expect((await answer(await sign(rsa), { algorithms: new Set(['ES384']) })).status).toBe(401);
  });

  it('without a scope for exports is refused with 403 that names what is missing', async () => {
    for (const scope of [
      '',
      'system/Patient.r',
      'patient/*.rs',
      'system/Observation.rs?category=vital-signs',
    ]) {
      const refused = await answer(await sign(key, { scope }));
      expect(refused).toMatchObject({ status: 403 });
      expect(refused.words).toContain('system/*.rs');
      expect(refused.challenge).toContain('error="insufficient_scope"');
    }
  });

  it('distinguishes clients, and recognizes the same one', async () => {
    const owner = async (more: Record<string, unknown>): Promise<string | undefined> =>
      (await answer(await sign(key, { ...more }))).owner;
    const research = await owner({});
    expect(await owner({ scope: 'system/Patient.rs', jti: 'another' })).toBe(research);
    const others = await Promise.all([
      owner({ client_id: 'other' }),
      owner({ client_id: undefined, azp: 'research' }),
      owner({ client_id: undefined }),
    ]);
    expect(new Set([research, ...others]).size).toBe(4);
    expect(research).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('keys of the authorization server', () => {
  it('that are new are read when a token names one, and those withdrawn count no more', async () => {
    const rotating = await AuthorizationServer.start(key);
    const authorize = smartBackendServices(
      settings({ jwksUrl: rotating.jwksUrl }),
      direct,
      isResourceType,
      0,
    );
    const ask = async (token: string): Promise<unknown> => authorize(request(`Bearer ${token}`));
    await ask(await sign(key));
    await ask(await sign(key));
    expect(rotating.jwksRequests).toBe(1);
    const next = await newKey('two');
    rotating.published = [next.publicJwk];
    await ask(await sign(next));
    expect(rotating.jwksRequests).toBe(2);
    await expect(ask(await sign(key))).rejects.toMatchObject({ status: 401 });
    await rotating.stop();
  });

  it('are not asked for again and again by tokens with unknown key ids', async () => {
    const asked = await AuthorizationServer.start(key);
    const authorize = smartBackendServices(settings({ jwksUrl: asked.jwksUrl }), direct, isResourceType);
    for (let attempt = 0; attempt < 20; attempt++) {
      const token = await sign(key, {}, { kid: `unknown-${attempt}` });
      await expect(authorize(request(`Bearer ${token}`))).rejects.toMatchObject({ status: 401 });
    }
    expect(asked.jwksRequests).toBe(1);
    await asked.stop();
  });

  it.each(['0', '1'])(
    'come from a trusted server alone (NODE_TLS_REJECT_UNAUTHORIZED=%s)',
    async (rejects) => {
      const certificate = await testCertificate(['localhost']);
      const forged = createTlsServer(certificate, (_request, response) => {
        response.end(JSON.stringify({ keys: [stranger.publicJwk] }));
      });
      await new Promise<void>((done) => forged.listen(0, '127.0.0.1', done));
      const jwksUrl = `https://localhost:${(forged.address() as AddressInfo).port}/jwks.json`;
      const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = rejects;
      try {
        expect(await answer(await sign(stranger), { jwksUrl })).toMatchObject({ status: 503 });
        const trusting = openDispatchers({ ca: certificate.cert, timeoutMs: 5000, keepAliveMs: 1000 });
        expect(await answer(await sign(stranger), { jwksUrl }, trusting)).toMatchObject({ status: 200 });
      } finally {
        if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
        else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
        forged.closeAllConnections();
        forged.close();
      }
    },
  );

  it('are not read without end', async () => {
    const large = await AuthorizationServer.start(key);
    large.published = [{ ...key.publicJwk, x5c: ['a'.repeat(1_100_000)] }];
    expect(await answer(await sign(key), { jwksUrl: large.jwksUrl })).toMatchObject({ status: 503 });
    await large.stop();
  });

  it.each([500, 302, 200])('that cannot be read (%d) let no caller in, and 503 says why', async (status) => {
    const broken = await AuthorizationServer.start();
    broken.published = status;
    const { jwksUrl } = broken;
    const refused = await answer(await sign(key), { jwksUrl });
    expect(refused).toMatchObject({ status: 503 });
    expect(refused.words).toContain('SMART_JWKS_URL');
    await broken.stop();
    expect(await answer(await sign(key), { jwksUrl })).toMatchObject({ status: 503 });
  });
});

async function claims(): Promise<object> {
  const [, payload = ''] = (await sign(key)).split('.');
  return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as object;
}
