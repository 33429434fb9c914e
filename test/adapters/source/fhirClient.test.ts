import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { FhirClient } from '../../../functions/adapters/source/fhirClient.js';
import type { ExportError } from '../../../functions/common/errors.js';

type Answer = (request: IncomingMessage, response: ServerResponse, count: number) => void;

const BUNDLE = '{"resourceType":"Bundle","type":"searchset"}';
let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** A client of a server that answers as given; `requests` are the URLs it was asked. */
async function clientOf(
  answer: Answer,
  { maxAttempts = 3, timeoutSeconds = 20 } = {},
): Promise<{ client: FhirClient; base: string; requests: string[]; counted: () => number }> {
  const requests: string[] = [];
  let count = 0;
  const onRequest = (): void => void count++;
  server = createServer((request, response) => {
    requests.push(request.url ?? '');
    answer(request, response, requests.length);
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/fhir`;
  const options = { baseUrl: base, timeoutSeconds, maxAttempts, maxPageBytes: 1_048_576, onRequest };
  return { client: new FhirClient(options), base, requests, counted: () => count };
}

const ok: Answer = (_request, response) => {
  response.setHeader('content-type', 'application/fhir+json');
  response.end(BUNDLE);
};
const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (_request, response) => {
    response.writeHead(code, headers).end('{"resourceType":"OperationOutcome","patient":"Jane Doe"}');
  };
const cut: Answer = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/fhir+json', 'content-length': '1000' });
  response.write('{"resourceType"', () => response.destroy());
};
/** The nth answer of a list; the last one again and again. */
const inTurn =
  (...answers: Answer[]): Answer =>
  (request, response, count) =>
    (answers[count - 1] ?? answers.at(-1))?.(request, response, count);

async function failureOf(promise: Promise<unknown>): Promise<ExportError> {
  return promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: ExportError) => error,
  );
}

describe('a page', () => {
  const withCoding =
    (coding: string, body: Buffer): Answer =>
    (_request, response) => {
      response
        .writeHead(200, { 'content-type': 'application/fhir+json', 'content-encoding': coding })
        .end(body);
    };

  it.each([
    ['compressed by gzip', withCoding('gzip', gzipSync(BUNDLE))],
    ['compressed by deflate', withCoding('deflate', deflateSync(BUNDLE))],
    ['not compressed', ok],
  ])('%s is read', async (_name, answer) => {
    const { client } = await clientOf(answer);
    expect((await client.search('Patient', [])).body.toString()).toBe(BUNDLE);
  });

  it.each([
    [
      'larger than allowed when decompressed',
      gzipSync(Buffer.alloc(2_097_152, 0x20)),
      'source-page-too-large',
    ],
    ['cut when compressed', gzipSync(BUNDLE).subarray(0, 20), 'source-unreachable'],
  ])('%s is refused', async (_name, body, code) => {
    const { client } = await clientOf(withCoding('gzip', body), { maxAttempts: 1 });
    expect(await failureOf(client.search('Patient', []))).toMatchObject({ code });
  });
});

describe('a search is tried again', () => {
  it.each([
    ['on 429 with Retry-After in seconds', inTurn(status(429, { 'retry-after': '0' }), ok), 2],
    [
      'on 503 with Retry-After as a date',
      inTurn(status(503, { 'retry-after': new Date(0).toUTCString() }), ok),
      2,
    ],
    ['on 500', inTurn(status(500), status(502), ok), 3],
    ['on a connection cut mid-body', inTurn(cut, ok), 2],
    [
      'on an HTML page with status 200',
      inTurn(
        (_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
        ok,
      ),
      2,
    ],
  ] satisfies Array<[string, Answer, number]>)('%s', async (_name, answer, attempts) => {
    const { client, requests, counted } = await clientOf(answer);
    await expect(client.search('Patient', [['_count', '1']])).resolves.toMatchObject({
      body: Buffer.from(BUNDLE),
    });
    expect(requests).toHaveLength(attempts);
    expect(counted()).toBe(attempts);
  });

  it('after the time that Retry-After names', async () => {
    const { client } = await clientOf(inTurn(status(429, { 'retry-after': '1' }), ok));
    const begin = performance.now();
    await client.search('Patient', []);
    expect(performance.now() - begin).toBeGreaterThanOrEqual(990);
  });
});

describe('a failure reports its code, whether it may pass, and nothing of the answer or the search', () => {
  it.each([
    ['busy to the end', status(429, { 'retry-after': '0' }), 'source-busy', true],
    ['cut to the end', cut, 'source-unreachable', true],
    ['denied', status(401), 'source-denied', false],
    ['forbidden', status(403), 'source-forbidden', false],
    ['refused', status(400), 'source-refused', false],
    ['gone', status(410), 'source-link-expired', false],
    ['redirected', status(302, { location: 'http://elsewhere.example/' }), 'source-refused', false],
    ['413', status(413), 'source-page-too-large', false],
    ['too slow', () => undefined, 'source-timeout', true],
    [
      'larger than allowed, as its length says',
      (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/fhir+json', 'content-length': '2000000' });
        response.end(' '.repeat(2_000_000));
      },
      'source-page-too-large',
      false,
    ],
    [
      'larger than allowed, without a length',
      (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/fhir+json' });
        response.write(' '.repeat(1_500_000));
        response.end(' ');
      },
      'source-page-too-large',
      false,
    ],
  ] satisfies Array<[string, Answer, string, boolean]>)('%s', async (_name, answer, code, retryable) => {
    const timeoutSeconds = code === 'source-timeout' ? 1 : 20;
    const { client } = await clientOf(answer, { maxAttempts: 2, timeoutSeconds });
    const failure = await failureOf(client.search('Patient', [['name', 'secret-value']]));
    expect({ code: failure.code, retryable: failure.retryable }).toEqual({ code, retryable });
    expect(JSON.stringify([failure.message, failure.stack, failure.cause])).not.toMatch(
      /secret-value|Jane Doe|127\.0\.0\.1/,
    );
  });

  it('unreachable', async () => {
    const client = new FhirClient({
      baseUrl: 'http://127.0.0.1:1/fhir',
      timeoutSeconds: 1,
      maxAttempts: 1,
      maxPageBytes: 1000,
    });
    const failure = await failureOf(client.capabilities());
    expect(failure).toMatchObject({ code: 'source-unreachable', retryable: true });
  });
});

describe('a next link', () => {
  it.each(['/Patient?page=2', '?page=2', ''])('within the base is followed: [base]%s', async (rest) => {
    const { client, base } = await clientOf(ok);
    await expect(client.follow(`${base}${rest}`)).resolves.toMatchObject({ body: Buffer.from(BUNDLE) });
  });

  it.each([
    ['another host', () => 'http://127.0.0.2/fhir/Patient?page=2'],
    ['another port', () => 'http://127.0.0.1:1/fhir/Patient?page=2'],
    ['another scheme', (base: string) => base.replace('http:', 'https:')],
    ['another base', (base: string) => base.replace('/fhir', '/fhir2/Patient')],
    ['out of the base by dots', (base: string) => `${base}/../admin`],
    ['another protocol altogether', () => 'file:///etc/passwd'],
    ['nothing', () => 'http://'],
  ])('to %s is refused and never asked', async (_name, link) => {
    const { client, base, requests } = await clientOf(ok);
    const failure = await failureOf(client.follow(link(base)));
    expect(failure.code).toBe('source-foreign-link');
    expect(requests).toEqual([]);
  });
});

it('asks for FHIR, strictly, and encodes what it searches for', async () => {
  let headers: IncomingMessage['headers'] = {};
  const { client, requests } = await clientOf((request, response, count) => {
    headers = request.headers;
    ok(request, response, count);
  });
  await client.search('Patient', [['_lastUpdated', 'ge2020-01-01T00:00:00+02:00']]);
  expect(headers).toMatchObject({ accept: 'application/fhir+json', prefer: 'handling=strict' });
  expect(requests).toEqual(['/fhir/Patient?_lastUpdated=ge2020-01-01T00%3A00%3A00%2B02%3A00']);
});

it('a search too long for a URL goes in a form, strictly, and is tried again as any other', async () => {
  let headers: IncomingMessage['headers'] = {};
  const bodies: string[] = [];
  const { client, requests } = await clientOf((request, response, count) => {
    ({ headers } = request);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      bodies.push(Buffer.concat(chunks).toString('utf8'));
      inTurn(status(503, { 'retry-after': '0' }), ok)(request, response, count);
    });
  });
  const value = Array.from({ length: 400 }, (_, id) => `Patient/${id}`).join(',');
  const answer = await client.search('Observation', [
    ['subject', value],
    ['_count', '5'],
  ]);
  expect(answer).toMatchObject({ body: Buffer.from(BUNDLE), isForm: true });
  expect(requests).toEqual(['/fhir/Observation/_search', '/fhir/Observation/_search']);
  const form = new URLSearchParams([
    ['subject', value],
    ['_count', '5'],
  ]).toString();
  expect(bodies).toEqual([form, form]);
  expect(headers).toMatchObject({
    'content-type': 'application/x-www-form-urlencoded',
    prefer: 'handling=strict',
  });
});

describe('a resource that is read', () => {
  it.each([404, 410])('is undefined on %i', async (code) => {
    const { client, requests } = await clientOf(status(code));
    expect(await client.read('Group', 'a/../b')).toBeUndefined();
    expect(requests).toEqual(['/fhir/Group/a%2F..%2Fb']);
  });

  it('is an error on 403', async () => {
    const { client } = await clientOf(status(403));
    expect((await failureOf(client.read('Group', 'g'))).code).toBe('source-forbidden');
  });
});
