import { existsSync } from 'node:fs';
import { defineConfig, type TestProjectConfiguration } from 'vitest/config';

// Packages of its own, some 100 MB, that not everybody needs.
const hasInterop = existsSync(new URL('test/interop/node_modules', import.meta.url));
if (!hasInterop) console.log('skipped: test/interop, which needs npm ci --prefix test/interop');
const hasValidity = existsSync(new URL('test/validity/node_modules', import.meta.url));
if (!hasValidity) console.log('skipped: test/validity, which needs npm ci --prefix test/validity');

// One seed for all random inputs of a run (test/random.ts), printed so that the run can be repeated.
process.env['TEST_SEED'] ??= String(Date.now() % 1_000_000);
console.log(`TEST_SEED=${process.env['TEST_SEED']} repeats the random inputs of this run`);

// What is tried more often takes longer.
const factor = Math.max(1, Number(process.env['TEST_RUNS'] ?? 1));

const project = (
  name: string,
  seconds: number,
  include: string,
  ...exclude: string[]
): TestProjectConfiguration => ({
  test: {
    name,
    include: [include],
    exclude: ['**/node_modules/**', ...exclude],
    testTimeout: seconds * 1000 * factor,
    hookTimeout: 120_000,
  },
});

/** A test's name has its tier: `npm test` runs `*.test.ts`, `npm run test:rest` runs `*.long.test.ts`. */
export default defineConfig({
  test: {
    projects: [
      project('quick', 30, 'test/**/*.test.ts', '**/*.long.test.ts', 'test/{interop,validity}/**'),
      project('long', 120, 'test/**/*.long.test.ts'),
      ...(hasInterop ? [project('interop', 30, 'test/interop/*.test.ts')] : []),
      ...(hasValidity ? [project('validity', 120, 'test/validity/*.test.ts')] : []),
    ],
  },
});
