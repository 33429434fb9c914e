import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { nodeFileTrace } from '@vercel/nft';
import { zipSync, type Zippable } from 'fflate';
import { bundleApp, NOT_BUNDLED } from './bundle.js';
import { COMPRESSED } from './console/compress.js';
import { LICENCE, packageOf } from './installedPackages.js';

/** What the platform's worker brings: it is in no package. */
const BROUGHT_BY_THE_WORKER = '@azure/functions-core';
/** The same files make the same bytes: the earliest moment that a zip archive can hold. */
const MODIFIED = new Date(1980, 0, 1);
const CONSOLE = 'dist/console';
/** Types, source maps, texts, grammars, tests, builds for browsers: what Node never loads, unless the trace says so. */
const USELESS =
  /^dist\/(esm\/)?axios\.js$|\.(map|[cm]?ts|tsx|flow|md|markdown|tsbuildinfo|ya?ml|html|coffee|g4|interp|tokens|min\.js|umd\.js)$|(^|\/)(browser|browser-dist|dist-browser|dstu2|react-native|workerd|types|typings|es|tests?|__tests__|examples?|docs|\.github|umd|iife|min|locale|benchmarks?)\/|(^|\/)\.[^/]+$|(^|\/)(CHANGELOG|README|AUTHORS|HISTORY)[^/]*$/i;

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
 * dependencies, the app with what it imports as a bundle, what that loads when it runs,
 * the console, and of all packages `package.json` and licence.
 * Writes the folder `<target>` and the archive `<target>.zip`.
 * @throws Error when the app is not built, or something it imports is not installed
 */
export async function makePackage(root: string, target: string): Promise<DeploymentPackage> {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, unknown>;
  checkBuilt(root);
  const development = developmentPackages(root);
  const isExcluded = (path: string): boolean => development.has(packageOf(path) ?? '');
  const { modules, sources, loading } = await bundleApp(root, isExcluded);
  const loaded = await loadedFiles(root, loading, isExcluded);
  const whole = new Set(loaded.flatMap((file) => packageOf(file) ?? []));
  const bundled = [...new Set(sources.flatMap((file) => packageOf(file) ?? []))];
  const contents = new Map<string, Uint8Array>([
    ...[
      'host.json',
      ...loaded,
      ...[...whole].flatMap((folder) => usefulFiles(root, folder)),
      ...bundled.flatMap((folder) => identityOf(root, folder)),
    ].map((file) => [file, readFileSync(join(root, file))] as const),
    ...consoleFiles(root).map((file) => [file, readFileSync(join(root, file))] as const),
    ['package.json', Buffer.from(productionManifest(manifest))],
    ...[...modules].map(([file, text]) => [file, Buffer.from(text)] as const),
  ]);
  rmSync(target, { recursive: true, force: true });
  const zippable: Zippable = {};
  let unpackedBytes = 0;
  const files = [...contents.keys()].sort();
  for (const file of files) {
    const bytes = contents.get(file) ?? Buffer.alloc(0);
    const to = join(target, file);
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, bytes);
    unpackedBytes += bytes.byteLength;
    zippable[file] = [bytes, { mtime: MODIFIED, level: 9 }];
  }
  const archive = `${target}.zip`;
  const zipped = zipSync(zippable);
  writeFileSync(archive, zipped);
  return { directory: target, archive, files, unpackedBytes, archiveBytes: zipped.byteLength };
}

function productionManifest(manifest: Record<string, unknown>): string {
  const { name, version, license, type, main, engines, dependencies } = manifest;
  return `${JSON.stringify({ name, version, license, private: true, type, main, engines, dependencies }, null, 2)}\n`;
}

function checkBuilt(root: string): void {
  const built = readdirSync(join(root, 'functions'), { encoding: 'utf8', recursive: true })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => join(root, 'dist', 'functions', path.replace(/\.ts$/, '.js')));
  const unbuilt = [...built, join(root, CONSOLE)].find((path) => !existsSync(path));
  if (unbuilt !== undefined) throw new Error(`${unbuilt} is not there: run npm run build first.`);
}

/** The built console, which the app serves: of each file that is there compressed, that form alone. */
function consoleFiles(root: string): string[] {
  const files = readdirSync(join(root, CONSOLE), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'));
  const all = new Set(files);
  return files.filter((file) => !all.has(file + COMPRESSED));
}

/**
 * Files beside the bundle that modules can load when they run. Which file of a package Node takes depends on its version,
 * too: newer ones know the condition `module-sync`.
 * @param loading paths of the modules that load files
 */
async function loadedFiles(
  root: string,
  loading: readonly string[],
  isExcluded: (path: string) => boolean,
): Promise<string[]> {
  const { resolve } = createRequire(join(root, 'package.json'));
  const packages = NOT_BUNDLED.filter((name) => name !== BROUGHT_BY_THE_WORKER).map((name) => resolve(name));
  const start = [...loading.map((path) => join(root, path)), ...packages];
  const traces = await Promise.all(
    [['node'], ['node', 'module-sync']].map((conditions) =>
      nodeFileTrace(start, {
        base: root,
        processCwd: root,
        conditions,
        ignore: (path) => isExcluded(path.replaceAll('\\', '/')),
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
  return traces
    .flatMap(({ fileList }) => [...fileList].map((file) => file.replaceAll('\\', '/')))
    .filter((file) => file.startsWith('node_modules/') || file.endsWith('.json'));
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

/** The files of a package but what Node never loads. */
function usefulFiles(root: string, folder: string): string[] {
  return filesOf(root, folder).filter((file) => {
    const within = file.slice(folder.length + 1);
    return LICENCE.test(within) || !USELESS.test(within);
  });
}

/** What names a package of the bundle, its version and licence: for people, and for scanners of vulnerabilities. */
function identityOf(root: string, folder: string): string[] {
  return filesOf(root, folder).filter((file) => {
    const within = file.slice(folder.length + 1);
    return within === 'package.json' || LICENCE.test(within);
  });
}

/** The files of a package; not those of packages within. */
function filesOf(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(root.length + 1)
        .replaceAll('\\', '/'),
    )
    .filter((file) => !file.slice(folder.length + 1).includes('node_modules/'));
}
