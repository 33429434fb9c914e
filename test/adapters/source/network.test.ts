import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { testCertificate } from '../registry/testRegistry.js';
import { AuthorizationServer, BUNDLE } from './authorizationServer.js';
import { allOf, clientOf, failureOf, jwks, rsa, smart } from './support.js';

const certificate = await testCertificate(['localhost', 'fhir.example']);

/** A proxy that lets through what is asked of it by CONNECT, all of it to one port of this machine. */
async function startProxy(toPort: number): Promise<{
  url: string;
  asked: string[];
  authorizations: Array<string | undefined>;
  refuse: (status: number | undefined) => void;
  stop: () => void;
}> {
  const asked: string[] = [];
  const authorizations: Array<string | undefined> = [];
  const sockets = new Set<Socket>();
  let refusal: number | undefined;
  const proxy = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(501).end();
  });
  proxy.on('connect', (request: IncomingMessage, socket: Socket) => {
    asked.push(request.url ?? '');
    authorizations.push(request.headers['proxy-authorization']);
    sockets.add(socket);
    if (refusal !== undefined) {
      socket.end(`HTTP/1.1 ${refusal} No\r\n\r\n`);
      return;
    }
    const onward = connect(toPort, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(onward).pipe(socket);
    });
    sockets.add(onward);
    for (const end of [socket, onward]) end.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    asked,
    authorizations,
    refuse: (status) => (refusal = status),
    stop() {
      for (const socket of sockets) socket.destroy();
      proxy.closeAllConnections();
      proxy.close();
    },
  };
}

