import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { consoleOnThisMachine, type ServedConsole, serveConsole } from '../../cli/console.js';
import { ArgumentsError, UsageError } from '../../cli/command.js';

let served: ServedConsole;

beforeAll(async () => {
  served = await serveConsole({ port: 0, base: 'https://app.example.org/fhir' });
});
afterAll(() => served.stop());

const given = (values: Record<string, string>): Parameters<typeof consoleOnThisMachine>[0] => ({
  values,
  flags: new Set(),
  lists: {},
  operand: '',
  environment: {},
});

/** The answer to a request with a `Host` of its own. */
function statusFor(host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(served.url, { headers: { host } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    })
      .on('error', reject)
      .end();
  });
}

describe('fhir-deid console', () => {
  it('serves the pages to this machine, with the policies of the app', async () => {
    expect(new URL(served.url).hostname).toBe('127.0.0.1');
    const exports = await fetch(served.url);
    expect(exports.status).toBe(200);
    expect(exports.headers.get('content-security-policy')).toContain(
      "connect-src 'self' https://app.example.org;",
    );
    const preview = await fetch(`${served.url}preview`);
    expect(await preview.text()).toContain('preview/main.js');
    expect(preview.headers.get('content-security-policy')).toContain("connect-src 'none'");
    expect(await (await fetch(`${served.url}app.json`)).json()).toEqual({
      base: 'https://app.example.org/fhir',
      listsExports: true,
    });
    const root = await fetch(new URL('/', served.url));
    expect(root.url).toBe(served.url);
    expect((await fetch(served.url.slice(0, -1))).url).toBe(served.url);
  });

  it.each([
    ['GET', 'console/nothing', 404],
    ['GET', 'nothing', 404],
    ['POST', 'console/', 405],
  ])('answers %s %s with %i and words', async (method, path, status) => {
    const answer = await fetch(new URL(`/${path}`, served.url), { method });
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ resourceType: 'OperationOutcome' });
  });

  it('answers HEAD without a body', async () => {
    const answer = await fetch(served.url, { method: 'HEAD' });
    expect(Number(answer.headers.get('content-length'))).toBeGreaterThan(0);
  });

  it('answers to names of this machine alone', async () => {
    expect(await statusFor('localhost')).toBe(200);
    expect(await statusFor('evil.example.org')).toBe(403);
  });

  it('says where a port is taken', async () => {
    const port = Number(new URL(served.url).port);
    await expect(serveConsole({ port })).rejects.toThrow(UsageError);
  });

  it.each([
    { port: 'x' },
    { port: '65536' },
    { base: 'http://app.example.org/fhir' },
    { base: 'https://user:secret@app.example.org/fhir' },
    { base: 'ftp://localhost' },
  ])('refuses %j', async (values) => {
    await expect(consoleOnThisMachine(given(values))).rejects.toThrow(ArgumentsError);
  });

  it('runs until it is stopped, and says where', async () => {
    const said = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    try {
      const code = await consoleOnThisMachine(
        given({ port: '0', base: 'http://localhost:7071/fhir' }),
        async () => undefined,
      );
      expect(code).toBe(0);
      expect(String(said.mock.calls[0]?.[0])).toMatch(
        /http:\/\/127\.0\.0\.1:\d+\/console\/preview.*CORS_ORIGINS/s,
      );
    } finally {
      said.mockRestore();
    }
  });
});
