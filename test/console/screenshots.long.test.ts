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

  it('of a report', async () => {
    const path = join(scratch, 'report.html');
    writeFileSync(path, reportPage(sharedReport(HOSPITAL, { minCount: 10 })));
    const { page, close } = await browser.open(pathToFileURL(path).href, { width: 1040, height: 1060 });
    await shot(page, 'report.png');
    await close();
  });

  it('that the documentation has are pictures', () => {
    for (const name of ['preview.png', 'report.png'])
      expect(
        readFileSync(join(PROJECT_ROOT, 'docs/images', name))
          .subarray(1, 4)
          .toString(),
      ).toBe('PNG');
  });
});
