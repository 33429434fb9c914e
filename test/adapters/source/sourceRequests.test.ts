import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FhirClient } from '../../../functions/adapters/source/fhirClient.js';
import { managedIdentityToken } from '../../../functions/adapters/source/credentials/managedIdentityToken.js';
import type { SourceAuthentication } from '../../../functions/settings/sourceSettings.js';
import { AuthorizationServer, BUNDLE } from './authorizationServer.js';
import { allOf, clientOf, failureOf, jwks, rsa, smart } from './support.js';

let server: AuthorizationServer;

beforeEach(async () => {
  server = await AuthorizationServer.start();
});
afterEach(() => {
  vi.useRealTimers();
  return server.stop();
});

function clientCredentials(
  more: Partial<Extract<SourceAuthentication, { method: 'client-credentials' }>> = {},
): SourceAuthentication {
  return {
    method: 'client-credentials',
    clientId: server.clientId,
    clientSecret: server.clientSecret,
    scope: 'system/Patient.rs',
    tokenUrl: server.tokenUrl,
    ...more,
  };
}

describe.each(['smart', 'client-credentials'] as const)('with tokens by %s', (way) => {
  let authentication: SourceAuthentication;

  beforeEach(() => {
    server.keys = jwks(['rsa', rsa.publicKey]);
    if (way === 'client-credentials') server.clientSecret = randomBytes(12).toString('hex');
    authentication = way === 'smart' ? smart() : clientCredentials();
  });

  it('a token that ends mid-run is followed by another, and no request fails', async () => {
    server.lifetimeSeconds = 60;
    const { client, log } = clientOf(server.base, authentication);
    // The time of client and server passes with the requests: on a busy machine, one may take as long as it likes.
    vi.useFakeTimers({ toFake: ['Date'] });
    for (let seconds = 0; seconds < 150; seconds++) {
      await client.search('Patient', []);
      vi.setSystemTime(Date.now() + 1000);
    }
    expect(server.tokens.size).toBeGreaterThanOrEqual(3);
    expect(server.tokens.size).toBeLessThanOrEqual(5);
    expect(log).toEqual([]);
    expect(server.refused).toEqual([]);
  });

  it('a 401 is answered with one more token, for all requests that got it, and not as a failure', async () => {
    const { client, log } = clientOf(server.base, authentication);
    await client.search('Patient', []);
    server.revokeAll();
    const answers = await Promise.all(Array.from({ length: 8 }, () => client.search('Patient', [])));
    expect(answers.every(({ body }) => body.toString() === BUNDLE)).toBe(true);
    expect(server.tokens.size).toBe(2);
    expect(log).toEqual([]);
  });

  it('a second 401 ends the request, with words that say what to do and no token', async () => {
    server.onFhir = (_request, response) => {
      response.writeHead(401, { 'www-authenticate': 'Bearer error="secret-words"' }).end('secret-words');
      return true;
    };
    const { client, log } = clientOf(server.base, authentication, { maxAttempts: 5 });
    const failure = await failureOf(client.search('Patient', []));
    expect(failure).toMatchObject({ code: 'source-denied', retryable: false });
    expect(failure.message).toMatch(
      /answered 401: it does not take the token .* SOURCE_TOKEN_URL.*SOURCE_SCOPE/,
    );
    expect([server.requests(/Patient/).length, server.tokens.size]).toEqual([2, 2]);
    const shown = allOf(failure) + JSON.stringify(log);
    for (const secret of [...server.tokens.keys(), 'secret-words']) expect(shown).not.toContain(secret);
  });

  it('the token goes to the source alone: a link to another place is not followed', async () => {
    const elsewhere = await AuthorizationServer.start();
    try {
      const { client } = clientOf(server.base, authentication);
      await client.search('Patient', []);
      for (const link of [
        `${elsewhere.base}/Patient?page=2`,
        `${server.base.replace('/fhir', '/fhirx')}/Patient`,
        `${server.base}/../admin`,
        `${server.base}/%2e%2e/admin`,
      ]) {
        expect(await failureOf(client.follow(link))).toMatchObject({ code: 'source-foreign-link' });
      }
      server.onFhir = (_request, response) => {
        response.writeHead(307, { location: `${elsewhere.base}/Patient` }).end();
        return true;
      };
      expect(await failureOf(client.search('Patient', []))).toMatchObject({ code: 'source-refused' });
      expect(elsewhere.seen).toEqual([]);
    } finally {
      elsewhere.stop();
    }
  });
});

describe('client credentials', () => {
  it('are sent as RFC 6749 wants them, whatever is in them', async () => {
    server.clientId = 'a client: ü';
    server.clientSecret = 'se%cr+et:/ ü';
    const { client } = clientOf(server.base, clientCredentials());
    await client.search('Patient', []);
    expect(server.requests(/token/)[0]?.form.get('scope')).toBe('system/Patient.rs');
  });

  it('that are refused are reported without their values', async () => {
    server.clientSecret = 'right';
    const { client } = clientOf(server.base, clientCredentials({ clientSecret: 'hunter2' }));
    const failure = await failureOf(client.search('Patient', []));
    expect(failure.message).toMatch(/\(invalid_client\).*SOURCE_CLIENT_ID and SOURCE_CLIENT_SECRET/);
    expect(allOf(failure)).not.toMatch(/hunter2|aHVudGVy/);
  });
});

