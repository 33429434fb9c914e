import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import axe from 'axe-core';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect } from 'vitest';
import { serveConsole, type ServedConsole } from '../../cli/console.js';
import { startRecordingProxy, type RecordedRequest } from './recordingProxy.js';

/** Names of Debian's Chromium, and of others that take the same commands; `CHROMIUM` names another. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** Chromium on this machine; undefined where there is none. */
export const CHROMIUM = findChromium();

if (CHROMIUM === undefined) console.log("skipped: the console in a browser, which needs Debian's chromium");

function findChromium(): string | undefined {
  const given = process.env['CHROMIUM'];
  if (given !== undefined) return given;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders
    .flatMap((folder) => NAMES.map((name) => join(folder, name)))
    .find((path) => existsSync(path));
}

/** How long a condition may take to become true, in milliseconds: only a page that never does is a failure. */
const PATIENCE_MS = 100_000;

/** A page's window. */
export interface WindowOptions {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: 'light' | 'dark';
}

/** A browser of a test file's own. */
export interface TestBrowser {
  /** Every request that left the browser so far. */
  readonly requests: readonly RecordedRequest[];
  /** Opens a URL in a window of its own, with nothing stored. */
  open(url: string, options?: WindowOptions): Promise<TestPage>;
}

interface StartedBrowser extends TestBrowser {
  end(): Promise<void>;
}

/** A page that records what goes wrong in it. */
export interface TestPage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors of the console, uncaught errors of page and workers, dialogs and violations of the policy. */
  readonly problems: readonly string[];
  /** Closes the page. @throws where anything went wrong in it */
  readonly close: () => Promise<void>;
}

/** A browser for all tests of a file: started before the first of them and ended after the last. */
export function browserForTests(): TestBrowser {
  let started: StartedBrowser | undefined;
  beforeAll(async () => {
    if (CHROMIUM !== undefined) started = await startBrowser();
  });
  afterAll(() => started?.end());
  const browser = (): StartedBrowser => {
    if (started === undefined) throw new Error('The browser is started before the first test.');
    return started;
  };
  return {
    get requests() {
      return browser().requests;
    },
    open: (url, options) => browser().open(url, options),
  };
}

/** The same, with the console as the command line serves it: URLs are relative to its address. */
export function consoleForTests(): TestBrowser {
  const browser = browserForTests();
  let site: ServedConsole | undefined;
  beforeAll(async () => {
    if (CHROMIUM !== undefined) site = await serveConsole({ port: 0, base: undefined });
  });
  afterAll(() => site?.stop());
  return {
    get requests() {
      return browser.requests;
    },
    open: (url, options) => browser.open(new URL(url, site?.url).href, options),
  };
}

/** Starts Chromium. All it requests goes through a proxy that records it and passes nothing on to other machines. */
async function startBrowser(): Promise<StartedBrowser> {
  const proxy = await startRecordingProxy();
  const browser = await chromium.launch({
    ...(CHROMIUM !== undefined && { executablePath: CHROMIUM }),
    timeout: PATIENCE_MS,
    // Chromium sends requests to this machine past a proxy unless told otherwise.
    proxy: { server: `http://127.0.0.1:${proxy.port}`, bypass: '<-loopback>' },
    // The sandbox cannot be had as root, and containers have little shared memory.
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
  return {
    requests: proxy.requests,
    open: (url, options) => openPage(browser, url, options),
    async end() {
      await browser.close();
      await proxy.end();
    },
  };
}

/** Has violations of the policy among the errors of the console, of which Chromium reports most itself. */
const REPORT_VIOLATIONS = `document.addEventListener('securitypolicyviolation', (event) => {
  console.error('policy', event.violatedDirective, event.blockedURI);
});`;

async function openPage(browser: Browser, url: string, options: WindowOptions = {}): Promise<TestPage> {
  const { width = 1280, height = 900, colorScheme = 'light' } = options;
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme,
    reducedMotion: 'reduce',
    // Servers of tests have certificates of their own.
    ignoreHTTPSErrors: true,
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const problems: string[] = [];
  context.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning')
      problems.push(`${message.type()} ${message.text()}`);
  });
  context.on('weberror', (error) => problems.push(`uncaught ${String(error.error())}`));
  context.on('dialog', (dialog) => {
    problems.push(`dialog ${dialog.message()}`);
    void dialog.dismiss();
  });
  await context.addInitScript({ content: REPORT_VIOLATIONS });
  const page = await context.newPage();
  page.on('crash', () => problems.push('the page crashed'));
  await page.goto(url);
  return {
    page,
    context,
    problems,
    async close() {
      await context.close();
      expect(problems).toEqual([]);
    },
  };
}

interface Violation {
  readonly id: string;
  readonly impact: string | null;
  readonly help: string;
  readonly nodes: readonly { readonly target: readonly string[] }[];
}

/** What axe-core finds on a page, in lines: rules of WCAG 2.2, levels A and AA, and its own advice. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  // Evaluated by the debugger, not as a script of the page: its policy need not permit it.
  await page.evaluate(axe.source);
  const violations = (await page.evaluate(
    "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations)",
  )) as readonly Violation[];
  return violations.map(
    ({ id, impact, help, nodes }) =>
      `${impact ?? ''} ${id}: ${help}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`,
  );
}
