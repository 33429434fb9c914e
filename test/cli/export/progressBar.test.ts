import { expect, it } from 'vitest';
import { ProgressBar, sizeOf } from '../../../cli/export/progressBar.js';

const MIB = 1_048_576;

/** What is written of an export, a second between each two states. */
function written(stream: { isTTY?: boolean; columns?: number }): string {
  let text = '';
  let now = 0;
  const bar = new ProgressBar({ ...stream, write: (part) => (text += part) }, () => now);
  bar.server('planning');
  bar.server('50%: 5 of 10 resources; Patient');
  for (let files = 0; files <= 3; files++, now += 1000)
    bar.download({ files, allFiles: 3, bytes: files * MIB, allBytes: 3 * MIB });
  bar.end();
  return text;
}

it('on a terminal, progress is a bar that is written anew', () => {
  const lines = written({ isTTY: true, columns: 100 }).split('\r\u001b[K');
  expect(lines).toEqual([
    '',
    'planning',
    '[############------------] 50%: 5 of 10 resources; Patient',
    '[------------------------] 0 of 3 files, 0 bytes of 3.0 MiB',
    '[########----------------] 1 of 3 files, 1.0 MiB of 3.0 MiB, 1.0 MiB/s',
    '[################--------] 2 of 3 files, 2.0 MiB of 3.0 MiB, 1.0 MiB/s',
    '[########################] 3 of 3 files, 3.0 MiB of 3.0 MiB, 1.0 MiB/s\n',
  ]);
});

it('elsewhere, it is plain lines, and few of them', () => {
  expect(written({}).trimEnd().split('\n')).toEqual([
    'planning',
    '50%: 5 of 10 resources; Patient',
    '0 of 3 files, 0 bytes of 3.0 MiB',
    '3 of 3 files, 3.0 MiB of 3.0 MiB, 1.0 MiB/s',
  ]);
});

it.each([
  [0, '0 bytes'],
  [1023, '1023 bytes'],
  [1024, '1.0 KiB'],
  [1.5 * MIB, '1.5 MiB'],
  [5_000 * 1024 ** 4, '5000.0 TiB'],
])('%d bytes are %s', (bytes, expected) => {
  expect(sizeOf(bytes)).toBe(expected);
});
