import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConsoleAnswer, ConsoleFiles } from '../../../functions/http/console/consoleFiles.js';
import { type AppDescription, PAGES, policyText } from '../../../functions/http/console/pages.js';
import { RequestError } from '../../../functions/http/respond.js';
import { randomly } from '../../random.js';

const APP: AppDescription = { base: '../fhir', signIn: 'nothing', listsExports: true };
const SCRIPT = 'export const answer = 42;\n'.repeat(50);

let directory: string;
let folder: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'fhir-console-'));
  folder = join(directory, 'console');
  writeFileSync(join(directory, 'secret.js'), 'secret');
  for (const name of ['exports', 'preview', 'engine', 'folder.js'])
    mkdirSync(join(folder, name), { recursive: true });
  const files: Record<string, string | Buffer> = {
    'exports/index.html': '<!doctype html>exports',
    'preview/index.html': '<!doctype html>preview',
    'exports/main.js': SCRIPT,
    'exports/main.js.br': brotliCompressSync(SCRIPT),
    'exports/packed.js.br': brotliCompressSync(SCRIPT),
    'engine/worker-r4.js': 'worker',
    'exports/main.js.map': 'secret map',
    'exports/unknown.exe': 'secret program',
    'icon.svg': '<svg/>',
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const ask = (
  path: string,
  { encoding = null, etag = null, app = APP }: { encoding?: string | null; etag?: string | null; app?: AppDescription } = {}, // prettier-ignore
): Promise<ConsoleAnswer> =>
  new ConsoleFiles(folder, app).answer({ path, acceptEncoding: encoding, ifNoneMatch: etag });

/** The status and words of a refusal. */
async function refusalOf(answer: Promise<unknown>): Promise<string> {
  const error = await answer.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof RequestError)) throw error ?? new Error('it was not refused');
  return `${error.status} ${error.issues.map(({ diagnostics }) => diagnostics).join(' ')}`;
}

describe('the files of the console', () => {
  it.each([
    ['/', 'text/html; charset=utf-8', '<!doctype html>exports'],
    ['/preview', 'text/html; charset=utf-8', '<!doctype html>preview'],
    ['/exports/main.js', 'text/javascript; charset=utf-8', SCRIPT],
    ['/engine/worker-r4.js', 'text/javascript; charset=utf-8', 'worker'],
    ['/app.json', 'application/json', JSON.stringify(APP)],
  ])('%s is %s, checked at each use, and nothing of it goes to other servers', async (path, type, text) => {
    const { status, headers, body } = await ask(path);
    expect({ status, text: body?.toString() }).toEqual({ status: 200, text });
    expect(headers).toMatchObject({
      'content-type': type,
      'content-length': String(Buffer.byteLength(text)),
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
    });
    const again = await ask(path, { etag: headers['etag'] ?? '' });
    expect(again).toEqual({
      status: 304,
      headers: expect.objectContaining({ etag: headers['etag'] }) as unknown,
    });
    expect((await ask(path, { etag: '"other"' })).status).toBe(200);
  });

  it('the icon is kept by browsers, so that a page that has data open does not ask for it again', async () => {
    expect((await ask('/icon.svg')).headers).toMatchObject({
      'content-type': 'image/svg+xml',
      'cache-control': 'max-age=31536000, immutable',
    });
  });

  it.each([
    ['/exports/main.js', 'br', 'gzip, deflate, br, zstd', brotliCompressSync(SCRIPT)],
    ['/exports/main.js', undefined, 'gzip, br;q=0', Buffer.from(SCRIPT)],
    ['/exports/main.js', undefined, null, Buffer.from(SCRIPT)],
    ['/exports/packed.js', 'br', 'br', brotliCompressSync(SCRIPT)],
    ['/exports/packed.js', undefined, null, Buffer.from(SCRIPT)],
  ])(
    '%s is compressed as %s for a client that takes %s, with an ETag of its own',
    async (path, coding, encoding, bytes) => {
      const { headers, body } = await ask(path, { encoding });
      expect(headers['content-encoding']).toBe(coding);
      expect(headers['vary']).toBe('Accept-Encoding');
      expect(headers['content-type']).toBe('text/javascript; charset=utf-8');
      expect(body?.equals(bytes)).toBe(true);
      const { headers: plain } = await ask(path);
      expect(headers['etag'] === plain['etag']).toBe(coding === undefined);
    },
  );

  it('lie below a folder, to which an address without a slash leads', async () => {
    expect(await ask('')).toMatchObject({ status: 308, headers: { location: 'console/' } });
  });

  it.each([
    '/../secret.js',
    '/%2e%2e/secret.js',
    '/..%2fsecret.js',
    '//secret.js',
    '/exports/../exports/main.js',
    '/exports/main.js.br',
    '/exports/main.js.map',
    '/exports/unknown.exe',
    '/exports',
    '/folder.js',
    '/preview/',
    '/constructor',
    '/__proto__',
    '/nothing.js',
  ])('%s is none', async (path) => {
    // A folder cannot be read as a file: whatever the reason, nothing of it is answered.
    expect(await refusalOf(ask(path))).toMatch(/^404 The console has no such file/);
  });

  it('whatever path is asked for, nothing beside the console is answered', async () => {
    const path = fc.array(
      fc.constantFrom('..', '.', '%2e%2e', 'secret.js', 'console', 'exports', 'main.js', '\\', ''),
    );
    await fc.assert(
      fc.asyncProperty(path, async (parts) => {
        const answer = await ask(`/${parts.join('/')}`).catch((error: unknown) => error);
        expect(String((answer as { body?: Buffer }).body ?? '')).not.toContain('secret');
      }),
      randomly(100),
    );
  });

  it('are missing in words where the console is not built', async () => {
    const files = new ConsoleFiles(join(directory, 'none'), APP);
    const answer = files.answer({ path: '/', acceptEncoding: null, ifNoneMatch: null });
    expect(await refusalOf(answer)).toMatch(/^404 .*npm run build/);
  });
});

