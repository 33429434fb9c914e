import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { defineConfig, type TestProjectConfiguration } from 'vitest/config';

// Packages of their own, some 100 MB each, that not everybody needs.
const ownPackages = [
  { name: 'interop', install: 'npm ci --prefix test/interop' },
  { name: 'reading', install: 'npm install --no-save --prefix test/reading' },
  { name: 'validity', install: 'npm ci --prefix test/validity' },
  { name: 'clients', install: 'npm ci --omit=optional --prefix test/clients' },
].filter(({ name, install }) => {
  const isInstalled = existsSync(new URL(`test/${name}/node_modules`, import.meta.url));
  if (!isInstalled) console.log(`skipped: test/${name}, which needs ${install}`);
  return isInstalled;
});

// One seed for all random inputs of a run (test/random.ts), printed so that the run can be repeated.
process.env['TEST_SEED'] ??= String(Date.now() % 1_000_000);
console.log(`TEST_SEED=${process.env['TEST_SEED']} repeats the random inputs of this run`);

// What is tried more often takes longer.
const factor = Math.max(1, Number(process.env['TEST_RUNS'] ?? 1));

interface Project {
  name: string;
  /** For a test, at most: far more than it takes, since a machine may be slow and have other work beside the tests. */
  seconds: number;
  include: string[];
  exclude?: string[];
  /** Whether each file has a process of its own, or shares it, and the modules in it, with others. */
  isolate: boolean;
}

const project = ({ name, seconds, include, exclude = [], isolate }: Project): TestProjectConfiguration => ({
  test: {
    name,
    include,
    exclude: ['**/node_modules/**', ...exclude],
    isolate,
    testTimeout: seconds * 1000 * factor,
    hookTimeout: 360_000,
  },
});

/** Of `npm test`: files that fill what a process has once, as the table of names, or load an app into theirs. */
const OWN_PROCESS = [
  'test/json/keyNames.test.ts',
  // What is on the tape depends on the names that others have used up.
  'test/deid/run/tapeCost.test.ts',
  'test/deid/run/quickWalk.test.ts',
  'test/local/host/*.test.ts',
];
const LONG = 'test/**/*.long.test.ts';
const OF_OWN_PACKAGES = ['test/interop/**', 'test/reading/**', 'test/validity/**', 'test/clients/**'];

/** A test's name has its tier: `npm test` runs `*.test.ts`, `npm run test:rest` runs `*.long.test.ts`. */
export default defineConfig({
  test: {
    // One for each core: the runner itself has little to do, and leaves one idle unless told otherwise.
    maxWorkers: availableParallelism(),
    projects: [
      project({
        name: 'quick',
        seconds: 240,
        include: ['test/**/*.test.ts'],
        exclude: [LONG, ...OF_OWN_PACKAGES, ...OWN_PROCESS],
        isolate: false,
      }),
      project({ name: 'quick-own', seconds: 240, include: OWN_PROCESS, exclude: [LONG], isolate: true }),
      project({ name: 'long', seconds: 600, include: [LONG], isolate: true }),
      ...ownPackages.map(({ name }) =>
        project({ name, seconds: 240, include: [`test/${name}/*.test.ts`], isolate: true }),
      ),
    ],
  },
});
