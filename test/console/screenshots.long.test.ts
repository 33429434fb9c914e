import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, describe, expect, it } from 'vitest';
import { PROJECT_ROOT } from '../../local/paths.js';
import { reportPage } from '../../functions/export/report/reportPage.js';
import { sharedReport } from '../../functions/export/report/sharedReport.js';
import { HOSPITAL } from '../export/report/hospital.js';
import { type Reply, startScriptedApp } from './exports/scriptedApp.js';
import { CHROMIUM, consoleForTests } from './harness.js';

/*
 * The pictures of the documentation, of invented data. `SCREENSHOTS=docs/images npx vitest run --project long
 * test/console/screenshots` renews them; without, they are made and thrown away.
 */

const given = process.env['SCREENSHOTS'];
const scratch = mkdtempSync(join(tmpdir(), 'screenshots-'));
const folder = given === undefined ? scratch : join(PROJECT_ROOT, given);

const browser = consoleForTests();
afterAll(() => rmSync(scratch, { recursive: true }));

async function shot(page: Page, name: string): Promise<void> {
  const path = join(folder, name);
  await page.screenshot({ path, scale: 'css' });
  expect(statSync(path).size).toBeLessThan(400_000);
}

const RUNNING = '0123456789abcdef0123456789abcdef';

/** What an app answers whose caller has three exports, of which the first runs. */
function exportsOf(path: string, base: string): Reply {
  const json = (body: object, status = 200, headers = {}): Reply => ({
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const listed = (id: string, others: object): object => ({
    url: `${base}/_operations/export/${id}`,
    level: 'system',
    configuration: 'hipaa-safe-harbor-r4.json',
    configurationDigest: `sha256:5f1c0a7e2b9d${'0'.repeat(52)}`,
    deidentified: true,
    ...others,
  });
  if (path === '/_operations/export')
    return json({
      exports: [
        listed(RUNNING, {
          state: 'running',
          startedAt: '2026-11-29T09:58:00Z',
          types: TYPES.map(({ type }) => type),
        }),
        listed('1'.repeat(32), { state: 'completed', startedAt: '2026-11-28T14:10:00Z', expiresAt: '2026-12-05T14:31:00Z', counts: { resources: 121_873, files: 14, errors: 3 } }), // prettier-ignore
        listed('2'.repeat(32), { state: 'failed', startedAt: '2026-11-28T13:02:00Z', expiresAt: '2026-12-05T13:02:00Z', level: 'group', types: ['Patient'] }), // prettier-ignore
      ],
    });
  if (path === `/_operations/export/${RUNNING}`)
    return json({ progress: TYPES }, 202, {
      'x-progress': '52%: 71000 of 122200 resources; Observation, Condition',
      'retry-after': '300',
    });
  return path === '/_operations/configurations' ? json({ configurations: [] }) : json({});
}

const TYPES = [
  { type: 'Patient', resources: 1200, total: 1200, isDone: true },
  { type: 'Observation', resources: 66_700, total: 98_000, isDone: false },
  { type: 'Condition', resources: 3100, total: 9000, isDone: false },
  { type: 'Encounter', resources: 0, total: 14_000, isDone: false },
];

describe.skipIf(CHROMIUM === undefined)('pictures', () => {
  it('of the preview', async () => {
    const { page, close } = await browser.open('preview', { width: 1280, height: 740 });
    await page.getByLabel('Start from').selectOption('a few rules, to try');
    await page.getByText(/kinds? of identities (?:is|are) left/).waitFor();
    await page.getByRole('button', { name: 'Use invented resources' }).click();
    await page
      .getByRole('listbox', { name: 'Resources' })
      .getByRole('option', { name: /^Patient/ })
      .first()
      .click();
    const elements = page.getByRole('grid', { name: 'Elements before and after' });
    await page.getByLabel('Which elements are listed').selectOption('Changed or removed');
    await elements.getByRole('row').filter({ hasText: 'family' }).first().click();
    await page.getByRole('tab', { name: 'Coverage' }).click();
    await page.locator('.work').waitFor({ state: 'detached' });
    await shot(page, 'preview.png');
    await close();
  });

  it('of the exports page', async () => {
    const app = await startScriptedApp({ signIn: 'nothing', listsExports: true }, ({ path }, base) =>
      exportsOf(path, base),
    );
    const { page, close } = await browser.open(app.url, { width: 1100, height: 740 });
    await page.getByRole('button', { name: 'Show' }).first().click();
    await page.getByText('Encounter 0 of 14,000').waitFor();
    await page.evaluate('window.scrollTo(0, document.body.scrollHeight)');
    await shot(page, 'exports.png');
    await close();
    await app.end();
  });

  it('of a report', async () => {
    const path = join(scratch, 'report.html');
    writeFileSync(path, reportPage(sharedReport(HOSPITAL, { minCount: 10 })));
    const { page, close } = await browser.open(pathToFileURL(path).href, { width: 1040, height: 1060 });
    await shot(page, 'report.png');
    await close();
  });

  it('that the documentation has are pictures', () => {
    for (const name of ['preview.png', 'exports.png', 'report.png'])
      expect(
        readFileSync(join(PROJECT_ROOT, 'docs/images', name))
          .subarray(1, 4)
          .toString(),
      ).toBe('PNG');
  });
});
