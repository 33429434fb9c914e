import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Locator } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linkOf } from '../../console/engine/links.js';
import { accessibilityProblems, CHROMIUM, consoleForTests, type TestPage } from './harness.js';
import {
  elements,
  eventually,
  openFile,
  openFiles,
  openPreview,
  PATIENT,
  ready,
  rowOf,
  RULES,
  setConfiguration,
  textOf,
} from './previewPage.js';

const browser = consoleForTests();

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'dropped-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

const OTHER = { ...PATIENT, id: 'otto-2', name: undefined, gender: 'male' };
const TWO = `${JSON.stringify(PATIENT)}\n${JSON.stringify(OTHER)}\n`;
/** As `RULES`, without the rule for names: nothing else differs. */
const WITHOUT_NAMES = RULES.replace(/ *\{ "path": "Patient\.name".*\n/, '');

/** Files that are dragged to a place of the page, as by hand: the browser itself reads them. */
class DraggedFiles {
  readonly #paths: readonly string[];

  constructor(files: Readonly<Record<string, string | Uint8Array>>) {
    this.#paths = Object.entries(files).map(([name, content]) => {
      const path = join(directory, name);
      writeFileSync(path, content);
      return path;
    });
  }

  async over({ page, context }: TestPage, place: Locator): Promise<void> {
    await this.#send({ page, context }, place, ['dragEnter', 'dragOver']);
  }

  async drop({ page, context }: TestPage, place: Locator): Promise<void> {
    await this.#send({ page, context }, place, ['dragEnter', 'dragOver', 'drop']);
  }

  async #send(
    { page, context }: Pick<TestPage, 'page' | 'context'>,
    place: Locator,
    types: readonly ('dragEnter' | 'dragOver' | 'drop')[],
  ): Promise<void> {
    await place.scrollIntoViewIfNeeded();
    const { x, y, width, height } = (await place.boundingBox())!;
    const session = await context.newCDPSession(page);
    const data = { items: [], files: [...this.#paths], dragOperationsMask: 1 };
    for (const type of types)
      await session.send('Input.dispatchDragEvent', { type, x: x + width / 2, y: y + height / 2, data });
    await session.detach();
  }
}

describe.skipIf(CHROMIUM === undefined)('two configurations over the same data', () => {
  it('show what differs: in the lists, beside each other, and in all resources', async () => {
    const { page, close } = await openPreview(browser);
    await setConfiguration(page, WITHOUT_NAMES);
    await openFile(page, TWO, 'two.ndjson');
    const compareWith = page.getByLabel('Compare with');
    const list = page.getByRole('listbox', { name: 'Resources' });
    // By keyboard: what is typed chooses the option that begins with it.
    await compareWith.focus();
    await page.keyboard.type('the text as');
    await page.getByText('Compared with the text as it was.').waitFor({ state: 'attached' });
    const before = browser.requests.length;
    await page.getByRole('tab', { name: 'All resources' }).click();
    await page.getByText('Both configurations give the same results.').waitFor();
    await setConfiguration(page, RULES);
    const summary = page.locator('.summary');
    await eventually(() => summary.innerText()).toMatch(/different from the text as it was\s+1/);
    await eventually(() => summary.innerText()).toMatch(/Elements that differ\s+HumanName.family\s+1/);
    const tagged = list.getByRole('option').filter({ hasText: 'different' });
    expect(await tagged.allInnerTexts()).toEqual([expect.stringMatching(/anna-1/)]);
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.getByRole('button', { name: 'HumanName.family' }).press('Enter');
    await eventually(() => rowOf(page, 'family').innerText()).toMatch(
      /family\s+"Meier"\s+"Meier"\s+removed\s+redact \[0\]/,
    );
    await page.getByLabel('Which elements are listed').selectOption('Different');
    await eventually(() => elements(page).getByRole('row').count()).toBe(3);
    await rowOf(page, 'family').click();
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.getByLabel('Which resources are listed').selectOption('Different');
    expect(await list.getByRole('option').count()).toBe(1);
    await compareWith.selectOption('nothing');
    await eventually(() => list.getByRole('option').filter({ hasText: 'different' }).count()).toBe(0);
    await eventually(() => rowOf(page, 'family').innerText()).toMatch(/"Meier"\s+removed\s+redact \[0\]/);
    expect(browser.requests.slice(before)).toEqual([]);
    await close();
  });

  it('can be a sample and a text, and are made with the same keys and random numbers', async () => {
    const { page, close } = await openPreview(browser);
    const sample = 'hipaa-safe-harbor-r4@2';
    await page.getByLabel('Start from').selectOption(`copy of ${sample}`);
    await openFile(page, TWO, 'two.ndjson');
    await page.getByLabel('Compare with').selectOption(sample);
    await page.getByRole('tab', { name: 'All resources' }).click();
    await page.getByText('Both configurations give the same results.').waitFor();
    await close();
  });
});

describe.skipIf(CHROMIUM === undefined)('completion', () => {
  it('gives paths, methods and settings of the model, by keyboard alone', async () => {
    const { page, close } = await openPreview(browser);
    const options = page.locator('.cm-tooltip-autocomplete li');
    const offered = () => eventually(() => options.allInnerTexts());
    /** Takes the option that is offered, once it is the one. */
    const take = async (label: string): Promise<void> => {
      await eventually(() =>
        page.locator('.cm-tooltip-autocomplete li[aria-selected]').innerText(),
      ).toContain(label);
      // For a moment after a list has opened, the editor takes no key for it.
      await page.waitForTimeout(150);
      await page.keyboard.press('Enter');
      await options.first().waitFor({ state: 'detached' });
    };
    await page.locator('.cm-content').focus();
    await page.keyboard.press('Control+a');
    await page.keyboard.press('Delete');
    await page.keyboard.type('{"fhirPathR');
    await take('fhirPathRules');
    await page.keyboard.press('Control+a');
    await page.keyboard.insertText('{ "fhirPathRules": [{ "path": "" }] }');
    for (let step = 0; step < 6; step++) await page.keyboard.press('ArrowLeft');
    await page.keyboard.type('Patient.na');
    await offered().toEqual([expect.stringMatching(/^name\s*HumanName$/)]);
    expect(await accessibilityProblems(page)).toEqual([]);
    await take('name');
    await page.keyboard.type('.');
    await page.keyboard.press('Control+Space');
    await offered().toContainEqual(expect.stringMatching(/^family\s*string$/));
    // Escape closes the list and leaves the text.
    await page.keyboard.press('Escape');
    await options.first().waitFor({ state: 'detached' });
    await page.keyboard.type('gi');
    await take('given');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.type(', "me');
    await take('method');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.type(': "cryptoH');
    await take('cryptoHash');
    await eventually(() => textOf(page)).toContain('"path": "Patient.name.given", "method": "cryptoHash"');
    await page.getByText(/^No errors/).waitFor();
    await close();
  });

  it('knows the FHIR version of the page, in YAML too', async () => {
    const { page, close } = await openPreview(browser, { colorScheme: 'dark' }, '?version=R5');
    await setConfiguration(page, 'fhirPathRules:\n  - path: Encounter.', 'rules.yaml');
    await page.locator('.cm-content').focus();
    await page.keyboard.press('Control+End');
    await page.keyboard.type('actualP');
    await eventually(() => page.locator('.cm-tooltip-autocomplete li').allInnerTexts()).toEqual([
      expect.stringMatching(/^actualPeriod\s*Period$/),
    ]);
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.keyboard.press('Enter');
    await eventually(() => textOf(page)).toContain('Encounter.actualPeriod');
    await close();
  });
});

describe.skipIf(CHROMIUM === undefined)('files that are dropped', () => {
  it('on the resources are opened as data, on the configuration as a configuration, and never both', async () => {
    const opened = await openPreview(browser);
    const { page, close } = opened;
    const before = browser.requests.length;
    const [data, configuration] = [page.locator('.pane.data'), page.locator('.editor')];
    const files = new DraggedFiles({ 'anna.json': JSON.stringify(PATIENT) });
    await files.over(opened, data);
    await page.locator('.pane.data.is-target').waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    await files.drop(opened, data);
    await rowOf(page, '"Meier"').waitFor();
    expect(await page.locator('.is-target').count()).toBe(0);
    expect(await textOf(page)).not.toContain('Meier');

    await new DraggedFiles({ 'rules.json': RULES }).drop(opened, configuration);
    await page.getByText('The configuration rules.json is open.').waitFor({ state: 'attached' });
    await eventually(() => textOf(page)).toContain('"Patient.birthDate"');
    await eventually(() => rowOf(page, 'family').innerText()).toMatch(/"Meier"\s+removed\s+redact \[0\]/);

    // What is no data is a configuration wherever it is dropped.
    const yaml = 'fhirPathRules:\n  - path: Patient.gender\n    method: redact\n';
    await new DraggedFiles({ 'rules.yml': yaml }).drop(opened, data);
    await eventually(() => textOf(page)).toContain('- path: Patient.gender');
    await eventually(() => rowOf(page, 'gender').innerText()).toMatch(/"female"\s+removed\s+redact \[0\]/);
    expect(browser.requests.slice(before)).toEqual([]);
    await close();
  });

  it('in the wrong place are refused in words, and what is open stays', async () => {
    const opened = await openPreview(browser);
    const { page, close } = opened;
    await setConfiguration(page, RULES);
    const editor = page.locator('.editor');
    for (const [name, content] of [
      ['anna.json', JSON.stringify(PATIENT)],
      ['anna.ndjson', TWO],
      ['cut.json', JSON.stringify(PATIENT).slice(0, -1)],
      ['blank.ndjson', `\n${TWO}`],
    ] as const) {
      await new DraggedFiles({ [name]: content }).drop(opened, editor);
      const words = `${name} is data, not a configuration. Open it under Resources, or drop it there.`;
      await page.getByRole('alert').filter({ hasText: words }).waitFor();
      expect(await textOf(page)).not.toContain('Meier');
    }
    await new DraggedFiles({ 'anna.json.gz': `\u001f\u0008\0${PATIENT.id}` }).drop(opened, editor);
    await page.getByRole('alert').filter({ hasText: 'anna.json.gz is no text in UTF-8' }).waitFor();
    expect(await textOf(page)).not.toContain('anna');
    await new DraggedFiles({ 'one.json': RULES, 'two.json': RULES }).drop(opened, editor);
    await page.getByRole('alert').filter({ hasText: 'A configuration is one file' }).waitFor();
    await page.getByRole('alert').getByRole('button', { name: 'Close' }).press('Enter');
    await new DraggedFiles({ 'rules.json': RULES }).drop(opened, page.locator('.pane.data'));
    await page.getByText('This is a configuration, not a resource.').waitFor();
    await eventually(() => textOf(page)).toContain('"Patient.birthDate"');
    await close();
  });
});

describe.skipIf(CHROMIUM === undefined)('invented resources', () => {
  it('are there of every type of the FHIR version, to try rules on', async () => {
    const { page, close } = await openPreview(browser, {}, '?version=R5');
    const invented = page.getByLabel('Invented');
    const before = browser.requests.length;
    await invented.selectOption('usual:Patient');
    await page.getByText('Invented Patient: 1 resource', { exact: true }).waitFor();
    await page.getByRole('option', { name: /^Patient / }).waitFor();
    // A type of R5 alone.
    await invented.selectOption('every element:ActorDefinition');
    await page.getByRole('option', { name: /^ActorDefinition invented-1/ }).waitFor();
    await rowOf(page, '"invented-1"').waitFor();
    await page.getByRole('tab', { name: 'All resources' }).click();
    await page.getByText('All results are valid, as far as the engine looks.').waitFor();
    await page.getByText('Nothing was left out for this reason.').waitFor();
    expect(browser.requests.slice(before)).toEqual([]);
    await close();
  });
});

describe.skipIf(CHROMIUM === undefined)('the configuration', () => {
  it('is saved as it is, by keyboard, while data is open: with its comments, and without data', async () => {
    const { page, close } = await openPreview(browser);
    const text = `# A comment\nfhirPathRules:\n  - path: Patient.name\n    method: redact\n`;
    await setConfiguration(page, text, 'rules.yaml');
    await openFile(page, TWO, 'two.ndjson');
    await rowOf(page, '"Meier"').waitFor();
    const before = browser.requests.length;
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save', exact: true }).press('Enter'),
    ]);
    expect(download.suggestedFilename()).toBe('configuration.yaml');
    expect(readFileSync(await download.path(), 'utf8')).toBe(text);
    expect(browser.requests.slice(before)).toEqual([]);
    await close();
  });
});

