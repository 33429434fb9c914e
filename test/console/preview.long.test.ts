import { describe, expect, it } from 'vitest';
import { accessibilityProblems, CHROMIUM, consoleForTests } from './harness.js';
import {
  chooseConfiguration,
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
} from './previewPage.js';
import {
  HOSTILE_TEXTS,
  hostileButValid,
  hostileConfiguration,
  hostileResource,
  withText,
} from './hostile.js';
import { inventedResources } from '../../infra/tools/console/inventedResources.js';

const browser = consoleForTests();

const WINDOWS = [
  { width: 1400, height: 900, colorScheme: 'light' },
  { width: 1400, height: 900, colorScheme: 'dark' },
  { width: 360, height: 740, colorScheme: 'light' },
  { width: 360, height: 740, colorScheme: 'dark' },
] as const;

describe.skipIf(CHROMIUM === undefined)('the preview', () => {
  it.each(WINDOWS)('is accessible: $width pixels, $colorScheme', async (size) => {
    const { page, close } = await openPreview(browser, size);
    await page.getByText('Open a resource, a Bundle or NDJSON').waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    await setConfiguration(page, RULES);
    await openFile(page, JSON.stringify(PATIENT));
    await rowOf(page, 'birthDate').click();
    for (const name of ['Coverage', 'Rules', 'Keys', 'Problems']) {
      await page.getByRole('tab', { name }).click();
      expect(await accessibilityProblems(page)).toEqual([]);
    }
    await page.getByRole('tab', { name: 'All resources' }).click();
    await page.getByText('de-identified').first().waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.getByLabel('Compare with').selectOption('hipaa-safe-harbor-r4@2');
    await page.getByText('Elements that differ').waitFor();
    await page.getByRole('button', { name: 'Copy link' }).click();
    await page.getByText('The link holds the configuration only').waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.getByRole('tab', { name: 'Element by element' }).click();
    await rowOf(page, 'birthDate').click();
    await page.getByRole('button', { name: 'Paste …' }).click();
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await page.evaluate('document.scrollingElement.scrollWidth')).toBeLessThanOrEqual(size.width);
    await close();
  });

  it('shows each element before and after, with the rule that decided it', async () => {
    const { page, close } = await openPreview(browser);
    await setConfiguration(page, RULES);
    await openFile(page, JSON.stringify(PATIENT));
    await eventually(() => rowOf(page, 'family').innerText()).toMatch(/"Meier"\s+removed\s+redact \[0\]/);
    expect(await rowOf(page, 'birthDate').innerText()).toMatch(
      /"1950-02-03"\s+"19\d\d-\d\d-\d\d"\s+dateShift \[1\]/,
    );
    expect(await rowOf(page, 'gender').innerText()).toMatch(/"female"\s+"female"\s+no rule/);
    await page.getByLabel('Which elements are listed').selectOption('No rule reached');
    await eventually(() => elements(page).getByRole('row').count()).toBe(1);
    await close();
  });

  it('leads from an element to its rule and back, by keyboard', async () => {
    const { page, close } = await openPreview(browser);
    await setConfiguration(page, RULES);
    await openFile(page, JSON.stringify(PATIENT));
    await rowOf(page, 'birthDate').waitFor();
    await elements(page).focus();
    await page.keyboard.press('Home');
    for (let step = 0; step < 20; step++) {
      const active = elements(page).locator('[aria-selected=true]');
      if ((await active.innerText()).startsWith('birthDate')) break;
      await page.keyboard.press('ArrowDown');
    }
    await page.keyboard.press('Enter');
    const line = page.locator('.cm-editor.cm-focused .cm-activeLine');
    await eventually(() => line.innerText()).toContain('Patient.birthDate');
    // One line further down is the next rule: its elements.
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Control+Enter');
    await eventually(() => elements(page).getByRole('row').allInnerTexts()).toEqual([
      expect.stringMatching(/^id\s+"anna-1"\s+"[0-9a-f]{64}"\s+cryptoHash \[2\]/),
    ]);
    await close();
  });

  it('sends no request while data is open, whatever is done', async () => {
    const { page, context, problems } = await openPreview(browser);
    const before = browser.requests.length;
    await openFile(
      page,
      `${JSON.stringify(PATIENT)}\n${JSON.stringify({ ...PATIENT, id: 'anna-2' })}`,
      'a.ndjson',
    );
    await rowOf(page, 'birthDate').click();
    await setConfiguration(page, RULES);
    await page.getByRole('option', { name: 'anna-2' }).click();
    await page.getByRole('tab', { name: 'Coverage' }).click();
    await page.getByRole('button', { name: 'Add this rule' }).first().click();
    await page.getByRole('button', { name: 'Copy link' }).click();
    await page.getByText('The link holds the configuration only').waitFor();
    await page.getByRole('tab', { name: 'All resources' }).click();
    await page.getByText('de-identified').first().waitFor();
    expect(browser.requests.slice(before)).toEqual([]);
    // What a script of the page would try; the policy refuses it, which the console says.
    const refused = await page.evaluate(
      `Promise.allSettled([fetch('/console/preview?leak'), fetch('http://example.org/'), new Promise((_, no) => {
        const image = new Image(); image.onerror = no; image.src = 'http://example.org/x.png';
      })]).then((all) => all.map(({ status }) => status))`,
    );
    expect(refused).toEqual(['rejected', 'rejected', 'rejected']);
    expect(browser.requests.slice(before)).toEqual([]);
    expect(problems.join('\n')).toMatch(/policy connect-src[^]*policy connect-src[^]*policy img-src/);
    await context.close();
  });

  it('a link holds the configuration only: no data, no key, nothing that is stored', async () => {
    const { page, context, close } = await openPreview(browser);
    await openFile(page, JSON.stringify(PATIENT));
    await setConfiguration(
      page,
      `// a secret comment
      { "fhirPathRules": [ { "path": "Patient.name", "method": "redact" }, { "path": "Patient.id", "method": "encrypt" } ],
        "parameters": { "dateShiftKey": "hidden key 1", "CRYPTOHASHKEY": "hidden key 2", "encryptKey": { "secretName": "a-name" },
          "dateShiftScope": "resource", "unknownKey": "hidden key 3" } }`,
    );
    await page.getByRole('tab', { name: 'Keys' }).click();
    await page.getByLabel('Key of the secret a-name').fill('hidden key 4 of 32 characters ok');
    await page.getByRole('button', { name: 'Copy link' }).click();
    const address = await page.getByLabel('Link to the configuration').innerText();
    const stored = await page.evaluate(
      `Promise.all([indexedDB.databases(), caches.keys()]).then(([one, two]) =>
        [one.length, two.length, localStorage.length, sessionStorage.length, document.cookie, history.length, location.hash])`,
    );
    expect(stored).toEqual([0, 0, 0, 0, '', expect.any(Number), '']);
    expect((await context.storageState()).cookies).toEqual([]);
    await close();
    const other = await browser.open(address);
    await other.page.getByText('The configuration of the link is open.').waitFor({ state: 'attached' });
    const text = await other.page.locator('.cm-content').innerText();
    expect(text).toContain('Patient.name');
    expect(text).toContain('dateShiftScope');
    expect(text).not.toMatch(/hidden|secret comment|Meier|anna-1/);
    expect(address).not.toMatch(/hidden|Meier/);
    await other.close();
  });

  it('a link of anything else is refused in words', async () => {
    const { page, close } = await openPreview(browser, {}, `#${'A'.repeat(3000)}`);
    await page.getByRole('alert').filter({ hasText: 'The link of this page has no configuration' }).waitFor();
    await close();
  });

  it('adds the rule that would mend coverage, by one click', async () => {
    const { page, close } = await openPreview(browser);
    await setConfiguration(page, RULES);
    await page.getByRole('tab', { name: 'Coverage' }).click();
    const gaps = page.getByRole('button', { name: 'Add this rule' });
    await eventually(() => gaps.count()).toBeGreaterThan(3);
    const before = await gaps.count();
    await gaps.first().click();
    await eventually(() => gaps.count()).toBeLessThan(before);
    await close();
  });

  it('marks problems at their place', async () => {
    const { page, close } = await openPreview(browser);
    await setConfiguration(page, RULES.replace('"redact"', '"redakt"'));
    await page.getByText('1 error: no export takes it').waitFor();
    await page.getByRole('button', { name: /fhirPathRules\[0\]\.method/ }).click();
    await page.locator('.cm-lintRange-error').waitFor();
    await eventually(() => page.locator('.cm-activeLine').innerText()).toContain('redakt');
    await close();
  });

  it('another FHIR version is another document: what is open is closed first', async () => {
    const { page, close } = await openPreview(browser);
    await openFile(page, JSON.stringify(PATIENT));
    await rowOf(page, 'birthDate').waitFor();
    await page.getByLabel('FHIR version').selectOption('R5');
    await page.getByRole('button', { name: 'Close the data and open FHIR R5' }).click();
    await page.waitForURL('**/preview?version=R5');
    await ready(page);
    await page.getByText('Open a resource, a Bundle or NDJSON').waitFor();
    expect(await page.locator('.cm-content').innerText()).toContain('hipaa-safe-harbor-r5@2');
    await close();
  });

  it('pasted data is opened, and what cannot be read is said without its text', async () => {
    const { page, close } = await openPreview(browser);
    await page.getByRole('button', { name: 'Paste …' }).click();
    await page.getByLabel('A resource, a Bundle, or NDJSON').fill(`${JSON.stringify(PATIENT)}\n{ "Meier`);
    await page.getByRole('dialog').getByRole('button', { name: 'Open' }).click();
    await page.getByText('1 resource, 1 part could not be read').waitFor();
    expect(await page.locator('.unread').innerText()).not.toContain('Meier');
    await close();
  });

  it('can be canceled, and run again', async () => {
    const { page, close } = await openPreview(browser);
    const line = JSON.stringify({ ...PATIENT, note: 'x'.repeat(200) });
    await openFile(page, Array.from({ length: 20_000 }, () => line).join('\n'), 'many.ndjson');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText(/^Canceled after [\d,]+ of 20,000 resources/).waitFor();
    await openFile(page, JSON.stringify(PATIENT));
    await rowOf(page, '"female"').waitFor();
    await close();
  });

  it('works through thousands of resources while the page answers', async () => {
    const { page, close } = await openPreview(browser);
    const lines = Array.from({ length: 5000 }, (_, index) =>
      JSON.stringify({ ...PATIENT, id: `p-${index}` }),
    );
    const start = Date.now();
    await openFile(page, lines.join('\n'), 'many.ndjson');
    await page.getByRole('tab', { name: 'All resources' }).click();
    await page.getByText('de-identified').first().waitFor();
    console.log(`5,000 resources in the preview: ${Date.now() - start} ms`);
    expect(await page.locator('.figures').innerText()).toMatch(/de-identified\s+5,000/);
    // Few of the rows are in the document.
    expect(await page.getByRole('listbox', { name: 'Resources' }).getByRole('option').count()).toBeLessThan(
      100,
    );
    await page.getByLabel('Type or id of the resources').fill('p-4999');
    await page.getByRole('option', { name: 'p-4999' }).click();
    await page.getByRole('tab', { name: 'Element by element' }).click();
    await rowOf(page, '"p-4999"').waitFor();
    await close();
  });

  it('hostile texts in data, configuration, errors and names of files are shown as texts', async () => {
    const { page, close } = await openPreview(browser);
    const isHarmless = async () => {
      const found = await page.evaluate(
        `[globalThis.executed === true, document.querySelectorAll('#page img, #page script, #page iframe, #page svg, #page a[href^=java]').length]`,
      );
      expect(found).toEqual([false, 0]);
    };
    const [markup = ''] = HOSTILE_TEXTS;
    const lines = HOSTILE_TEXTS.flatMap((text) => [
      hostileResource(text),
      `{"resourceType": ${JSON.stringify(text)}}`,
    ]);
    const invented = Object.values(inventedResources('R4')).map((resource) => withText(resource, markup));
    const resources = [...lines, ...invented];
    const names = HOSTILE_TEXTS.map((text) => text.replaceAll('\0', '').slice(0, 200) || 'x');
    await openFiles(
      page,
      { name: names[0] ?? '', content: resources.join('\n') },
      ...names.map((name, at) => ({ name, content: HOSTILE_TEXTS[at] ?? '' })),
    );
    await page.getByText('could not be read').first().waitFor();
    await isHarmless();
    const list = page.getByRole('listbox', { name: 'Resources' });
    await list.focus();
    for (const _ of resources) {
      await page.keyboard.press('ArrowDown');
      await elements(page).or(page.locator('#elements .fault, .tab-panel .empty')).first().waitFor();
      await isHarmless();
    }
    const short = HOSTILE_TEXTS.filter(({ length }) => length < 1000);
    for (const [at, text] of short.entries()) {
      await setConfiguration(page, hostileConfiguration(text), `${at}.json`);
      await isHarmless();
    }
    // What is refused names the file.
    await chooseConfiguration(page, { name: markup, content: JSON.stringify(PATIENT) });
    await page.getByRole('alert').filter({ hasText: 'is data, not a configuration' }).waitFor();
    await isHarmless();
    const { configuration, resource } = hostileButValid(short);
    await setConfiguration(page, configuration);
    for (const tab of ['Coverage', 'Rules', 'Keys', 'Problems']) {
      await page.getByRole('tab', { name: tab }).click();
      await isHarmless();
    }
    await openFile(page, resource, names[1]);
    await page.getByRole('tab', { name: 'All resources' }).click();
    await isHarmless();
    await page.getByRole('tab', { name: 'Element by element' }).click();
    await page.getByLabel('Which elements are listed').selectOption('Changed or removed');
    await rowOf(page, markup.slice(0, 9)).first().waitFor();
    await isHarmless();
    // The page still does its work.
    await setConfiguration(page, RULES);
    await openFile(page, JSON.stringify(PATIENT));
    await rowOf(page, '"Meier"').waitFor();
    await isHarmless();
    await close();
  });
});
