import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { StackProcess } from '../../local/processes.js';
import { parseFaults } from '../../local/source/faults.js';
import { startStack } from '../../local/stack.js';
import { parseBehaviours } from '../../local/source/behaviours.js';

it('a part that ends at its start is quoted, without what the part before it said', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'processes-'));
  const logFile = join(directory, 'part.log');
  writeFileSync(logFile, 'said before – 1\n');
  const module = join(directory, 'part.mjs');
  writeFileSync(module, "console.error('said now'); process.exitCode = 1;");
  const part = new StackProcess({
    name: 'the part',
    module,
    environment: process.env,
    workingDirectory: directory,
    logFile,
  });
  await expect(part.ready(() => Promise.resolve(false))).rejects.toThrow(
    /^the part ended at its start\. The last lines of .*part\.log:\nsaid now$/,
  );
  rmSync(directory, { recursive: true });
});

it('an entry of the log that is said again in plain words is said once', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'processes-'));
  const module = join(directory, 'part.mjs');
  const words = 'PAGE_SIZE must be a "number"';
  const entry = JSON.stringify({ level: 'error', message: `The settings: ${words}` });
  writeFileSync(
    module,
    `console.log(${JSON.stringify(entry)}); console.error(${JSON.stringify(words)}); process.exitCode = 1;`,
  );
  const part = new StackProcess({
    name: 'the part',
    module,
    environment: process.env,
    workingDirectory: directory,
    logFile: join(directory, 'part.log'),
  });
  await expect(part.ready(() => Promise.resolve(false))).rejects.toThrow(
    /part\.log:\nPAGE_SIZE must be a "number"$/,
  );
  rmSync(directory, { recursive: true });
});

it.each([
  ['{', /^SOURCE_FAULTS must be a JSON array$/],
  ['{}', /^SOURCE_FAULTS must be a JSON array$/],
  ['[{"kind":"no"}]', /^SOURCE_FAULTS: fault 0 has no kind out of /],
])('faults that are none are named with their setting: %s', (text, message) => {
  expect(() => parseFaults(text)).toThrow(message);
});

it.each([
  [{ FHIR_VERSION: 'R6' }, /^FHIR_VERSION must be one of/],
  [
    { EXPORT_STORAGE: 'https://x.blob.core.windows.net' },
    /^EXPORT_STORAGE must be a connection string: .*__blobServiceUri instead\.$/,
  ],
  [{ AzureWebJobsStorage: 'x' }, /^AzureWebJobsStorage must be a connection string: /],
])('the stack starts nothing with a wrong setting: %j', async (environment, message) => {
  const directory = mkdtempSync(join(tmpdir(), 'stack-'));
  const lines: string[] = [];
  const started = startStack({
    environment: { LOCAL_DATA: directory, ...environment },
    report: (line) => lines.push(line),
  });
  await expect(started).rejects.toThrow(message);
  expect(lines).toEqual([]);
  rmSync(directory, { recursive: true });
});

it('a behaviour that is none is named with its setting', () => {
  expect(() => parseBehaviours('no-totals,slow')).toThrow(
    /^SOURCE_BEHAVIOURS: there is no slow\. There are ge-/,
  );
});