describe.skipIf(CHROMIUM === undefined)('data of several files, and of gzip', () => {
  it('is opened at once, with the file of what cannot be read', async () => {
    const { page, close } = await openPreview(browser);
    const bundle = JSON.stringify({ resourceType: 'Bundle', entry: [{ resource: OTHER }] }, undefined, 2);
    await openFiles(
      page,
      // Browsers read the first member alone.
      {
        name: 'one.ndjson.gz',
        content: Buffer.concat([gzipSync(JSON.stringify(PATIENT)), gzipSync('\n{ "Mei\n')]),
      },
      { name: 'two.json', content: bundle },
    );
    await page.getByText('one.ndjson.gz, two.json: 2 resources, 1 part could not be read').waitFor();
    expect(await page.locator('.unread').innerText()).toMatch(
      /unread\s*one\.ndjson\.gz line 2\s+This is no JSON: /,
    );
    await page.getByRole('option', { name: 'otto-2' }).click();
    await rowOf(page, '"male"').waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    await close();
  });

  it('that is damaged, or too large, is refused in words, and what is open stays', async () => {
    const { page, close } = await openPreview(browser);
    await openFile(page, JSON.stringify(PATIENT));
    await rowOf(page, '"Meier"').waitFor();
    const packed = gzipSync(TWO.repeat(100));
    const zeros = gzipSync(Buffer.alloc(64 * 1024 * 1024), { level: 1 });
    await openFiles(page, { name: 'cut.ndjson.gz', content: packed.subarray(0, -9) });
    const alert = page.getByRole('alert');
    await alert.filter({ hasText: 'cut.ndjson.gz is packed by gzip, and damaged or not whole.' }).waitFor();
    await openFiles(page, {
      name: 'bomb.ndjson.gz',
      content: Buffer.concat([zeros, zeros, zeros, zeros, zeros]),
    });
    await alert.filter({ hasText: 'bomb.ndjson.gz unpacks to more than can be opened at once' }).waitFor();
    await rowOf(page, '"Meier"').waitFor();
    await openFile(page, TWO);
    await page.getByText('data.json: 2 resources', { exact: true }).waitFor();
    expect(await alert.count()).toBe(0);
    await close();
  });
});

