import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ExportClient } from '../../cli/export/exportClient.js';
import { type TestStack, startTestStack } from '../stack/harness.js';
import { waitFor } from '../local/host/waitFor.js';

const SLOW = 'Observation';
/** Longer than all other types take together, on a busy machine too. */
const DELAY_MS = 150_000;

let test: TestStack;
beforeAll(async () => {
  test = await startTestStack({
    PARALLEL_PARTITIONS: '2',
    PAGE_SIZE: '500',
    SOURCE_TIMEOUT_SECONDS: '200',
    // Its first page, in every attempt: the first two requests for the type are counts and the latest resource.
    SOURCE_FAULTS: JSON.stringify([
      { kind: 'delay', type: SLOW, milliseconds: DELAY_MS, every: 3, times: 1 },
    ]),
  });
});
afterAll(() => test.end());

it('one type that the source is slow with holds back no other, with two partitions at a time', async () => {
  await test.putConfiguration('keeps-all.json', {
    fhirVersion: 'R4',
    fhirPathRules: [{ path: "nodesByType('HumanName')", method: 'redact' }],
    parameters: {},
  });
  const client = new ExportClient(test.stack.baseUrl);
  const statusUrl = await client.kickOff({ _container: 'slow', _anonymizationConfig: 'keeps-all.json' });
  const jobId = statusUrl.slice(statusUrl.lastIndexOf('/') + 1);
  const state = BlobServiceClient.fromConnectionString(test.stack.runtimeStorage).getContainerClient(
    'fhir-export-jobs',
  );
  const read = async (name: string): Promise<unknown> =>
    JSON.parse((await state.getBlobClient(name).downloadToBuffer()).toString());
  const planned = async (): Promise<string[]> => {
    const plan = (await read(`${jobId}/plan.json`)) as { partitions: Array<{ window: { type: string } }> };
    return plan.partitions.map(({ window }) => window.type);
  };
  const complete = async (): Promise<string[]> => {
    const types = await planned();
    const done: string[] = [];
    for await (const { name } of state.listBlobsFlat({ prefix: `${jobId}/partitions/` })) {
      const first = Number(/(\d+)\.json$/.exec(name)?.[1]);
      // The record of a group has those of all its partitions.
      const { following = [] } = (await read(name)) as { following?: unknown[] };
      done.push(...types.slice(first, first + 1 + following.length));
    }
    return done;
  };
  await waitFor(async () => (await planned().catch(() => [])).length > 0, 'the plan');
  const types = await planned();
  expect(types.length).toBeGreaterThan(10);
  await waitFor(
    async () => (await complete()).length >= types.length - 1,
    'all other types to be complete',
    DELAY_MS - 5000,
  );
  expect(await complete()).not.toContain(SLOW);
});
