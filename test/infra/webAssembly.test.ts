import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { programModules } from '../../infra/tools/webAssembly.js';
import { PROJECT_ROOT } from '../../local/paths.js';

it('the programs in WebAssembly are what their sources make of them', async () => {
  for (const [path, text] of await programModules(PROJECT_ROOT)) {
    const isSame = readFileSync(join(PROJECT_ROOT, path), 'utf8') === text;
    expect(isSame, `${path} is not up to date: run npm run generate`).toBe(true);
  }
});
