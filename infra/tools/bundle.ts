import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Plugin, rolldown } from 'rolldown';

/** What Node resolves when it runs: the module of the platform's worker, and a package that starts a file of its own. */
export const NOT_BUNDLED = ['@azure/functions-core', 'tinypool'] as const;

/** The folder of the built modules of the app, and that of the bundle in the package. */
const APP = 'dist/functions';
/** By it, modules load tables, samples and packages when they are first used. */
const REQUIRE = 'createRequire(import.meta.url)';

export interface Bundle {
  /** Texts of modules by their paths, with `/`. */
  modules: ReadonlyMap<string, string>;
  /** Paths of the files that are in them, with `/`. */
  sources: readonly string[];
  /** Paths of those that load more when they run. */
  loading: readonly string[];
}

/**
 * The app and the packages that it imports as few modules, which start in less than half of the time. What modules load
 * at run time stays where it is.
 * @param isExcluded whether a package is for development only: some packages would take it if they found it
 * @throws Error where an import leads nowhere
 */
export async function bundleApp(root: string, isExcluded: (path: string) => boolean): Promise<Bundle> {
  const loading: string[] = [];
  const pathOf = (file: string): string => relative(root, file).replaceAll('\\', '/');
  const places: Plugin = {
    name: 'places',
    transform(code, id) {
      const path = pathOf(id);
      if (!path.startsWith(`${APP}/`) || !code.includes(REQUIRE)) return null;
      loading.push(path);
      // As seen from the bundle, which is above it.
      const place = JSON.stringify(`./${path.slice(APP.length + 1)}`);
      return code.replaceAll(REQUIRE, `createRequire(new URL(${place}, import.meta.url))`);
    },
    async resolveId(source, importer, options) {
      const found = await this.resolve(source, importer, { ...options, skipSelf: true });
      return found !== null && !found.external && isExcluded(pathOf(found.id))
        ? { id: source, external: true }
        : found;
    },
  };
  const build = await rolldown({
    cwd: root,
    input: entries(root),
    platform: 'node',
    external: [...NOT_BUNDLED],
    plugins: [places],
    onLog: (level, log) => {
      if (level === 'warn' && log.code === 'UNRESOLVED_IMPORT') throw new Error(log.message);
    },
  });
  try {
    const { output } = await build.generate({
      format: 'esm',
      // Names stay: errors and logs have them.
      minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
      entryFileNames: '[name].js',
      chunkFileNames: '[name]-[hash].js',
    });
    const chunks = output.filter((file) => file.type === 'chunk');
    const sources = chunks.flatMap(({ moduleIds }) => moduleIds).filter((id) => id.startsWith(root));
    return {
      modules: new Map(chunks.map(({ fileName, code }) => [`${APP}/${fileName}`, inAscii(code)])),
      sources: sources.map(pathOf),
      loading: loading.sort(),
    };
  } finally {
    await build.close();
  }
}

/**
 * A module with escapes for all that is not ASCII. V8 keeps the text of a module for as long as it is loaded, in each
 * thread, and takes two bytes for every character where one of them is beyond Latin-1.
 * @throws Error where an escape would mean something else
 */
export function inAscii(code: string): string {
  const raw = /\\[^\p{ASCII}]|String\.raw`[^`]*[^\p{ASCII}`]/u.exec(code);
  if (raw !== null) throw new Error(`This text in a module cannot be escaped: ${raw[0]}`);
  return code.replaceAll(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The main modules: of the app, and those that nothing imports, since threads start from them. */
function entries(root: string): Record<string, string> {
  const names = readdirSync(join(root, 'functions')).filter((file) => file.endsWith('.ts'));
  return Object.fromEntries(
    names.map((file) => file.replace(/\.ts$/, '')).map((name) => [name, join(root, APP, `${name}.js`)]),
  );
}
