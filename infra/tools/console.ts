import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type InputOptions, rolldown } from 'rolldown';
import { FHIR_VERSIONS } from '../../functions/fhir/fhirVersion.js';
import { PROJECT_ROOT } from '../../local/paths.js';

/*
 * Builds the console: `console/` into static files in `dist/console/`, by the names that its pages use. Last part of
 * `npm run build`.
 */

/** The pages, by the folders of their documents, styles and scripts. */
const PAGES = ['preview', 'exports'];
/** What is taken as it is. */
const STATIC = /\.(?:html|css|svg)$/;

interface Script {
  /** In `console/`. */
  readonly source: string;
  /** In `dist/console/`, with `/`. */
  readonly target: string;
  readonly options?: InputOptions;
}

const SCRIPTS: readonly Script[] = [
  ...PAGES.map((page) => ({ source: `${page}/main.tsx`, target: `${page}/main.js` })),
  ...FHIR_VERSIONS.map((version) => ({
    source: 'engine/worker.ts',
    target: `engine/worker-${version.toLowerCase()}.js`,
    options: { transform: { define: { FHIR_VERSION: JSON.stringify(version) } } },
  })),
];

/** Each script is one file: nothing is loaded later, when data may be open. @throws Error where an import leads nowhere */
async function bundled({ source, options }: Script, from: string): Promise<string> {
  const build = await rolldown({
    cwd: from,
    input: join(from, source),
    platform: 'browser',
    tsconfig: join(from, 'tsconfig.json'),
    onLog: (level, log) => {
      if (level === 'warn') throw new Error(`${source}: ${log.message}`);
    },
    ...options,
  });
  try {
    const { output } = await build.generate({ format: 'esm', minify: true, codeSplitting: false });
    return output[0].code;
  } finally {
    await build.close();
  }
}

/** Builds the console of a project into a folder, which is made anew. */
async function buildConsole(root: string, target: string): Promise<void> {
  const from = join(root, 'console');
  rmSync(target, { recursive: true, force: true });
  for (const file of readdirSync(from, { encoding: 'utf8', recursive: true })) {
    if (STATIC.test(file)) cpSync(join(from, file), join(target, file));
  }
  await Promise.all(
    SCRIPTS.map(async (script) => {
      const path = join(target, script.target);
      const code = await bundled(script, from);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, code);
    }),
  );
}

try {
  await buildConsole(PROJECT_ROOT, join(PROJECT_ROOT, 'dist', 'console'));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
