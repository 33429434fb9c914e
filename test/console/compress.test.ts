import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { COMPRESSED, compressedIn, compressFiles } from '../../infra/tools/console/compress.js';

let directory: string;
let folder: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'compress-'));
  folder = join(directory, 'console');
  file = join(folder, 'main.js');
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Builds the folder with one file, as the build does: emptied, written, compressed. */
async function build(content: string): Promise<Buffer> {
  const before = compressedIn(folder);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  writeFileSync(file, content);
  await compressFiles(folder, before);
  return readFileSync(file + COMPRESSED);
}

const CONTENT = 'const one = 1;\n'.repeat(100);
/** No compressed form of anything: only what is taken over has it. */
const FORMER = Buffer.from('as it was');

describe('the compressed form of a file of the console', () => {
  it('is taken over where neither the file nor the compression changed', async () => {
    await build(CONTENT);
    writeFileSync(file + COMPRESSED, FORMER);
    expect(await build(CONTENT)).toEqual(FORMER);
  });

  it('is made anew where the file changed', async () => {
    await build(CONTENT);
    writeFileSync(file + COMPRESSED, FORMER);
    expect(brotliDecompressSync(await build(`${CONTENT}//`)).toString()).toBe(`${CONTENT}//`);
  });

  it.each(['{"quality":5}', ''])('is made anew where the compression was another: %s', async (how) => {
    await build(CONTENT);
    writeFileSync(file + COMPRESSED, FORMER);
    writeFileSync(`${folder}.compression.json`, how);
    expect(brotliDecompressSync(await build(CONTENT)).toString()).toBe(CONTENT);
  });

  it('is made anew where nothing says how it was made', async () => {
    await build(CONTENT);
    writeFileSync(file + COMPRESSED, FORMER);
    rmSync(`${folder}.compression.json`);
    expect(brotliDecompressSync(await build(CONTENT)).toString()).toBe(CONTENT);
  });
});
