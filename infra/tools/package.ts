import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { nodeFileTrace } from '@vercel/nft';
import { zipSync, type Zippable } from 'fflate';

/** What the platform's worker brings: it is in no package. */
const BROUGHT_BY_THE_WORKER = '@azure/functions-core';
/** The same files make the same bytes: the earliest moment that a zip archive can hold. */
const MODIFIED = new Date(1980, 0, 1);
const LICENCE = /^(licen[cs]e|notice|thirdpartynotice)[^/]*$/i;
/** Types, source maps, texts, tests, builds for browsers: what Node never loads, unless the trace says so. */
const USELESS =
  /^dist\/(esm\/)?axios\.js$|\.(map|[cm]?ts|tsx|flow|md|markdown|tsbuildinfo|ya?ml|html|coffee|min\.js|umd\.js)$|(^|\/)(browser|browser-dist|dist-browser|dstu2|react-native|workerd|types|typings|es|tests?|__tests__|examples?|docs|\.github|umd|iife|min|locale|benchmarks?)\/|(^|\/)\.[^/]+$|(^|\/)(CHANGELOG|README|AUTHORS|HISTORY)[^/]*$/i;

export interface DeploymentPackage {
  /** Folder with what is in the archive. */
  directory: string;
  archive: string;
  /** Paths of the files, with `/`. */
  files: readonly string[];
  unpackedBytes: number;
  archiveBytes: number;
}

/**
 * Makes the deployment package of the built app: `host.json`, a `package.json` without scripts and development
 * dependencies, its modules, and the production dependencies that they can load, with their licences. Writes the folder `<target>` and the archive `<target>.zip`.
 * @throws Error when the app is not built, or something it imports is not installed
 */
export async function makePackage(root: string, target: string): Promise<DeploymentPackage> {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, unknown>;
  const traced = await reachedFiles(root, appModules(root));
  const packages = [...new Set(traced.flatMap((file) => packageOf(file) ?? []))];
  const files = [
    ...new Set([
      'host.json',
      'package.json',
      ...traced,
      ...packages.flatMap((folder) => usefulFiles(root, folder)),
    ]),
  ].sort();
  rmSync(target, { recursive: true, force: true });
  const contents: Zippable = {};
  let unpackedBytes = 0;
  for (const file of files) {
    const to = join(target, file);
    mkdirSync(dirname(to), { recursive: true });
    if (file === 'package.json') writeFileSync(to, productionManifest(manifest));
    else cpSync(join(root, file), to, { dereference: true });
    const bytes = readFileSync(to);
    unpackedBytes += bytes.byteLength;
    contents[file] = [bytes, { mtime: MODIFIED, level: 9 }];
  }
  const archive = `${target}.zip`;
  const zipped = zipSync(contents);
  writeFileSync(archive, zipped);
  return { directory: target, archive, files, unpackedBytes, archiveBytes: zipped.byteLength };
}

function productionManifest(manifest: Record<string, unknown>): string {
  const { name, version, license, type, main, engines, dependencies } = manifest;
  return `${JSON.stringify({ name, version, license, private: true, type, main, engines, dependencies }, null, 2)}\n`;
}

/** The built modules of the app, all of them: worker threads start from modules that nothing imports. */
function appModules(root: string): string[] {
  const modules = readdirSync(join(root, 'functions'), { encoding: 'utf8', recursive: true })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => join(root, 'dist', 'functions', path.replace(/\.ts$/, '.js')));
  const unbuilt = modules.find((path) => !existsSync(path));
  if (unbuilt !== undefined) throw new Error(`${unbuilt} is not there: run npm run build first.`);
  return modules;
}

/**
 * Files that the modules can load. Which file of a package Node takes depends on its version, too: newer ones
 * know the condition `module-sync`.
 */
async function reachedFiles(root: string, modules: readonly string[]): Promise<string[]> {
  const development = developmentPackages(root);
  const traces = await Promise.all(
    [['node'], ['node', 'module-sync']].map((conditions) =>
      nodeFileTrace([...modules], {
        base: root,
        processCwd: root,
        conditions,
        // What is there for development only, some packages would take if they found it.
        ignore: (path) => development.has(packageOf(`${path.replaceAll('\\', '/')}/`) ?? ''),
      }),
    ),
  );
  const missing = traces
    .flatMap(({ warnings }) => [...warnings])
    .map(({ message }) => /^Failed to resolve dependency "?([^":\s]+)/.exec(message)?.[1])
    .filter((name) => name !== undefined && name !== BROUGHT_BY_THE_WORKER);
  if (missing.length > 0) {
    throw new Error(`The app imports what is not installed: ${missing.join(', ')}. Run npm ci first.`);
  }
  return traces.flatMap(({ fileList }) => [...fileList].map((file) => file.replaceAll('\\', '/')));
}

function developmentPackages(root: string): ReadonlySet<string> {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean }>;
  };
  return new Set(
    Object.entries(lock.packages)
      .filter(([, { dev }]) => dev === true)
      .map(([folder]) => folder),
  );
}

/** The folder of the package that a file belongs to; `undefined` for the app's own. */
function packageOf(file: string): string | undefined {
  return /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0];
}

/** The files of a package but what Node never loads; not those of packages within. */
function usefulFiles(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(root.length + 1)
        .replaceAll('\\', '/'),
    )
    .filter((file) => {
      const within = file.slice(folder.length + 1);
      return !within.includes('node_modules/') && (LICENCE.test(within) || !USELESS.test(within));
    });
}
