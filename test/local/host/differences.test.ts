import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestHost, type TestHost } from './testHost.js';

/** What was measured on the real host, and that a Node server would do otherwise. */
let host: TestHost;
beforeAll(async () => {
  host = await startTestHost({ functionKeys: { default: 'one', _master: 'two' } });
});
afterAll(() => host.close());

interface Answer {
  status: number;
  body: string;
}

/** `fetch` would normalize the path. */
function send(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(host.url, { method, path, headers, agent: false }, (response) => {
      response.setEncoding('utf8');
      let body = '';
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

const manyHeaders = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, '1']));

describe('refused before routing, with an empty body', () => {
  test.each<[string, string, Record<string, string>, number]>([
    ['an empty first segment', '//numbers/12', {}, 404],
    ['a zero byte in the path', '/files/a%00', {}, 400],
    ['a request line over 8 KiB', `/files/${'a'.repeat(8192)}`, {}, 414],
    ['a query over 8 KiB', `/files?a=${'a'.repeat(8192)}`, {}, 414],
    ['headers over 32 KiB', '/files', { x: 'a'.repeat(33_000) }, 431],
    ['headers over what is read', '/files', { x: 'a'.repeat(200_000) }, 431],
    ['more than 100 headers', '/files', manyHeaders(101), 431],
    ['administration without a key', '/admin/host/status', {}, 401],
    ['administration with a key of functions', '/admin/host/status?code=one', {}, 401],
    ['administration of a kind that is not known, with the master key', '/admin/x?code=two', {}, 404],
    ['administration behind a dot segment', '/files/../admin/host/status', {}, 401],
  ])('%s', async (_name, path, headers, status) => {
    expect(await send(path, headers)).toEqual({ status, body: '' });
  });

  test('a timer is run only with the master key', async () => {
    const run = (query: string): Promise<Answer> => send(`/admin/functions/tick${query}`, {}, 'POST');
    expect([
      (await run('')).status,
      (await run('?code=one')).status,
      (await run('?code=two')).status,
    ]).toEqual([401, 401, 202]);
  });
});

describe('paths are resolved before routing', () => {
  test.each([
    ['/x/../numbers/12', '/numbers/12', 'number'],
    ['/x/%2e%2E/numbers/12', '/numbers/12', 'number'],
    ['/numbers/./12', '/numbers/12', 'number'],
    ['/../../numbers/12?a=/../b', '/numbers/12?a=/../b', 'number'],
    ['/files/a/..', '/files/', 'files'],
    ['/files/a%00b/../c?x=%00', undefined, undefined],
    [`/files/${'a'.repeat(8000)}`, `/files/${'a'.repeat(8000)}`, 'files'],
  ])('%s', async (path, resolved, route) => {
    const { status, body } = await send(path);
    if (resolved === undefined) expect(status).toBe(400);
    else expect(JSON.parse(body)).toMatchObject({ url: host.url + resolved, route });
  });
});
