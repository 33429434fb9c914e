import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { AppDescription } from '../../../functions/http/console/pages.js';
import { SAMPLE_CONFIGURATION } from '../../../local/stack.js';
import { startTestStack } from '../../stack/harness.js';
import {
  accessibilityProblems,
  browserForTests,
  CHROMIUM,
  type TestBrowser,
  type TestPage,
} from '../harness.js';
import { type OpenIdProvider, startOpenIdProvider } from './openIdProvider.js';
import { type Call, type Reply, type ScriptedApp, startScriptedApp } from './scriptedApp.js';

const ID = '0123456789abcdef0123456789abcdef';
const KEY = 'secret-function-key';
/** Text that does something where it is taken for a document, a script or a path. */
const HOSTILE = `<img src=x onerror="alert(1)"><script>alert(2)</script>"'&lt;\u202e../../etc/passwd javascript:alert(3)`;
const MINUTES = 240_000;

const json = (status: number, body: object, headers: Record<string, string> = {}): Reply => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});
const refused = (status: number, diagnostics: string): Reply =>
  json(status, { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code: 'x', diagnostics }] });

const TYPES = ['Condition', 'Patient'].map((type) => ({ type }));
const METADATA = json(200, { resourceType: 'CapabilityStatement', rest: [{ resource: TYPES }] });

/** Configurations of which the names are hostile: one of the container that is approved, one of an image. */
const CONFIGURATIONS = json(200, {
  configurations: [
    {
      origin: 'container',
      configuration: HOSTILE,
      configurationEtag: '0x1',
      configurationDigest: HOSTILE,
      configurationApproval: 'coverage',
      deidentified: true,
    },
    {
      origin: 'registry',
      configuration: 'a.json',
      collectionReference: `r.example:5000/${HOSTILE}:v1`,
      collectionDigest: `sha256:${'a'.repeat(64)}`,
      configurationDigest: `sha256:${'b'.repeat(64)}`,
      configurationApproval: 'none',
      deidentified: false,
    },
  ],
  unnamed: { exports: 'default', configuration: HOSTILE, collectionReference: HOSTILE },
  issue: [{ severity: 'warning', code: 'incomplete', diagnostics: HOSTILE }],
});

/** An export that takes two polls, with words, types and names that are hostile where an app's never are. */
function hostileExport(): (call: Call, base: string) => Reply {
  let polls = 0;
  return ({ method, path }, base) => {
    const status = `${base}/_operations/export/${ID}`;
    if (path === '/metadata') return METADATA;
    if (path === '/_operations/configurations') return CONFIGURATIONS;
    if (path === '/$export')
      return json(202, { issue: [{ diagnostics: HOSTILE }] }, { 'content-location': status });
    if (path.endsWith('/files/e.ndjson')) return json(200, { issue: [{ diagnostics: HOSTILE }] });
    if (path.includes('/files/')) return { status: 200, body: '{"resourceType":"Patient"}\n' };
    if (method === 'DELETE') return refused(202, 'The export no longer exists.');
    if (path !== `/_operations/export/${ID}`) return refused(404, HOSTILE);
    if (polls++ === 0) {
      const progress = [
        { type: 'Patient', resources: 5, total: 10, isDone: false },
        { type: HOSTILE, resources: 1, isDone: false },
      ];
      return json(202, { progress }, { 'x-progress': `50%: 5 of 10 resources; ${JSON.stringify(HOSTILE).slice(1, 60).replaceAll(/[^\x20-\x7e]/g, '')}`, 'retry-after': '1' }); // prettier-ignore
    }
    return json(200, {
      transactionTime: HOSTILE,
      requiresAccessToken: true,
      output: [
        { type: 'Patient', url: `${status}/files/p.ndjson`, count: 1 },
        { type: HOSTILE, url: `${status}/files/${encodeURIComponent(HOSTILE)}`, count: 1 },
        { type: 'Patient', url: 'javascript:alert(4)', count: 1 },
      ],
      deleted: [],
      error: [{ type: 'OperationOutcome', url: `${status}/files/e.ndjson`, count: 1 }],
      extension: {
        deidentified: true,
        notes: [HOSTILE],
        configuration: HOSTILE,
        report: `${status}/files/report.json`,
      },
    });
  };
}

