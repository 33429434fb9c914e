import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { outputNameEnd } from '../../functions/export/output/outputName.js';
import { ExportClient } from '../../local/exportClient.js';
import { createRandom } from '../../local/sample/random.js';
import { sourceIds } from '../faults/checker.js';
import { downloadLines, startTestStack, type TestStack } from './harness.js';

const KILLS = 20;
const SEED = Number(process.env['CRASH_SEED'] ?? Date.now() % 1_000_000);
/** Keeps ids, so that output and source can be compared resource by resource. */
const CONFIGURATION = {
  fhirVersion: 'R4',
  fhirPathRules: [{ path: "nodesByType('HumanName')", method: 'redact' }],
  parameters: {},
};

let test: TestStack;

beforeAll(async () => {
  test = await startTestStack({
    // Small slices, so that a kill meets every step.
    PAGE_SIZE: '20',
    SLICE_MAX_PAGES: '2',
    DURABLE_REDELIVERY_DELAY_SECONDS: '1',
  });
  await test.putConfiguration('keeps-ids.json', CONFIGURATION);
});
afterAll(() => test.end());

it(`an export whose host is killed ${KILLS} times is complete and without duplicates (CRASH_SEED=${SEED})`, async () => {
  const random = createRandom(SEED);
  const client = new ExportClient(test.stack.baseUrl);
  const expected = sourceIds(join(test.stack.dataDirectory, 'sample'));
  let kills = 0;
  let exports = 0;
  while (kills < KILLS) {
    exports++;
    const statusUrl = await client.kickOff({ _container: 'crash', _anonymizationConfig: 'keeps-ids.json' });
    let isDone = false;
    while (!isDone && kills < KILLS) {
      await new Promise((resolve) => setTimeout(resolve, 50 + random.next() * 900));
      await test.stack.host.kill();
      kills++;
      await test.stack.restartHost();
      isDone = (await fetch(statusUrl)).status === 200;
    }
    const manifest = await client.manifest(statusUrl, 200, () => undefined);
    const lines = await downloadLines(manifest);
    for (const [type, ids] of expected) {
      const exported = (lines.get(type) ?? []).map((line) => (JSON.parse(line) as { id: string }).id);
      expect(exported.sort(), type).toEqual(ids);
    }
    expect([...lines.keys()].sort()).toEqual([...expected.keys()].sort());
    const folder = `-${outputNameEnd(statusUrl.slice(statusUrl.lastIndexOf('/') + 1))}/`;
    const blobs = (await test.blobNames('crash')).filter((name) => name.includes(folder));
    // Besides the files of the manifest only manifest and report: no orphan of a lost attempt.
    expect(blobs.length).toBe(manifest.output.length + 2);
  }
  console.log(`CRASH_SEED=${SEED}: ${kills} kills in ${exports} export(s), nothing lost, nothing doubled`);
}, 180_000);
