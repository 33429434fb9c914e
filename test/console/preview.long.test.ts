import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serveConsole } from './consoleServer.js';
import { accessibilityProblems, CHROMIUM, startBrowser, type TestBrowser } from './harness.js';

let browser: TestBrowser;
let site: Awaited<ReturnType<typeof serveConsole>>;

beforeAll(async () => {
  if (CHROMIUM === undefined) return;
  [browser, site] = await Promise.all([startBrowser(), serveConsole()]);
});
afterAll(async () => {
  await browser?.end();
  await site?.end();
});

const WINDOWS = [
  { width: 1400, height: 900, colorScheme: 'light' },
  { width: 1400, height: 900, colorScheme: 'dark' },
  { width: 360, height: 740, colorScheme: 'light' },
  { width: 360, height: 740, colorScheme: 'dark' },
] as const;

describe.skipIf(CHROMIUM === undefined)('the preview', () => {
  it.each(WINDOWS)('is accessible before data is open: $width pixels, $colorScheme', async (size) => {
    const { page, close } = await browser.open(`${site.base}/preview`, size);
    await page.getByText('Open a resource, a Bundle or an NDJSON file').waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    await close();
  });
});
