import { afterAll, beforeAll, describe, it } from 'vitest';
import { type BulkRow, BulkSourceData, expectRow } from './bulkFaults.js';
import { startTestStorage, type TestStorage } from './harness.js';

let storage: TestStorage;
let data: BulkSourceData;
beforeAll(async () => {
  storage = await startTestStorage();
  data = new BulkSourceData();
}, 60_000);
afterAll(async () => {
  await storage.end();
  data.remove();
});

const ROWS: Record<string, BulkRow> = {
  'no habit': {},
  'forced gzip': { behaviours: ['export-forced-gzip'] },
};

describe.concurrent('x', { timeout: 60_000 }, () => {
  it.each(Object.entries(ROWS))('%s', (_, row) => expectRow(storage, data, row));
});
