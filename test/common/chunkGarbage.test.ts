import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PROJECT_ROOT } from '../../local/paths.js';

/** The most memory of buffers, in bytes, while a thread lets go of 256 MiB in chunks as streams give them. */
const PROGRAM = `
  import(process.argv[1]).then(({ countGarbage }) => {
    let chunk;
    let most = 0;
    for (let one = 0; one < 4096; one++) {
      chunk = Buffer.allocUnsafeSlow(65536).fill(one);
      countGarbage(chunk.length);
      countGarbage(chunk.length);
      most = Math.max(most, process.memoryUsage().arrayBuffers);
    }
    console.log(JSON.stringify({ most, isExposed: 'gc' in globalThis, later: require('node:vm').runInNewContext('typeof gc') }));
  });`;

it('chunks that were copied take no more than two pages of memory', () => {
  const module = join(PROJECT_ROOT, 'dist', 'functions', 'common', 'chunkGarbage.js');
  const output = execFileSync(process.execPath, ['-e', PROGRAM, module], { encoding: 'utf8' });
  const { most, ...contexts } = JSON.parse(output) as { most: number };
  // Without it, 28 MiB and more.
  expect(most).toBeLessThan(8 * 1024 * 1024);
  expect(contexts).toEqual({ isExposed: false, later: 'undefined' });
});