const directives = (text: string): Record<string, string> =>
  Object.fromEntries(text.split('; ').map((each) => each.split(/ (.*)/s) as [string, string]));

const signInAt = { authority: 'https://login.example.org:444/tenant', clientId: 'c', scope: 's' };

describe('the policy', () => {
  it.each(['/preview', '/engine/worker-r4.js', '/exports/main.js', '/exports/index.html'])(
    'of %s permits no request but for own scripts and styles, even with an app elsewhere',
    async (path) => {
      const { headers } = await ask(path, {
        app: { ...APP, base: 'https://app.example.org/fhir', signInAt },
      });
      expect(directives(headers['content-security-policy'] ?? '')).toEqual({
        'default-src': "'none'",
        'script-src': "'self'",
        'style-src': "'self'",
        'img-src': "'self'",
        'worker-src': "'self'",
        'connect-src': "'none'",
        'form-action': "'none'",
        'base-uri': "'none'",
        'frame-ancestors': "'none'",
      });
    },
  );

  it.each<[Partial<AppDescription>, string]>([
    [{ base: '../fhir' }, "'self'"],
    [{ base: undefined }, "'self'"],
    [{ base: 'https://app.example.org/x/fhir' }, "'self' https://app.example.org"],
    [{ signInAt }, "'self' https://login.example.org:444"],
    [
      { base: 'https://app.example.org/fhir', signInAt },
      "'self' https://app.example.org https://login.example.org:444",
    ],
  ])('of the exports page of an app %j lets it speak to: %s', async (description, connect) => {
    const { headers } = await ask('/', { app: { ...APP, ...description } });
    expect(directives(headers['content-security-policy'] ?? '')).toMatchObject({
      'default-src': "'none'",
      'connect-src': connect,
      'form-action': "'none'",
      'frame-ancestors': "'none'",
    });
  });

  it.each(Object.keys(PAGES).filter((path) => path !== ''))(
    'of page "%s" permits no request to an app or a sign-in: those are of the exports page alone',
    (path) => {
      const text = policyText(PAGES[path]?.policy ?? {}, [
        'https://app.example.org',
        'https://login.example.org',
      ]);
      expect(directives(text)['connect-src']).toBe("'none'");
    },
  );

  it.each(Object.entries(PAGES))(
    'of page "%s" permits no inline script or style and no eval',
    (_path, { policy }) => {
      expect(policyText(policy)).not.toMatch(/'unsafe-|\*|data:|blob:/);
    },
  );
});
