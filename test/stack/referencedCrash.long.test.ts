import { expect, it } from 'vitest';
import { ExportClient } from '../../cli/export/exportClient.js';
import { createRandom } from '../../local/sample/random.js';
import { runs, SEED } from '../random.js';
import { downloadLines, startTestStack } from './harness.js';
import { expectVerified } from './verified.js';

const KILLS = runs(2);
const ALONG = ['Practitioner', 'PractitionerRole', 'Organization', 'Location', 'Medication'];

it(`an export of patients and what their resources refer to is complete after ${KILLS} kills (TEST_SEED=${SEED})`, async () => {
  const test = await startTestStack({
    PAGE_SIZE: '20',
    SLICE_MAX_PAGES: '2',
    DURABLE_REDELIVERY_DELAY_SECONDS: '1',
    SAMPLE_PATIENTS: '5',
  });
  try {
    await test.putConfiguration('keeps-ids.json', {
      fhirVersion: 'R4',
      fhirPathRules: [{ path: "nodesByType('HumanName')", method: 'redact' }],
      parameters: {},
    });
    const random = createRandom(SEED);
    const client = new ExportClient(`${test.stack.baseUrl}/Patient`);
    const parameters = { _anonymizationConfig: 'keeps-ids.json', includeAssociatedData: '_referenced' };
    const whole = await linesOf(client, await client.kickOff({ _container: 'whole', ...parameters }));
    const statusUrl = await client.kickOff({ _container: 'crash', ...parameters });
    for (let kills = 0; kills < KILLS; kills++) {
      await new Promise((resolve) => setTimeout(resolve, 100 + random.next() * 1500));
      await test.stack.host.kill();
      await test.stack.restartHost();
    }
    const exported = await linesOf(client, statusUrl);
    expect(exported).toEqual(whole);
    expect(new Set(exported).size).toBe(exported.length);
    const keys = new Set(exported.map(keyOf));
    // All that is referred to is there, and nothing else of these types.
    const targets = new Set(
      exported.flatMap((line) =>
        [...line.matchAll(/"reference":"([A-Za-z]+\/[^"]+)"/g)].map(([, key = '']) => key),
      ),
    );
    const isAlong = (key: string): boolean => ALONG.includes(key.split('/')[0] ?? '');
    expect([...targets].filter((key) => isAlong(key) && !keys.has(key))).toEqual([]);
    expect([...keys].filter((key) => isAlong(key) && !targets.has(key))).toEqual([]);
    expect([...keys].filter(isAlong).length).toBeGreaterThan(3);
  } finally {
    await test.end();
  }
});

async function linesOf(client: ExportClient, statusUrl: string): Promise<string[]> {
  const manifest = await client.manifest(statusUrl, 200, () => undefined);
  await expectVerified(manifest);
  return [...(await downloadLines(manifest)).values()].flat().sort();
}

function keyOf(line: string): string {
  const { resourceType, id } = JSON.parse(line) as { resourceType: string; id: string };
  return `${resourceType}/${id}`;
}
