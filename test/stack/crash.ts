import { join } from 'node:path';
import { expect } from 'vitest';
import type { ExportReport } from '../../functions/export/output/report.js';
import { outputNameEnd } from '../../functions/export/output/outputName.js';
import { ExportClient } from '../../cli/export/exportClient.js';
import { createRandom } from '../../local/sample/random.js';
import { FILES_BESIDE } from './filesBeside.js';
import { sourceIds } from '../faults/checker.js';
import { downloadLines, startTestStack } from './harness.js';
import { expectRiskOf } from './riskOf.js';
import { expectVerified } from './verified.js';

/** Keeps ids, so that output and source can be compared resource by resource. */
const CONFIGURATION = {
  fhirVersion: 'R4',
  fhirPathRules: [{ path: "nodesByType('HumanName')", method: 'redact' }],
  parameters: {},
};

/**
 * Kills the host `times` times in the middle of exports, which all have to hold everything once.
 * @param environment settings of another source; `SAMPLE_DATA`: the folder of what it has
 * @param prepare puts the sample data there
 * @param mostMs between the start of the host and its kill
 */
export async function expectToSurviveKills(
  times: number,
  seed: number,
  environment: Record<string, string> = {},
  prepare: (sample: string) => Promise<void> = async () => undefined,
  mostMs = 950,
): Promise<void> {
  const test = await startTestStack({
    // Slices on a thread of their own; one is quicker to start after each kill than two.
    WORKER_THREADS: '1',
    // Small slices, so that a kill meets every step.
    PAGE_SIZE: '20',
    SLICE_MAX_PAGES: '2',
    DURABLE_REDELIVERY_DELAY_SECONDS: '1',
    ...environment,
  });
  try {
    await test.putConfiguration('keeps-ids.json', CONFIGURATION);
    const random = createRandom(seed);
    const client = new ExportClient(test.stack.baseUrl);
    const sample = environment['SAMPLE_DATA'] ?? join(test.stack.dataDirectory, 'sample');
    const expected = sourceIds(sample);
    await prepare(sample);
    let kills = 0;
    let exports = 0;
    while (kills < times) {
      exports++;
      const statusUrl = await client.kickOff({ _container: 'crash', _anonymizationConfig: 'keeps-ids.json' });
      let isDone = false;
      while (!isDone && kills < times) {
        await new Promise((resolve) => setTimeout(resolve, 50 + random.next() * (mostMs - 50)));
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
      // Counts and digests are those of the attempts that count, whatever others had done before they were killed.
      await expectVerified(manifest);
      const { risk } = (await (await fetch(String(manifest.extension['report']))).json()) as ExportReport;
      expectRiskOf(
        risk,
        (lines.get('Patient') ?? []).map((line) => JSON.parse(line) as Record<string, unknown>),
      );
      const folder = `-${outputNameEnd(statusUrl.slice(statusUrl.lastIndexOf('/') + 1))}/`;
      const blobs = (await test.blobNames('crash')).filter((name) => name.includes(folder));
      // Besides the files of the manifest only manifest and report: no orphan of a lost attempt.
      expect(blobs.length).toBe(manifest.output.length + FILES_BESIDE);
    }
    console.log(`${kills} kills in ${exports} export(s), nothing lost, nothing doubled`);
  } finally {
    await test.end();
  }
}
