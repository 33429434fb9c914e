import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { StackProcess } from '../../local/processes.js';
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

it('a behaviour that is none is named with its setting', () => {
  expect(() => parseBehaviours('no-totals,slow')).toThrow(
    /^SOURCE_BEHAVIOURS: there is no slow\. There are ge-/,
  );
});
