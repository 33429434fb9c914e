import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, expect, it } from 'vitest';
import { readLines } from '../../../cli/verify/savedFile.js';

const folder = mkdtempSync(join(tmpdir(), 'lines-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const long = 'x'.repeat(3_000_000);

it.each<[string, string, string[], boolean]>([
  ['an empty file', '', [], true],
  ['a line', 'a\n', ['a'], true],
  ['a line without its end', 'a', ['a'], false],
  ['empty lines', '\n\na\n', ['', '', 'a'], true],
  ['lines over several chunks', `${long}\n${long}\na`, [long, long, 'a'], false],
  ['a line break where a chunk ends', `${'x'.repeat(1_048_575)}\n`, ['x'.repeat(1_048_575)], true],
])('reads %s, as it is and compressed', async (_name, text, lines, isWhole) => {
  for (const [name, bytes] of [
    ['plain', Buffer.from(text)],
    ['compressed', gzipSync(text)],
  ] as const) {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    const read: string[] = [];
    const totals = await readLines(path, (line, number) => {
      read.push(line?.toString() ?? 'too long');
      expect(number).toBe(read.length);
    });
    expect(read).toEqual(lines);
    expect(totals).toEqual({
      bytes: text.length,
      sha256: createHash('sha256').update(text).digest('hex'),
      isWhole,
    });
  }
});

it('fails on a compressed file that is cut', async () => {
  const path = join(folder, 'cut');
  writeFileSync(path, gzipSync(long).subarray(0, 1000));
  await expect(readLines(path, () => undefined)).rejects.toMatchObject({ code: 'Z_BUF_ERROR' });
});
