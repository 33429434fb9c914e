import { request, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { json, startTestHost, STREAMING_APP, type TestHost } from './testHost.js';
import { waitFor } from './waitFor.js';

let host: TestHost;
beforeAll(async () => {
  host = await startTestHost({ scriptRoot: STREAMING_APP });
});
afterAll(() => host.close());

function open(path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request(`${host.url}/api/${path}`, resolve).on('error', reject).end();
  });
}

async function produced(): Promise<{ chunks: number }> {
  return json(await fetch(`${host.url}/api/produced`));
}

test('a request is streamed to the function with its parameters and headers', async () => {
  const body = new Uint8Array(20_000_000);
  const url = `${host.url}/api/echo/a%2Fb?x=1&x=2`;
  const response = await fetch(url, { method: 'POST', body, headers: { 'x-type': 'some' } });
  expect(await response.json()).toEqual({ length: 20_000_000, params: { id: 'a%2Fb' }, url, type: 'some' });
});

test('a large answer comes whole, with status, headers and cookies', async () => {
  const response = await fetch(`${host.url}/api/large`);
  expect(response.status).toBe(203);
  expect(response.headers.get('content-type')).toBe('application/fhir+ndjson');
  expect(response.headers.getSetCookie()).toEqual(['a=1']);
  expect(response.headers.has('x-ms-invocation-id')).toBe(false);
  const body = new Uint8Array(await response.arrayBuffer());
  expect(body).toHaveLength(640 * 64 * 1024);
  expect([body[0], body[64 * 1024], body.at(-1)]).toEqual([0, 1, 639 % 251]);
});

test('an answer goes out as it comes', async () => {
  const response = await open('slow');
  const arrived: string[] = [];
  for await (const chunk of response) {
    if (arrived.push(String(chunk)) === 1) await fetch(`${host.url}/api/release`);
  }
  expect(arrived).toEqual(['first ', 'second']);
});

test('a client that does not read does not hold the function back', async () => {
  const response = await open('unread');
  response.pause();
  await waitFor(async () => (await produced()).chunks === 512, 'the stream to be produced whole');
  response.destroy();
});

test('an answer to a body that the function stopped reading is lost: 500, without a body', async () => {
  const body = new Uint8Array(20_000_000);
  const response = await fetch(`${host.url}/api/stops`, { method: 'POST', body });
  expect([response.status, await response.text()]).toEqual([500, '']);
});

test('a body over what the host forwards is 500, without a body', async () => {
  const body = new Uint8Array(120 * 1024 * 1024);
  const answer = fetch(`${host.url}/api/echo/a`, { method: 'POST', body });
  const status = await answer.then(
    (response) => response.status,
    () => 500,
  );
  expect(status).toBe(500);
});

test('what only the host takes of headers hangs until the time-out of the function', async () => {
  const started = Date.now();
  const response = await fetch(`${host.url}/api/large`, { headers: { 'x-long': 'a'.repeat(20_000) } });
  expect([response.status, await response.text()]).toEqual([500, '']);
  expect(Date.now() - started).toBeGreaterThan(14_500);
});

test('a handler that throws is answered with 500, without a body', async () => {
  const body = new Uint8Array(1_000_000);
  const response = await fetch(`${host.url}/api/throws`, { method: 'POST', body });
  expect([response.status, await response.text()]).toEqual([500, '']);
});

test('a handler that returns nothing is answered with 204', async () => {
  expect((await fetch(`${host.url}/api/nothing`)).status).toBe(204);
});

test('a stream that breaks breaks the answer off', async () => {
  const response = await open('breaks');
  const read = async (): Promise<void> => {
    for await (const chunk of response) void chunk;
  };
  await expect(read()).rejects.toThrow(/aborted/);
});
