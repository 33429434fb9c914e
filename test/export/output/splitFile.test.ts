import { expect, it } from 'vitest';
import type { LineSink } from '../../../functions/export/output/lineMaker.js';
import { SplitFile } from '../../../functions/export/output/splitFile.js';

/** A file in memory. */
class MemoryFile implements LineSink {
  text = '';
  lines = 0;
  isClosed = false;

  get bytes(): number {
    return Buffer.byteLength(this.text);
  }

  writeLines(lines: Uint8Array, count: number): undefined {
    this.text += Buffer.from(lines).toString();
    this.lines += count;
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

it.each([
  ['all fit', ['aaa\nbb\n'], ['aaa\nbb\n']],
  ['exactly', ['aaa\nbbbbb\n'], ['aaa\nbbbbb\n']],
  ['the next one does not', ['aaa\nbbbbbb\n'], ['aaa\n', 'bbbbbb\n']],
  ['over several calls', ['aaa\n', 'bbbb\n', 'c\n'], ['aaa\nbbbb\n', 'c\n']],
  [
    'a line that is too long has a file of its own',
    ['a\nbbbbbbbbbbbbbbb\nc\n'],
    ['a\n', 'bbbbbbbbbbbbbbb\n', 'c\n'],
  ],
  ['the first line is too long', ['bbbbbbbbbbbbbbb\n', 'c\n'], ['bbbbbbbbbbbbbbb\n', 'c\n']],
])('files of ten bytes: %s', async (_name, calls, files) => {
  const first = new MemoryFile();
  const made: MemoryFile[] = [first];
  const split = new SplitFile(first, 10, async (nth) => {
    expect(nth).toBe(made.length);
    made.push(new MemoryFile());
    return made[nth] as MemoryFile;
  });
  for (const lines of calls) await split.writeLines(Buffer.from(lines), lines.split('\n').length - 1);
  await split.close();
  expect(made.map(({ text }) => text)).toEqual(files);
  expect(split.parts.map(({ lines }) => lines)).toEqual(files.map((text) => text.split('\n').length - 1));
  expect([split.bytes, split.lines]).toEqual([calls.join('').length, calls.join('').split('\n').length - 1]);
  expect(made.every(({ isClosed }) => isClosed)).toBe(true);
});