const browser = browserForTests();

/** Runs a test on the page of an app, which is closed after it: whatever went wrong in the page fails it. */
async function onPage(
  description: Omit<AppDescription, 'base'>,
  answer: (call: Call, base: string) => Reply,
  work: (opened: TestPage, app: ScriptedApp) => Promise<void>,
  size: Parameters<TestBrowser['open']>[1] = {},
): Promise<void> {
  const app = await startScriptedApp(description, answer);
  try {
    const opened = await browser.open(app.url, size);
    await work(opened, app);
    await opened.close();
  } finally {
    await app.end();
  }
}

const WITH_KEYS = { signIn: 'function-key', listsExports: false } as const;

describe.skipIf(CHROMIUM === undefined)('the exports page', () => {
  it(
    'by keyboard: signs in, starts, watches, reads and saves, and takes nothing of an app for more than text',
    async () => {
      await onPage(WITH_KEYS, hostileExport(), async ({ page }, app) => {
        await page.getByLabel('Function key').focus();
        await page.keyboard.type(KEY);
        await page.keyboard.press('Enter');
        await page.getByLabel('Types', { exact: true }).focus();
        await page.keyboard.type('Patient');
        const choice = page.getByRole('combobox', { name: 'Configuration' });
        await page.getByText('Without one, the app uses its default configuration: <img src=x').waitFor();
        await choice.focus();
        await page.keyboard.press('ArrowDown');
        await page.keyboard.press('ArrowDown');
        await page.getByText('It does not count as de-identification').waitFor();
        await page.keyboard.press('ArrowUp');
        await page.getByText('It counts as de-identification by its coverage').waitFor();
        expect(await choice.locator('option:checked').textContent()).toMatch(/^✓ <img src=x .*\(approved\)$/);
        await page.getByRole('button', { name: 'Start the export' }).focus();
        await page.keyboard.press('Enter');
        await page.getByText('The export is complete.').first().waitFor();
        expect(await page.locator('img, script:not([src]), iframe').count()).toBe(0);
        expect(await page.locator('a[href^="javascript"]').count()).toBe(0);
        await page.getByRole('button', { name: 'Read the problems' }).press('Enter');
        await page.getByRole('button', { name: 'Read the problems' }).waitFor({ state: 'detached' });
        const [download] = await Promise.all([
          page.waitForEvent('download'),
          page.getByRole('button', { name: 'Save p.ndjson' }).press('Enter'),
        ]);
        expect(download.suggestedFilename()).toBe('p.ndjson');
        expect(readFileSync(await download.path(), 'utf8')).toBe('{"resourceType":"Patient"}\n');
        expect(await accessibilityProblems(page)).toEqual([]);

        const kickOff = app.calls.find(({ path }) => path === '/$export');
        expect(JSON.parse(kickOff?.body ?? '')).toEqual({
          resourceType: 'Parameters',
          parameter: [
            { name: '_type', valueString: 'Patient' },
            { name: '_anonymizationConfig', valueString: HOSTILE },
            { name: '_anonymizationConfigEtag', valueString: '0x1' },
          ],
        });
        const ofJobs = app.calls.filter(({ path }) => path !== '/metadata');
        expect(ofJobs.map(({ headers }) => headers['x-functions-key'])).toEqual(ofJobs.map(() => KEY));
        expect(ofJobs.some(({ headers }) => 'cookie' in headers || 'referer' in headers)).toBe(false);
        const stored = await page.evaluate('JSON.stringify([{ ...sessionStorage }, { ...localStorage }])');
        expect(stored).toContain(ID);
        expect(stored).not.toContain(KEY);
        expect(await page.content()).not.toContain(KEY);
      });
    },
    MINUTES,
  );

  it(
    'keeps ids of exports in the tab, and on the computer only where that is asked for',
    async () => {
      await onPage({ signIn: 'nothing', listsExports: false }, hostileExport(), async ({ page }) => {
        const kept = (): Promise<unknown> => page.evaluate('JSON.stringify({ ...localStorage })');
        await page.getByRole('button', { name: 'Start the export' }).click();
        await page.getByText('The export is complete.').first().waitFor();
        expect(await kept()).not.toContain(ID);
        const keep = page.getByLabel(/^Keep the list/);
        await keep.check();
        expect(await kept()).toContain(ID);
        await page.reload();
        await page.getByRole('button', { name: /^Show the export/ }).waitFor();
        await keep.uncheck();
        expect(await kept()).not.toContain(ID);
        await page.getByRole('button', { name: /^Show the export/ }).click();
        await page.getByRole('button', { name: 'Delete the export and its files …' }).click();
        await page.getByRole('button', { name: 'Delete the export and its files', exact: true }).click();
        await page.getByText('There are none.').waitFor();
        expect(await page.evaluate('JSON.stringify({ ...sessionStorage })')).not.toContain(ID);
      });
    },
    MINUTES,
  );

  it(
    'lists the exports of a caller with a token in pages, forgets the token, and says in words what is refused',
    async () => {
      const listed = (digit: string): object => ({
        url: `https://other.example.org/fhir/_operations/export/${digit.repeat(32)}`,
        level: 'system',
        types: [HOSTILE],
        deidentified: digit === '1',
        configuration: HOSTILE,
        configurationDigest: HOSTILE,
        state: 'failed',
        startedAt: '2026-01-01T00:00:00Z',
      });
      const answer = ({ path }: Call, base: string): Reply => {
        const next = `${base}/_operations/export?cursor=more`;
        if (path === '/metadata') return METADATA;
        if (path === '/_operations/export')
          return json(200, { exports: [listed('1')], link: [{ relation: 'next', url: next }] });
        if (path === '/_operations/export?cursor=more') return json(200, { exports: [listed('2')] });
        return refused(path === '/$export' ? 403 : 500, `Refused: ${HOSTILE}`);
      };
      await onPage(
        { signIn: 'token', tokensOf: 'smart', listsExports: true },
        answer,
        async ({ page, problems }, app) => {
          await page.getByLabel('Access token').fill('Bearer a.b.c');
          await page.getByRole('button', { name: 'Sign in' }).click();
          await page.getByRole('button', { name: 'List more' }).click();
          await page.getByRole('cell').getByText('may identify').waitFor();
          // The list of configurations is refused: they are named.
          await page.getByText(`Refused: <img`).first().waitFor();
          await page.getByLabel('Name of the configuration').fill('mine.json');
          expect(await page.locator('tbody tr').count()).toBe(2);
          expect(app.calls.at(-1)?.headers['authorization']).toBe('Bearer a.b.c');
          await page.getByRole('button', { name: 'Start the export' }).click();
          await page.getByRole('alert').filter({ hasText: 'Refused' }).waitFor();
          await page
            .getByRole('button', { name: /^Show the export/ })
            .first()
            .click();
          await page.getByText('The export failed.').waitFor();
          await page.getByRole('button', { name: 'Forget it' }).click();
          await page.getByLabel('Access token').waitFor();
          expect(await page.evaluate('JSON.stringify([{ ...sessionStorage }, { ...localStorage }])')).toBe(
            '[{},{}]',
          );
          // Chromium writes every answer that is an error to its console.
          const own = problems.filter((problem) => !problem.includes('Failed to load resource'));
          expect(own).toEqual([]);
          (problems as string[]).length = 0;
        },
      );
    },
    MINUTES,
  );

  it.each([
    { width: 1280, height: 900, colorScheme: 'light' },
    { width: 1280, height: 900, colorScheme: 'dark' },
    { width: 360, height: 740, colorScheme: 'light' },
    { width: 360, height: 740, colorScheme: 'dark' },
  ] as const)(
    'is accessible and fits into $width pixels, $colorScheme',
    async (size) => {
      await onPage(
        { signIn: 'nothing', listsExports: false },
        hostileExport(),
        async ({ page }) => {
          await page.getByRole('button', { name: 'Start the export' }).click();
          await page.getByText('The export is complete.').first().waitFor();
          expect(await accessibilityProblems(page)).toEqual([]);
          expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
        },
        size,
      );
    },
    MINUTES,
  );
});