describe('a source with a certificate of a private authority', () => {
  let server: AuthorizationServer;
  beforeAll(async () => {
    server = await AuthorizationServer.start({ tls: certificate });
    server.keys = jwks(['rsa', rsa.publicKey]);
  });
  afterAll(() => server.stop());
  afterEach(() => delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']);

  it('is trusted, and its token endpoint, when SOURCE_CA has the authority', async () => {
    const { client } = clientOf(server.base, smart(), { ca: certificate.cert });
    await expect(client.search('Patient', [])).resolves.toMatchObject({ body: Buffer.from(BUNDLE) });
  });

  it.each(['0', '1'])(
    'is not spoken to otherwise, with words that say what to do (NODE_TLS_REJECT_UNAUTHORIZED=%s)',
    async (value) => {
      process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = value;
      const asked = server.seen.length;
      const byToken = await failureOf(clientOf(server.base, smart()).client.search('Patient', []));
      const direct = await failureOf(clientOf(server.base, { method: 'none' }).client.search('Patient', []));
      for (const failure of [byToken, direct]) {
        expect(failure).toMatchObject({ code: 'source-unreachable', retryable: true });
        expect(failure.message).toMatch(
          /authority that is not known|not of an authority that is known.*SOURCE_CA/,
        );
      }
      expect(server.seen).toHaveLength(asked);
    },
  );

  it('with a certificate for another name is not spoken to, by proxy either', async () => {
    const other = await testCertificate(['other.example']);
    const wrong = await AuthorizationServer.start({ tls: other });
    const proxy = await startProxy(wrong.port);
    try {
      const base = `https://fhir.example/fhir`;
      const { client } = clientOf(
        base,
        { method: 'header', name: 'X-Api-Key', value: 'hunter2' },
        { ca: other.cert, proxy: { https: proxy.url, http: undefined, none: '' } },
      );
      const failure = await failureOf(client.search('Patient', []));
      expect(failure).toMatchObject({ code: 'source-unreachable' });
      expect(failure.message).toMatch(/another name/);
      expect(proxy.asked).toEqual(['fhir.example:443']);
      expect(wrong.seen).toEqual([]);
    } finally {
      proxy.stop();
      wrong.stop();
    }
  });

  it('that speaks TLS 1.1 at most is not spoken to', async () => {
    const versions: Array<string | null> = [];
    const old = createTlsServer(
      { ...certificate, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
      (socket: TLSSocket) => {
        versions.push(socket.getProtocol());
        socket.end();
      },
    );
    old.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => old.listen(0, '127.0.0.1', resolve));
    try {
      const base = `https://127.0.0.1:${(old.address() as AddressInfo).port}/fhir`;
      const { client } = clientOf(base, { method: 'none' }, { ca: certificate.cert });
      expect(await failureOf(client.search('Patient', []))).toMatchObject({ code: 'source-unreachable' });
      expect(versions).toEqual([]);
    } finally {
      old.close();
    }
  });
});

describe('a proxy', () => {
  let server: AuthorizationServer;
  let proxy: Awaited<ReturnType<typeof startProxy>>;
  beforeAll(async () => {
    server = await AuthorizationServer.start({ tls: certificate });
    server.keys = jwks(['rsa', rsa.publicKey]);
    server.onFhir = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/fhir+json' }).end(BUNDLE);
      return true;
    };
    proxy = await startProxy(server.port);
  });
  afterAll(() => {
    proxy.stop();
    server.stop();
  });
  afterEach(() => {
    proxy.asked.length = 0;
    proxy.authorizations.length = 0;
    proxy.refuse(undefined);
  });
  const base = 'https://fhir.example/fhir';
  const options = (https: string | undefined, none = '') => ({
    ca: certificate.cert,
    proxy: { https, http: undefined, none },
  });

  it('is used for the source, by a tunnel that shows it the name alone', async () => {
    const { client } = clientOf(base, { method: 'none' }, options(proxy.url));
    await expect(client.search('Patient', [])).resolves.toMatchObject({ body: Buffer.from(BUNDLE) });
    expect(proxy.asked).toEqual(['fhir.example:443']);
  });

  it('is used for the token endpoint, too', async () => {
    const { client } = clientOf(
      base,
      {
        method: 'client-credentials',
        clientId: 'export-client',
        clientSecret: 'hunter2',
        scope: undefined,
        tokenUrl: 'https://localhost.fhir.example/auth/token',
      },
      { ...options(proxy.url), maxAttempts: 1 },
    );
    // The certificate is for another name than the token endpoint's, so that the tunnel is all there is.
    expect((await failureOf(client.search('Patient', []))).message).toMatch(/another name/);
    expect(proxy.asked).toEqual(['localhost.fhir.example:443']);
  });

  it('of HTTP_PROXY is used for https where HTTPS_PROXY is not set', async () => {
    const { client } = clientOf(
      base,
      { method: 'none' },
      {
        ca: certificate.cert,
        proxy: { https: undefined, http: proxy.url, none: '' },
      },
    );
    await client.search('Patient', []);
    expect(proxy.asked).toEqual(['fhir.example:443']);
  });

  it('gets its user and password, and no log or error holds them', async () => {
    const { client } = clientOf(base, { method: 'none' }, options(proxy.url.replace('//', '//me:hunter2@')));
    await client.search('Patient', []);
    expect(proxy.authorizations).toEqual([`Basic ${Buffer.from('me:hunter2').toString('base64')}`]);
    proxy.refuse(407);
    const other = clientOf(base, { method: 'none' }, options(proxy.url.replace('//', '//me:hunter2@')));
    const failure = await failureOf(other.client.search('Patient', []));
    expect(failure.message).toMatch(/UND_ERR_ABORTED: the proxy did not let the connection through/);
    expect(allOf(failure)).not.toMatch(/hunter2|me:/);
  });

  it.each(['fhir.example', '.example', '*.example', 'other.example, fhir.example:443', '*'])(
    'is not used for a host of NO_PROXY: %s',
    async (none) => {
      const { client } = clientOf(
        base,
        { method: 'none' },
        { ...options(proxy.url, none), timeoutSeconds: 2 },
      );
      // Directly, the name of the test is not to be had.
      const failure = await failureOf(client.search('Patient', []));
      expect(failure.code).toMatch(/source-(unreachable|timeout)/);
      expect(proxy.asked).toEqual([]);
    },
  );

  it.each(['127.0.0.1', 'localhost'])('is never used for this machine: %s', async (host) => {
    const { client } = clientOf(
      `https://${host}:${server.port}/fhir`,
      { method: 'none' },
      options(proxy.url),
    );
    await client.search('Patient', []);
    expect(proxy.asked).toEqual([]);
  });
});
