import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestHost, type TestHost } from './testHost.js';
import { waitFor } from './waitFor.js';

let host: TestHost;
beforeAll(async () => {
  host = await startTestHost({ functionKeys: { default: 'one', other: 'two', _master: 'three' } });
});
afterAll(() => host.close());

/** `fetch` would normalize the path. */
function send(method: string, path: string, body?: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(host.url, { method, path }, (response) => {
      response.setEncoding('utf8');
      let text = '';
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

describe('routes, in the order of the names of the functions', () => {
  test.each<[string, string, Record<string, string>]>([
    ['/fhir/$export', 'export', {}],
    ['/fhir/%24export', 'export', {}],
    ['/FHIR/$Export/', 'export', {}],
    ['/fhir/Patient/$export', 'read', { type: 'Patient', id: '$export' }],
    ['/fhir/Patient/%24export', 'read', { type: 'Patient', id: '%24export' }],
    ['/fhir/Patient/abc%2Fdef', 'read', { type: 'Patient', id: 'abc%2Fdef' }],
    ['/numbers/12', 'number', { value: '12' }],
    ['/files/a/b%20c/d', 'files', { rest: 'a/b%20c/d' }],
    ['/files', 'files', {}],
    ['/optional', 'optional', {}],
    ['/optional/x', 'optional', { name: 'x' }],
    ['/mixed/literal', 'catchAll', { rest: 'literal' }],
    ['/mixed/other', 'catchAll', { rest: 'other' }],
    ['/mixed/other/more', 'catchAll', { rest: 'other/more' }],
  ])('%s goes to %s', async (path, route, params) => {
    const { status, body } = await send('GET', path);
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({ route, params, url: host.url + path, method: 'GET' });
  });

  test('a route that has the method is taken', async () => {
    expect(JSON.parse((await send('POST', '/mixed/literal')).body)).toMatchObject({ route: 'posted' });
  });

  test.each([
    ['GET', '/nowhere'],
    ['GET', '/'],
    ['GET', '/numbers/twelve'],
    ['GET', '/fhir'],
    ['PUT', '/fhir/$export'],
    ['OPTIONS', '/fhir/$export'],
    ['HEAD', '/nowhere'],
  ])('%s %s is not found, without a body', async (method, path) => {
    expect(await send(method, path)).toEqual({ status: 404, body: '' });
  });

  test.each([
    ['?a=1&a=2', { a: '1,2' }],
    ['?a=1&A=2&b', { a: '1,2', b: '' }],
    ['?_typeFilter=Patient%3Fname%3Da%2Cb&x=%20+', { _typeFilter: 'Patient?name=a,b', x: '  ' }],
    ['', {}],
  ])('the query %s is merged and decoded', async (query, expected) => {
    const { body } = await send('GET', `/files/x${query}`);
    expect(JSON.parse(body)).toMatchObject({ query: expected, url: `${host.url}/files/x${query}` });
  });
});

describe('answers', () => {
  test('a handler that throws answers 500 without a body, and the log says why', async () => {
    expect(await send('GET', '/throws')).toEqual({ status: 500, body: '' });
    expect(host.lines.some((line) => line.includes('a secret'))).toBe(true);
  });

  test('a hook may change the result', async () => {
    expect(await send('GET', '/empty')).toEqual({ status: 200, body: 'from the hook' });
  });

  test('a body of 30 MB is taken', async () => {
    expect(await send('POST', '/big', 'x'.repeat(30_000_000))).toEqual({ status: 200, body: '30000000' });
  });

  test('a stream is sent as a body', async () => {
    const response = await fetch(`${host.url}/streams`);
    expect([response.headers.get('content-type'), await response.text()]).toEqual(['text/x', 'one two']);
  });

  test('each cookie has a header of its own', async () => {
    const response = await fetch(`${host.url}/cookies`);
    expect(response.headers.getSetCookie()).toEqual(['a=1; path=/', 'b=2; path=/; httponly']);
  });

  test('lines of the log name function and invocation, from the level of host.json on', async () => {
    await send('GET', '/logs');
    const lines = host.lines
      .map((line) => JSON.parse(line))
      .filter(({ functionName }) => functionName === 'logs');
    const user = lines.filter(({ category }) => category === 'Function.logs.User');
    expect(user).toHaveLength(1);
    expect(user[0]).toMatchObject({ level: 'information', message: 'a user line { n: 1 }' });
    expect(user[0].invocationId).toMatch(/^[0-9a-f-]{36}$/);
    expect(host.lines.filter((line) => line.includes('"files"'))).toEqual([]);
  });
});

describe('keys', () => {
  test.each([
    ['/keyed', undefined, 401],
    ['/keyed', 'wrong', 401],
    ['/keyed', 'one', 200],
    ['/keyed', 'two', 200],
    ['/keyed', 'three', 200],
    ['/master', 'one', 401],
    ['/master', 'three', 200],
    ['/files', undefined, 200],
  ])('%s with key %s answers %i', async (path, key, status) => {
    const answers = [await fetch(`${host.url}${path}${key === undefined ? '' : `?code=${key}`}`)];
    if (key !== undefined)
      answers.push(await fetch(host.url + path, { headers: { 'x-functions-key': key } }));
    for (const answer of answers) {
      expect(answer.status).toBe(status);
      if (status === 401) expect(await answer.text()).toBe('');
    }
  });

  test('are not asked for where none are configured', async () => {
    const open = await startTestHost();
    expect((await fetch(`${open.url}/master`)).status).toBe(200);
    await open.close();
  });
});

async function ticks(): Promise<number> {
  return Number((await send('GET', '/ticks')).body);
}

describe('timers', () => {
  test('run at startup and every second', async () => {
    const first = await ticks();
    expect(first).toBeGreaterThan(0);
    await waitFor(async () => (await ticks()) >= first + 2, 'two more runs');
  });
});