/** Runs a test on the page of an app whose users sign in at a provider. */
async function withProvider(
  work: (opened: TestPage, provider: OpenIdProvider, app: ScriptedApp) => Promise<void>,
): Promise<void> {
  let redirectUri = '';
  const provider = await startOpenIdProvider(() => redirectUri);
  const { authority, clientId, scope } = provider;
  const lists = ({ path }: Call): Reply =>
    path === '/metadata' ? METADATA : json(200, { exports: [], configurations: [] });
  const entra = { signIn: 'token', tokensOf: 'entra', listsExports: true } as const;
  try {
    await onPage({ ...entra, signInAt: { authority, clientId, scope } }, lists, async (opened, app) => {
      redirectUri = `${app.url}signed-in`;
      await work(opened, provider, app);
      expect(provider.refusals).toEqual([]);
    });
  } finally {
    await provider.end();
  }
}

/** Presses the button, and follows a link of the window that opens. */
async function signInBy({ page, context }: TestPage, button: string, link: string): Promise<void> {
  const [popup] = await Promise.all([
    context.waitForEvent('page'),
    page.getByRole('button', { name: button }).press('Enter'),
  ]);
  await popup.getByRole('link', { name: link }).waitFor();
  const closed = popup.waitForEvent('close');
  await popup.getByRole('link', { name: link }).click();
  await closed;
}

