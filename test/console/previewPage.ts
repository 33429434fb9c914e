import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import type { TestBrowser, TestPage, WindowOptions } from './harness.js';

/* What tests do on the preview page, and what they open there. */

export const PATIENT = {
  resourceType: 'Patient',
  id: 'anna-1',
  name: [{ family: 'Meier', given: ['Anna', 'Maria'] }],
  birthDate: '1950-02-03',
  gender: 'female',
};

export const RULES = `{
  "fhirVersion": "R4",
  "fhirPathRules": [
    { "path": "Patient.name", "method": "redact" },
    { "path": "Patient.birthDate", "method": "dateShift" },
    { "path": "Patient.id", "method": "cryptoHash" }
  ],
  "parameters": { "dateShiftKey": "a key of dates", "cryptoHashKey": "a key of hashes" }
}`;

/** Opens the page, and waits until the engine has looked at its configuration. */
export async function openPreview(
  browser: TestBrowser,
  options?: WindowOptions,
  after = '',
): Promise<TestPage> {
  const opened = await browser.open(`preview${after}`, options);
  await ready(opened.page);
  return opened;
}

export async function ready(page: Page): Promise<void> {
  await page.locator('.verdict:not(:text-is("Looking …"))').waitFor();
}

/** A file that is chosen. */
export interface ChosenFile {
  readonly name: string;
  readonly content: string | Uint8Array;
}

/** Chooses files for a button that opens them. */
async function choose(page: Page, button: string, files: readonly ChosenFile[]): Promise<void> {
  await page
    .getByLabel(button, { exact: true })
    .and(page.locator('input'))
    .setInputFiles(
      files.map(({ name, content }) => ({
        name,
        mimeType: 'application/json',
        buffer: Buffer.from(content as Uint8Array),
      })),
    );
}

export async function openFiles(page: Page, ...files: readonly ChosenFile[]): Promise<void> {
  await choose(page, 'Open data …', files);
}

/** Opens a text as a file. */
export async function openFile(page: Page, text: string, name = 'data.json'): Promise<void> {
  await openFiles(page, { name, content: text });
}

export async function chooseConfiguration(page: Page, file: ChosenFile): Promise<void> {
  await choose(page, 'Open configuration …', [file]);
}

/** Puts a text into the place of the configuration. */
export async function setConfiguration(page: Page, text: string, name = 'configuration.json'): Promise<void> {
  await chooseConfiguration(page, { name, content: text });
  await page.getByText(`The configuration ${name} is open.`).waitFor({ state: 'attached' });
  await ready(page);
}

/** A condition that becomes true, however slow the machine is. */
export const eventually = <Value>(look: () => Value | Promise<Value>) =>
  expect.poll(look, { timeout: 100_000 });

export const elements = (page: Page) => page.getByRole('grid', { name: 'Elements before and after' });
export const rowOf = (page: Page, text: string) => elements(page).getByRole('row').filter({ hasText: text });
export const textOf = (page: Page) => page.locator('.cm-content').innerText();
