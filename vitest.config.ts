import { existsSync } from 'node:fs';
import { configDefaults, defineConfig } from 'vitest/config';

// Packages of its own, some 100 MB, that not everybody needs.
const hasInterop = existsSync(new URL('test/interop/node_modules', import.meta.url));
if (!hasInterop) console.log('skipped: test/interop, which needs npm ci --prefix test/interop');

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...(hasInterop ? [] : ['test/interop/**'])],
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
