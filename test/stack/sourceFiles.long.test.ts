import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { BlobServiceClient } from '@azure/storage-blob';
import { it } from 'vitest';
import { startEmulator } from '../adapters/azurite.js';
import { runs, SEED } from '../random.js';
import { expectToSurviveKills } from './crash.js';

const KILLS = runs(10);

it(`an export of files whose host is killed ${KILLS} times is complete and without duplicates (TEST_SEED=${SEED})`, async () => {
  const emulator = await startEmulator();
  const service = BlobServiceClient.fromConnectionString(emulator.connectionString);
  const container = service.getContainerClient('hospital');
  await container.create();
  const put = async (name: string, bytes: Buffer): Promise<void> => {
    await container.getBlockBlobClient(`sample/${name}`).upload(bytes, bytes.length);
  };
  const settings = {
    SOURCE_MODE: 'files',
    SOURCE_STORAGE: emulator.connectionString,
    SOURCE_CONTAINER: 'hospital',
    SOURCE_PREFIX: 'sample/',
  };
  try {
    await expectToSurviveKills(KILLS, SEED + 2, settings, async (sample) => {
      const files = readdirSync(sample).map((name) => ({ name, bytes: readFileSync(join(sample, name)) }));
      for (const { name, bytes } of files) await put(name, bytes);
      // What is there a second time, in a mixed file: parts are read again without it.
      const again = files.filter(({ name }) => /^(?:Patient|Encounter|Condition)\./.test(name));
      await put('again.ndjson.gz', gzipSync(Buffer.concat(again.map(({ bytes }) => bytes))));
    });
  } finally {
    await emulator.stop();
  }
});
