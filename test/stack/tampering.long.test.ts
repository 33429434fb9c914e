import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ExportClient } from '../../cli/export/exportClient.js';
import { SAMPLE_CONFIGURATION } from '../../local/stack.js';
import { startTestStack, type TestStack } from './harness.js';

let test: TestStack;

beforeAll(async () => {
  test = await startTestStack({ PAGE_SIZE: '20', SLICE_MAX_PAGES: '1', PARALLEL_PARTITIONS: '1' });
});
afterAll(() => test.end());

it('an export whose file another client deletes before it is complete ends as failed and leaves none', async () => {
  const client = new ExportClient(test.stack.baseUrl);
  const statusUrl = await client.kickOff({
    _container: 'tampered',
    _anonymizationConfig: SAMPLE_CONFIGURATION,
    _type: 'Observation',
  });
  const files = async (): Promise<string[]> =>
    (await test.blobNames('tampered')).filter((name) => name.endsWith('.ndjson'));
  await expect.poll(async () => (await files()).length, { timeout: 60_000, interval: 20 }).toBeGreaterThan(1);
  // Of a slice that is complete: the last one may be under way.
  const slice = (name: string): number => Number(/Observation-0-(\d+)-/.exec(name)?.[1]);
  const [first] = (await files()).toSorted((a, b) => slice(a) - slice(b));
  await BlobServiceClient.fromConnectionString(test.stack.exportStorage ?? '')
    .getContainerClient('tampered')
    .deleteBlob(first ?? '');
  await expect(client.manifest(statusUrl, 200, () => undefined)).rejects.toThrow(
    /failed \(500\).*deleted or changed by someone else/,
  );
  await expect.poll(files, { timeout: 60_000 }).toEqual([]);
});
