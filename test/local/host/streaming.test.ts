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

async function produced(): Promise<{ chunks: number; cancelled: boolean }> {
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
  const arrivals: { text: string; at: number }[] = [];
  for await (const chunk of response) arrivals.push({ text: String(chunk), at: Date.now() });
  expect(arrivals.map(({ text }) => text)).toEqual(['first ', 'second']);
  expect((arrivals[1]?.at ?? 0) - (arrivals[0]?.at ?? 0)).toBeGreaterThan(300);
});

test('a client that does not read holds the function back, one that goes away stops it', async () => {
  const response = await open('endless');
  response.pause();
  let before = -1;
  await waitFor(async () => {
    await new Promise((resolve) => setTimeout(resolve, 200));
    const { chunks } = await produced();
    const isStill = chunks === before;
    before = chunks;
    return isStill;
  }, 'the stream to stand still');
  // The buffers of two connections on the loopback interface, and the window.
  expect(before * 64 * 1024).toBeLessThan(16 * 1024 * 1024);
  response.destroy();
  await waitFor(async () => (await produced()).cancelled, 'the stream to be cancelled');
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
