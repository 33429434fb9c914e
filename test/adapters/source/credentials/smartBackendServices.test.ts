import { generateKeyPairSync } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, AuthorizationServer, BUNDLE } from '../authorizationServer.js';
import { allOf, clientOf, failureOf, jwks, p384, rsa, smart } from '../support.js';

let server: AuthorizationServer;

beforeEach(async () => {
  server = await AuthorizationServer.start();
  server.keys = jwks(['rsa', rsa.publicKey], ['ec', p384.publicKey]);
});
afterEach(() => server.stop());

const ec = { key: p384.privateKey, algorithm: 'ES384', keyId: 'ec' } as const;

describe('a SMART Backend Services client', () => {
  it.each([
    ['RS384', smart()],
    ['ES384', smart({ assertionKey: ec })],
  ])('gets its token with an assertion of %s that the server verifies', async (algorithm, authentication) => {
    const { client } = clientOf(server.base, authentication);
    await expect(client.search('Patient', [])).resolves.toMatchObject({ body: Buffer.from(BUNDLE) });
    await client.capabilities();

    const [request, ...more] = server.requests(/token/);
    expect(more, 'one token for both').toEqual([]);
    const assertion = request?.form.get('client_assertion') ?? '';
    expect(decodeProtectedHeader(assertion)).toMatchObject({ alg: algorithm, typ: 'JWT' });
    expect(decodeJwt(assertion)).toMatchObject({
      iss: 'export-client',
      sub: 'export-client',
      aud: server.tokenUrl,
    });
    expect(request?.form.get('scope')).toBe('system/*.rs');
    expect(server.requests(/smart-configuration/)).toMatchObject([{ authorization: undefined }]);
  });

  it('makes a new assertion for every token, and a server that saw one refuses it', async () => {
    server.lifetimeSeconds = 1;
    const { client } = clientOf(server.base, smart());
    await client.search('Patient', []);
    server.revokeAll();
    await client.search('Patient', []);
    const assertions = server.requests(/token/).map(({ form }) => form.get('client_assertion') ?? '');
    expect(assertions).toHaveLength(2);
    expect(new Set(assertions.map((assertion) => decodeJwt(assertion).jti)).size).toBe(2);
    expect(server.refused).toEqual([]);

    const replayed = await fetch(server.tokenUrl, {
      method: 'POST',
      body: server.requests(/token/)[0]?.form ?? '',
    });
    expect([replayed.status, server.refused]).toEqual([400, ['jti was used before']]);
  });

  it('does not look for a SMART configuration where the token endpoint is set', async () => {
    const { client } = clientOf(server.base, smart({ tokenUrl: server.tokenUrl }));
    await client.search('Patient', []);
    expect(server.requests(/smart-configuration/)).toEqual([]);
  });

  it.each([
    ['another client id', smart({ clientId: 'unknown' }), 'ERR_JWT_CLAIM_VALIDATION_FAILED'],
    [
      'a key that is not registered',
      smart({
        assertionKey: {
          key: generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
          algorithm: 'ES384',
          keyId: 'ec',
        },
      }),
      'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    ],
    ['another key id', smart({ assertionKey: { ...ec, keyId: 'other' } }), 'ERR_JWKS_NO_MATCHING_KEY'],
  ])(
    'that the server refuses, for %s, is reported with what to see to',
    async (_name, authentication, refused) => {
      const { client } = clientOf(server.base, authentication, { maxAttempts: 3 });
      const failure = await failureOf(client.search('Patient', []));
      expect(server.refused).toEqual([refused]);
      expect(failure).toMatchObject({ code: 'source-denied', retryable: false });
      expect(failure.message).toMatch(
        /invalid_client.*SOURCE_CLIENT_ID, SOURCE_PRIVATE_KEY and SOURCE_KEY_ID/,
      );
      expect(allOf(failure)).not.toMatch(/secret-words|127\.0\.0\.1|eyJ/);
    },
  );

  it('for another audience gets no token', async () => {
    // The same server by another name: the assertion is for that one.
    const tokenUrl = server.tokenUrl.replace('127.0.0.1', 'localhost');
    const { client } = clientOf(server.base, smart({ tokenUrl }));
    expect(await failureOf(client.search('Patient', []))).toMatchObject({ code: 'source-denied' });
    expect(server.refused).toEqual(['ERR_JWT_CLAIM_VALIDATION_FAILED']);
  });
});

describe('a SMART configuration', () => {
  const status =
    (code: number, body = '', headers: Record<string, string> = {}): Answer =>
    (_request, response) => {
      response.writeHead(code, headers).end(body);
      return true;
    };

  it.each([
    ['that is missing', status(404), 'source-denied', false, /answered 404.*SOURCE_TOKEN_URL/],
    ['that is HTML', status(200, '<html>'), 'source-denied', true, /not a JSON object with a token_endpoint/],
    ['that is an array', status(200, '[]'), 'source-denied', true, /not a JSON object/],
    ['without token endpoint', status(200, '{}'), 'source-denied', true, /token_endpoint/],
    [
      'that is huge',
      status(200, `{"a":"${'x'.repeat(2_000_000)}"}`),
      'source-denied',
      true,
      /token_endpoint/,
    ],
    [
      'that leads elsewhere',
      status(302, '', { location: 'http://127.0.0.1:1/' }),
      'source-denied',
      false,
      /redirect \(302\), which is not followed/,
    ],
    ['of a server that fails', status(500), 'source-busy', true, /kept answering 500/],
    [
      'with an endpoint at another server',
      status(200, '{"token_endpoint":"https://elsewhere.example/token"}'),
      'source-denied',
      false,
      /on another server than FHIR_SERVER_URL.*set SOURCE_TOKEN_URL/,
    ],
    [
      'with an endpoint at another port',
      status(200, '{"token_endpoint":"http://127.0.0.1:1/token"}'),
      'source-denied',
      false,
      /on another server/,
    ],
    [
      'with an endpoint that is not http',
      status(200, '{"token_endpoint":"file:///etc/passwd"}'),
      'source-denied',
      false,
      /not by https/,
    ],
    [
      'with an endpoint with a user',
      status(200, '{"token_endpoint":"https://a:b@elsewhere.example/"}'),
      'source-denied',
      false,
      /another server/,
    ],
  ] satisfies Array<[string, Answer, string, boolean, RegExp]>)(
    '%s ends in words that say what to do, and no assertion goes anywhere',
    async (_name, answer, code, retryable, words) => {
      server.onDiscovery = answer;
      const { client } = clientOf(server.base, smart());
      const failure = await failureOf(client.search('Patient', []));
      expect(failure).toMatchObject({ code, retryable });
      expect(failure.message).toMatch(words);
      expect(allOf(failure)).not.toMatch(/elsewhere\.example|passwd|127\.0\.0\.1/);
      expect(server.requests(/token|Patient/)).toEqual([]);
    },
  );

  it('without our algorithm is reported before anything is signed', async () => {
    server.algorithms = ['ES384'];
    const { client } = clientOf(server.base, smart());
    const failure = await failureOf(client.search('Patient', []));
    expect(failure.message).toMatch(/does not name RS384/);
    expect(server.requests(/token/)).toEqual([]);
  });
});

describe('a token endpoint', () => {
  const answering =
    (code: number, body: string, headers: Record<string, string> = {}): Answer =>
    (_request, response) => {
      response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(body);
      return true;
    };
  const token = (more: object): Answer =>
    answering(
      200,
      JSON.stringify({ access_token: 'secret-token', token_type: 'Bearer', expires_in: 60, ...more }),
    );

  it.each([
    [
      'that redirects',
      answering(307, '', { location: 'https://elsewhere.example/' }),
      'source-denied',
      false,
      /redirect \(307\)/,
    ],
    ['that fails', answering(500, 'secret-words'), 'source-busy', true, /kept answering 500/],
    ['that is busy', answering(429, '', { 'retry-after': '1' }), 'source-busy', true, /answering 429/],
    [
      'that is not there',
      answering(404, 'secret-words'),
      'source-denied',
      false,
      /answered 404 and gave no token/,
    ],
    [
      'that does not allow the scope',
      answering(400, '{"error":"invalid_scope"}'),
      'source-denied',
      false,
      /\(invalid_scope\).*SOURCE_SCOPE/,
    ],
    [
      'with an error code of its own',
      answering(400, '{"error":"secret-words"}'),
      'source-denied',
      false,
      /answered 400/,
    ],
    [
      'that is slow',
      () => true,
      'source-unreachable',
      true,
      /did not answer within SOURCE_TIMEOUT_SECONDS \(1 s\)/,
    ],
    [
      'that cuts the connection',
      (_request, response) => {
        response.destroy();
        return true;
      },
      'source-unreachable',
      true,
      /UND_ERR_SOCKET: it cut the connection/,
    ],
    ['that answers HTML', answering(200, '<html>secret-words'), 'source-denied', true, /not a bearer token/],
    [
      'with a huge answer',
      answering(200, `{"access_token":"${'x'.repeat(5_000_000)}"}`),
      'source-denied',
      true,
      /not a bearer token/,
    ],
    ['with a token that is no text', token({ access_token: 1 }), 'source-denied', true, /not a bearer token/],
    [
      'with a token that would break the header',
      token({ access_token: 'secret-token\r\nx: y' }),
      'source-denied',
      true,
      /not a bearer/,
    ],
    [
      'with a token of another kind',
      token({ token_type: 'mac' }),
      'source-denied',
      true,
      /not a bearer token/,
    ],
    ['with a token that is over', token({ expires_in: 0 }), 'source-denied', true, /not a bearer token/],
    [
      'with a lifetime that is no number',
      token({ expires_in: 'soon' }),
      'source-denied',
      true,
      /not a bearer/,
    ],
  ] satisfies Array<[string, Answer, string, boolean, RegExp]>)(
    '%s: words that say what to do, and nothing of its answer',
    async (name, answer, code, retryable, words) => {
      server.onToken = answer;
      const timeoutSeconds = name === 'that is slow' ? 1 : 20;
      const { client, log } = clientOf(server.base, smart(), { timeoutSeconds });
      const failure = await failureOf(client.search('Patient', [['name', 'Doe']]));
      expect(failure).toMatchObject({ code, retryable });
      expect(failure.message).toMatch(words);
      expect(allOf(failure) + JSON.stringify(log)).not.toMatch(/secret-|elsewhere|eyJ|Doe/);
      expect(server.requests(/Patient/)).toEqual([]);
    },
  );

  it('that fails once is asked again, with another assertion', async () => {
    let failures = 1;
    server.onToken = (_request, response) => failures-- > 0 && answering(503, '')(_request, response);
    const { client, log } = clientOf(server.base, smart(), { maxAttempts: 2 });
    await client.search('Patient', []);
    const assertions = server.requests(/token/).map(({ form }) => form.get('client_assertion') ?? '');
    expect(new Set(assertions).size).toBe(2);
    expect(log).toMatchObject([{ code: 'source-busy', attempt: 1, status: undefined }]);
  });
});