describe.skipIf(CHROMIUM === undefined)('a link that is opened in a page that is open', () => {
  /** Goes to a fragment of the page, as the address bar or a bookmark does. */
  const goTo = async ({ page }: TestPage, fragment: string): Promise<void> => {
    await page.evaluate(`location.hash = ${JSON.stringify(fragment)}`);
  };

  it('takes the place of the configuration: data stays, and nothing leaves', async () => {
    const opened = await openPreview(browser);
    const { page, close } = opened;
    await setConfiguration(page, WITHOUT_NAMES);
    await openFile(page, TWO, 'two.ndjson');
    await page.getByRole('option', { name: 'otto-2' }).click();
    await rowOf(page, '"male"').waitFor();
    const before = browser.requests.length;
    const rules = { fhirPathRules: [{ path: 'Patient.gender', method: 'redact' }] };
    await goTo(opened, (await linkOf(JSON.stringify(rules))).fragment);
    await page.getByText('The configuration of the link is open.').waitFor({ state: 'attached' });
    await eventually(() => textOf(page)).toContain('"Patient.gender"');
    await eventually(() => rowOf(page, 'gender').innerText()).toMatch(/"male"\s+removed\s+redact \[0\]/);
    expect(await page.getByText('two.ndjson: 2 resources', { exact: true }).count()).toBe(1);
    // What was typed before can be had again.
    await page.locator('.cm-content').focus();
    await page.keyboard.press('Control+z');
    await eventually(() => textOf(page)).toContain('"Patient.birthDate"');
    await eventually(() => rowOf(page, 'gender').innerText()).toMatch(/"male"\s+"male"\s+no rule/);
    expect(browser.requests.slice(before)).toEqual([]);
    await close();
  });

  it('that is damaged leaves data and configuration, and says so', async () => {
    const opened = await openPreview(browser);
    const { page, close } = opened;
    await setConfiguration(page, RULES);
    await openFile(page, JSON.stringify(PATIENT));
    await rowOf(page, '"Meier"').waitFor();
    await goTo(opened, 'c=AAAA');
    await page.getByRole('alert').filter({ hasText: 'The link of this page has no configuration' }).waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await textOf(page)).toContain('"Patient.birthDate"');
    await rowOf(page, '"Meier"').waitFor();
    await ready(page);
    await close();
  });
});
