import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reportPage } from '../../functions/export/report/reportPage.js';
import { sharedReport } from '../../functions/export/report/sharedReport.js';
import { HOSPITAL } from '../export/report/hospital.js';
import { INVENTED } from '../export/report/invented.js';
import { accessibilityProblems, browserForTests, CHROMIUM } from './harness.js';

/** Width of A4 without the page's margins, at 96 pixels an inch. */
const PAPER_WIDTH = 688;
const PAPER_HEIGHT = 994;

const folder = mkdtempSync(join(tmpdir(), 'report-'));
const urls: Record<string, string> = {};
const browser = browserForTests();

beforeAll(() => {
  for (const [name, report] of Object.entries({ hospital: HOSPITAL, small: INVENTED })) {
    const path = join(folder, `${name}.html`);
    writeFileSync(path, reportPage(sharedReport(report, { minCount: 10 })));
    urls[name] = pathToFileURL(path).href;
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(CHROMIUM === undefined)('report.html in a browser', () => {
  const schemes = ['light', 'dark'] as const;
  it.each([
    ['hospital', 'light', 1280],
    ['hospital', 'light', 360],
    ['hospital', 'dark', 1280],
    ['small', 'dark', 360],
  ] as const)(
    'has nothing that keeps people out, and no part beside the window: %s, %s, %i pixels wide',
    async (name, colorScheme, width) => {
      const { page, close } = await browser.open(urls[name] ?? '', { width, colorScheme });
      expect(await accessibilityProblems(page)).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
      await close();
    },
  );

  it('asks nobody for anything', async () => {
    const { page, close } = await browser.open(urls['hospital'] ?? '');
    await page.reload();
    expect(await page.evaluate("performance.getEntriesByType('resource').length")).toBe(0);
    await close();
  });

  it('is read by keyboard: what is wider than the window is reached and moved', async () => {
    const { page, close } = await browser.open(urls['hospital'] ?? '', { width: 360 });
    const isWide = 'document.activeElement.scrollWidth > document.activeElement.clientWidth';
    const regions = (await page.evaluate("document.querySelectorAll('.table, figure').length")) as number;
    let wide = 0;
    for (let nth = 0; nth < regions; nth++) {
      await page.keyboard.press('Tab');
      expect(await page.evaluate("document.activeElement.matches('.table, figure')")).toBe(true);
      if (!(await page.evaluate(isWide))) continue;
      wide++;
      await page.keyboard.press('ArrowRight');
      await expect
        .poll(() => page.evaluate('document.activeElement.scrollLeft'), { timeout: 60_000 })
        .toBeGreaterThan(0);
    }
    expect(wide).toBeGreaterThan(3);
    await close();
  });

  it.each(schemes)(
    'is printed black on white, with no column cut, from a page that is %s',
    async (colorScheme) => {
      const { page, close } = await browser.open(urls['hospital'] ?? '', { width: PAPER_WIDTH, colorScheme });
      await page.emulateMedia({ media: 'print', colorScheme });
      expect(
        await page.evaluate(
          '[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]',
        ),
      ).toEqual(['rgb(255, 255, 255)', 'rgb(0, 0, 0)']);
      const wide = `[...document.querySelectorAll('table, svg, dd, p')]
      .filter((element) => element.getBoundingClientRect().right > innerWidth + 1 || element.scrollWidth > element.clientWidth + 1)
      .map((element) => element.outerHTML.slice(0, 80))`;
      expect(await page.evaluate(wide)).toEqual([]);
      await close();
    },
  );

  it('is a PDF of A4 with its headings, on as many sheets as it has to be', async () => {
    const { page, close } = await browser.open(urls['hospital'] ?? '', {
      width: PAPER_WIDTH,
      colorScheme: 'dark',
    });
    const pdf = (await page.pdf({ preferCSSPageSize: true, outline: true, tagged: true })).toString('latin1');
    await page.emulateMedia({ media: 'print' });
    const height = (await page.evaluate('document.documentElement.scrollHeight')) as number;
    const sheets = [...pdf.matchAll(/\/Type \/Page\b(?!s)/g)].length;
    expect(sheets).toBeGreaterThan(height / PAPER_HEIGHT - 1);
    // What is not divided leaves a part of a sheet empty: at most a third of all.
    expect(sheets).toBeLessThan((1.5 * height) / PAPER_HEIGHT + 1);
    expect(pdf).toMatch(/\/MediaBox \[0 0 59\d\.?\d* 84\d\.?\d*\]/);
    const titles = [...pdf.matchAll(/\/Title \(([^)]*)\)/g)].map(([, title]) => title);
    const headings = sharedReport(HOSPITAL, { minCount: 10 }).parts.map(({ title }) => title);
    expect(titles).toEqual(expect.arrayContaining([...headings, 'Release']));
    await close();
  });
});
