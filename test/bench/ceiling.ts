import { FhirClient } from '../../functions/adapters/source/fhirClient.js';
import { openStorage } from '../../functions/adapters/storage/storage.js';
import { ExportFiles } from '../../functions/adapters/storage/exportFiles.js';

/**
 * What nothing can be faster than: the same pages downloaded and written to the same storage by one process, in
 * as many workers as an export has, without looking into them. Prints seconds and bytes as JSON.
 */
async function main(): Promise<void> {
  const [fhirServerUrl = '', connectionString = '', pageSize = '', workers = ''] = process.argv.slice(2);
  const source = new FhirClient({
    baseUrl: fhirServerUrl,
    timeoutSeconds: 60,
    maxAttempts: 1,
    maxPageBytes: 2 ** 28,
  });
  const storage = openStorage({ connectionString });
  const files = new ExportFiles(storage);
  await storage.getContainerClient('ceiling').createIfNotExists();
  const capabilities = JSON.parse((await source.capabilities()).body.toString()) as {
    rest: Array<{ resource: Array<{ type: string }> }>;
  };
  const types = capabilities.rest[0]?.resource.map(({ type }) => type) ?? [];
  const queue = types.values();
  let bytes = 0;
  const worker = async (): Promise<void> => {
    for (const type of queue) {
      let page = await source.search(type, [
        ['_sort', '_lastUpdated'],
        ['_count', pageSize],
      ]);
      // The page's own text has its next link; nothing else of it is read.
      const file = await files.create('ceiling', `${type}-${process.pid}-${Date.now()}.ndjson`);
      for (;;) {
        bytes += page.body.length;
        const next = /"relation":"next","url":"([^"]+)"/.exec(page.body.toString('latin1', 0, 4096))?.[1];
        const following = next === undefined ? undefined : source.follow(next);
        await file.writeLines(page.body, 1);
        if (following === undefined) break;
        page = await following;
      }
      await file.close();
    }
  };
  const begin = performance.now();
  await Promise.all(Array.from({ length: Number(workers) }, worker));
  console.log(JSON.stringify({ seconds: (performance.now() - begin) / 1000, bytes }));
}

await main();