describe('a static header', () => {
  const header = { method: 'header', name: 'X-Api-Key', value: 'hunter2' } as const;

  it('goes with every request', async () => {
    const seen: unknown[] = [];
    server.onFhir = (request, response) => {
      seen.push(request.headers['x-api-key']);
      response.writeHead(200, { 'content-type': 'application/fhir+json' }).end(BUNDLE);
      return true;
    };
    const { client } = clientOf(server.base, header);
    await client.search('Patient', []);
    await client.capabilities();
    await client.follow(`${server.base}/Patient?page=2`);
    expect(seen).toEqual(['hunter2', 'hunter2', 'hunter2']);
  });

  it('that is refused is reported at once, without its value', async () => {
    const { client, log } = clientOf(server.base, header, { maxAttempts: 5 });
    const failure = await failureOf(client.search('Patient', []));
    expect(failure).toMatchObject({ code: 'source-denied', retryable: false });
    expect(failure.message).toMatch(/answered 401: .*SOURCE_HEADER_VALUE/);
    expect(server.requests(/Patient/)).toHaveLength(1);
    expect(allOf(failure) + JSON.stringify(log)).not.toContain('hunter2');
  });
});

it('without authentication, the error of a source that wants one names the setting', async () => {
  const { client } = clientOf(server.base, { method: 'none' });
  const failure = await failureOf(client.search('Patient', []));
  expect(failure.message).toMatch(/answered 401: .*Set SOURCE_AUTHENTICATION/);
});

describe('a managed identity', () => {
  class CredentialUnavailableError extends Error {
    override readonly name = 'CredentialUnavailableError';
  }
  const identity = (getToken: () => Promise<{ token: string; expiresOnTimestamp: number } | null>) => {
    const scopes: unknown[] = [];
    const credential = {
      getToken: (scope: string | string[]) => {
        scopes.push(scope);
        return getToken();
      },
    };
    const credentials = managedIdentityToken(
      { clientId: undefined, scope: 'https://fhir.example/.default' },
      { credential, name: "the app's system-assigned managed identity" },
    );
    const client = new FhirClient({
      baseUrl: server.base,
      timeoutSeconds: 20,
      maxAttempts: 1,
      maxPageBytes: 1000,
      credentials,
    });
    return { client, scopes };
  };

  it('asks for a token of the scope, and again after a 401', async () => {
    let number = 0;
    const { client, scopes } = identity(async () => ({
      token: `entra-${++number}`,
      expiresOnTimestamp: Date.now() + 3_600_000,
    }));
    server.tokens.set('entra-1', Infinity).set('entra-2', Infinity);
    await client.search('Patient', []);
    await client.search('Patient', []);
    expect(scopes).toEqual(['https://fhir.example/.default']);
    server.tokens.delete('entra-1');
    await client.search('Patient', []);
    expect(scopes).toHaveLength(2);
    server.tokens.delete('entra-2');
    const failure = await failureOf(client.search('Patient', []));
    expect(failure).toMatchObject({ code: 'source-denied', retryable: false });
    expect(failure.message).toMatch(/does not take the token of the app's system-assigned.*SOURCE_SCOPE/);
    expect(allOf(failure)).not.toContain('entra-');
  });

  it.each([
    [
      'that is not there',
      new CredentialUnavailableError('secret-words'),
      'source-denied',
      /Switch the identity on/,
    ],
    ['whose endpoint fails', new Error('secret-words'), 'source-unreachable', /NO_PROXY/],
  ])('%s is reported in our own words', async (_name, error, code, words) => {
    const { client } = identity(() => Promise.reject(error));
    const failure = await failureOf(client.search('Patient', []));
    expect(failure).toMatchObject({ code, retryable: true });
    expect(failure.message).toMatch(words);
    expect(allOf(failure)).not.toContain('secret-words');
  });
});

describe('the log of failed requests', () => {
  it('reports source, names of parameters, attempt and status, and no value of a search or a link', async () => {
    server.onFhir = (_request, response) => {
      response.writeHead(503, { 'retry-after': '0' }).end('secret-words');
      return true;
    };
    const { client, log } = clientOf(server.base, { method: 'none' }, { maxAttempts: 2 });
    await failureOf(
      client.search('Patient', [
        ['_count', '10'],
        ['name', 'secret-name'],
      ]),
    );
    await failureOf(client.follow(`${server.base}/secret-path?secret-parameter=secret-value`));
    const line = { event: 'source-request-failed', status: 503, code: 'source-busy', retryAfterMs: 0 };
    const search = { ...line, url: `${server.base}/Patient`, parameters: ['_count', 'name'] };
    const link = { ...line, url: server.base, parameters: [] };
    expect(log).toEqual([
      { ...search, attempt: 1 },
      { ...search, attempt: 2 },
      { ...link, attempt: 1 },
      { ...link, attempt: 2 },
    ]);
  });
});
