import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { PROJECT_ROOT } from '../../local/paths.js';

it('V8 of each version of Node.js optimizes late, and says nothing', () => {
  const module = pathToFileURL(join(PROJECT_ROOT, 'dist', 'functions', 'common', 'lateOptimization.js')).href;
  const code = `
    const { optimizeLater } = await import(${JSON.stringify(module)});
    optimizeLater();
    let sum = 0;
    for (let i = 0; i < 1e6; i++) sum += i;
    console.log(sum);`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', code], {
    encoding: 'utf8',
  });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '499999500000\n', stderr: '' });
});
