import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { NdjsonFile } from '../../../local/source/ndjsonFile.js';

it('a file that is closed twice closes no other one', () => {
  const directory = mkdtempSync(join(tmpdir(), 'ndjson-'));
  try {
    const path = join(directory, 'Patient.ndjson');
    writeFileSync(path, '{}\n');
    const first = new NdjsonFile(path);
    first.close();
    // It gets the number of the descriptor that is free.
    const second = new NdjsonFile(path);
    first.close();
    const read = Buffer.alloc(2);
    second.read(read, 0, 2, 0);
    second.close();
    expect(read.toString()).toBe('{}');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