const tokenOf = ({ calls }: ScriptedApp): unknown => calls.at(-1)?.headers['authorization'];
const STORED = 'JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie])';
const SIGN_IN = 'Sign in with Entra ID';

describe.skipIf(CHROMIUM === undefined)('a sign-in by authorization code', () => {
  it(
    'gives the page a token that is in its memory alone, goes to its app alone, and is renewed',
    async () => {
      await withProvider(async (opened, provider, app) => {
        const { page, context } = opened;
        provider.lifetimeSeconds = 60;
        const before = browser.requests.length;
        await page.getByRole('button', { name: SIGN_IN }).waitFor();
        expect(await accessibilityProblems(page)).toEqual([]);
        const loaded = (): boolean => browser.requests.some(({ url }, at) => at >= before && url.endsWith('/entraSignIn.js')); // prettier-ignore
        expect(loaded()).toBe(false);
        // A window that is closed is an attempt that never ends: the next one takes its place.
        const [first] = await Promise.all([
          context.waitForEvent('page'),
          page.getByRole('button', { name: SIGN_IN }).click(),
        ]);
        await first.getByRole('link', { name: 'Continue' }).waitFor();
        expect(loaded()).toBe(true);
        const status = JSON.stringify({ clientId: provider.clientId, type: 'signin' });
        expect(await page.evaluate(STORED)).toBe(
          JSON.stringify([{ 'msal.interaction.status': status }, {}, '']),
        );
        await first.close();
        await signInBy(opened, 'Sign in again …', 'Continue');
        await page.getByText('There are none.').waitFor();
        expect(await page.evaluate(STORED)).toBe('[{},{},""]');
        expect(await page.content()).not.toMatch(/secret-/);
        // So short a token is renewed at each use, without a window.
        const used = provider.tokens.length;
        await page.getByRole('button', { name: 'List again', exact: true }).click();
        await expect.poll(() => provider.tokens.length, { timeout: MINUTES }).toBeGreaterThan(used);
        await expect.poll(() => tokenOf(app), { timeout: MINUTES }).toBe(`Bearer ${provider.tokens.at(-1)}`);
        const ofData = app.calls.filter(({ path }) => path !== '/metadata');
        const isSigned = ({ headers }: Call): boolean => String(headers['authorization']).startsWith('Bearer secret-token-'); // prettier-ignore
        expect(ofData.every(isSigned)).toBe(true);
        const [own, their] = [new URL(app.url).origin, new URL(provider.authority).host];
        const others = browser.requests
          .slice(before)
          .filter(
            ({ method, url }) => !url.startsWith(`${own}/`) && !(method === 'CONNECT' && url === their),
          );
        expect(others.filter(({ url }) => !url.includes('google'))).toEqual([]);
        await page.getByRole('button', { name: 'Forget it' }).click();
        await page.getByRole('button', { name: SIGN_IN }).waitFor();
        expect(await page.evaluate(STORED)).toBe('[{},{},""]');
      });
    },
    MINUTES,
  );

  it(
    'that is declined is said in words of the page; a token can be pasted',
    async () => {
      await withProvider(async (opened, _provider, app) => {
        const { page } = opened;
        await signInBy(opened, SIGN_IN, 'Decline');
        await page.getByText('The sign-in was declined.').waitFor();
        expect(await page.content()).not.toContain('secret-person');
        await page.getByText('Paste a token instead').press('Enter');
        await page.getByLabel('Access token').fill('pasted');
        await page.getByRole('button', { name: 'Sign in', exact: true }).click();
        await page.getByText('There are none.').waitFor();
        expect(tokenOf(app)).toBe('Bearer pasted');
      });
    },
    MINUTES,
  );
});

