import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { templateSettings } from '../../infra/tools/generated.js';
import { makePackage } from '../../infra/tools/package.js';
import { PROJECT_ROOT } from '../../local/paths.js';
import { generateSample } from '../../local/sample/sample.js';
import { measureExport } from '../bench/measureExport.js';
import { startTestStack } from './harness.js';

const RESOURCES = 100_000;
/** A fifth more than was measured: parts of it depend on when garbage is collected. */
const MAX_MEBIBYTES = { usual: 365, small: 215 };
/** Two exports, on a machine that does other things. */
const TIMEOUT_MS = 600_000;

/** What the template sets for an instance of 512 MB. */
async function smallInstance(): Promise<Record<string, string>> {
  const { smallSettings } = await templateSettings(PROJECT_ROOT);
  return Object.fromEntries(
    [...smallSettings].map(([name, value]) => [name, value.replace(/^'(.*)'$/, '$1')]),
  );
}

const hasProc = existsSync('/proc/self/status');
if (!hasProc) console.log('skipped: memory of a process is only measured on Linux');

describe.skipIf(!hasProc)('peak memory of host and app', { timeout: TIMEOUT_MS }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'fhir-memory-'));
  const data = join(directory, 'data');
  const app = join(directory, 'app');
  beforeAll(async () => {
    generateSample({ directory: data, resources: RESOURCES, seed: 1 });
    await makePackage(PROJECT_ROOT, app);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it.each([
    ['with two worker threads', () => ({ WORKER_THREADS: '2' }), MAX_MEBIBYTES.usual],
    ['with the settings for an instance of 512 MB', smallInstance, MAX_MEBIBYTES.small],
  ])('is bounded %s', async (_, settings, most) => {
    const test = await startTestStack({
      SAMPLE_DATA: data,
      AzureWebJobsScriptRoot: app,
      PAGE_SIZE: '500',
      ...(await settings()),
    });
    try {
      const { usage } = await measureExport(test.stack, RESOURCES);
      console.log(`peak ${usage?.peakMebibytes.toFixed(0)} MiB`);
      expect(usage?.peakMebibytes).toBeLessThan(most);
    } finally {
      await test.end();
    }
  });
});
