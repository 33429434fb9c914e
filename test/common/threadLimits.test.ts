import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PROJECT_ROOT } from '../../local/paths.js';

/** Limits of the heap of the main thread and of a thread with limits of its own, in MiB. */
const PROGRAM = `
  const { Worker } = require('node:worker_threads');
  const { getHeapStatistics } = require('node:v8');
  const MAIN = Math.round(getHeapStatistics().heap_size_limit / 1048576);
  import(process.argv[1]).then(({ limitThreadsApart, threadLimits }) => {
    limitThreadsApart();
    const code = "require('node:worker_threads').parentPort.postMessage(require('node:v8').getHeapStatistics().heap_size_limit)";
    new Worker(code, { eval: true, resourceLimits: threadLimits(200, 12) }).on('message', (bytes) =>
      console.log(JSON.stringify({ main: MAIN, thread: Math.round(bytes / 1048576) })),
    );
  });`;

it('arguments of Node limit the heap of the main thread, and not those of threads with limits of their own', () => {
  const module = join(PROJECT_ROOT, 'dist', 'functions', 'common', 'threadLimits.js');
  const output = execFileSync(
    process.execPath,
    ['--max-old-space-size=500', '--max-semi-space-size=1', '-e', PROGRAM, module],
    { encoding: 'utf8' },
  );
  const { main, thread } = JSON.parse(output) as { main: number; thread: number };
  expect(main).toBeGreaterThanOrEqual(500);
  expect(main).toBeLessThan(600);
  expect(thread).toBeGreaterThanOrEqual(200);
  expect(thread).toBeLessThan(300);
});