describe.skipIf(CHROMIUM === undefined)('the exports page of the built app', () => {
  it(
    'starts, watches, saves and cancels exports, and speaks to its app alone',
    async () => {
      const test = await startTestStack({});
      try {
        const url = test.stack.baseUrl.replace(/fhir$/, 'console/');
        const before = browser.requests.length;
        const opened = await browser.open(url);
        const { page } = opened;
        const choice = page.getByRole('combobox', { name: 'Configuration' });
        await page.getByText('no default configuration: without one, it refuses the export').waitFor();
        await choice.selectOption(`✓ ${SAMPLE_CONFIGURATION} (approved)`);
        await page.getByLabel('Container', { exact: true }).fill('research');
        await page.getByText('Choose types from the list of the app').click();
        await page.getByRole('checkbox', { name: 'Patient', exact: true }).check();
        await page.getByRole('button', { name: 'Start the export' }).click();
        await page.getByText('The export is complete.').first().waitFor();
        expect(await page.locator('.facts').textContent()).toContain(SAMPLE_CONFIGURATION);
        const [download] = await Promise.all([
          page.waitForEvent('download'),
          page
            .getByRole('link', { name: /^Patient.*\.ndjson$/ })
            .first()
            .click(),
        ]);
        expect(readFileSync(await download.path(), 'utf8')).toMatch(/^\{"resourceType":"Patient"/);
        const [report] = await Promise.all([
          page.waitForEvent('download'),
          page.getByRole('link', { name: 'report.html' }).click(),
        ]);
        expect(readFileSync(await report.path(), 'utf8')).toContain('Release report');
        await page.getByRole('button', { name: 'Delete the export and its files …' }).click();
        await page.getByRole('button', { name: 'Delete the export and its files', exact: true }).click();
        await page.getByText('There are none.').waitFor();
        const origin = new URL(url).origin;
        const others = browser.requests
          .slice(before)
          .filter((request) => !request.url.startsWith(`${origin}/`));
        expect(others.filter(({ url: asked }) => !asked.includes('google'))).toEqual([]);
        await opened.close();
      } finally {
        await test.end();
      }
    },
    MINUTES,
  );
});
