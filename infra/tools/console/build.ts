import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Plugin, rolldown } from 'rolldown';
import { SAMPLE_NAMES, sampleNamed } from '../../../functions/deid/configuration/samples.js';
import { definitionsOf } from '../../../functions/deid/model/definitions.js';
import { FHIR_VERSIONS, type FhirVersion } from '../../../functions/fhir/fhirVersion.js';
import { PROJECT_ROOT } from '../../../local/paths.js';
import { compressedIn, compressFiles } from './compress.js';
import { compactDefinitions } from './compactDefinitions.js';
import { inventedResources } from './inventedResources.js';
import { licencesOf } from './licences.js';

/*
 * Builds the console: `console/` into static files in `dist/console/`, by the names that its pages use. Last part of
 * `npm run build`.
 */

/** The pages, by the folders of their documents, styles and scripts. */
const PAGES = ['preview', 'exports'];
/** Scripts of their own: one that a page loads when it needs it, and one of another document. */
const MORE_SCRIPTS = ['exports/entraSignIn', 'exports/signedIn'];
/** The licences of the packages that are in the scripts. */
const LICENCES = 'licences.txt';
/** What is taken as it is. */
const STATIC = /\.(?:html|css|svg)$/;

/** The modules of pure code that need Node or are large, and what takes their place in browsers: each has the same exports. */
const REPLACED: Readonly<Record<string, string>> = {
  'functions/common/crypto.ts': 'console/engine/node/crypto.ts',
  'functions/common/webAssembly.ts': 'console/engine/node/webAssembly.ts',
  'functions/deid/configuration/samples.ts': 'console/engine/node/samples.ts',
  'functions/deid/model/definitions.ts': 'console/engine/node/definitions.ts',
  'functions/deid/values/ucumLibrary.ts': 'console/engine/node/ucumLibrary.ts',
  'functions/fhir/publishedUris.ts': 'console/engine/node/publishedUris.ts',
};

/** The texts of the engine's programs in WebAssembly, which are not run here. */
const PROGRAMS: Readonly<Record<string, string>> = {
  'functions/deid/run/walkProgram.ts': 'WALK_PROGRAM',
  'functions/json/tapeProgram.ts': 'TAPE_PROGRAM',
};

/** The units that UCUM's library reads, and what of each no conversion looks at: texts for people, and for search. */
const UNITS = 'node_modules/@lhncbc/ucum-lhc/data/ucumDefs.min.json';
const UNUSED_OF_UNITS = [
  'name_',
  'printSymbol_',
  'property_',
  'synonyms_',
  'guidance_',
  'source_',
  'loincProperty_',
  'category_',
];

/** What is smaller than it is elsewhere. */
function reduced(root: string): Plugin {
  const programs = new Map(Object.entries(PROGRAMS).map(([module, name]) => [join(root, module), name]));
  const units = join(root, UNITS);
  return {
    name: 'reduced',
    load: {
      filter: { id: [...programs.keys(), units] },
      handler: (id) =>
        id === units
          ? { code: reducedUnits(readFileSync(units, 'utf8')), moduleType: 'json' }
          : `export const ${programs.get(id)} = '';`,
    },
  };
}

function reducedUnits(text: string): string {
  const definitions = JSON.parse(text) as {
    units: { config: (string | string[])[]; data: unknown[][] };
  };
  const { config, data } = definitions.units;
  const unused = UNUSED_OF_UNITS.map((name) => config.indexOf(name));
  const rows = data.map((row) => row.map((value, place) => (unused.includes(place) ? null : value)));
  return JSON.stringify({ ...definitions, units: { config, data: rows } });
}

/** What stands for modules that need Node. */
function replacing(root: string): Plugin {
  const places = new Map(
    Object.entries(REPLACED).map(([module, other]) => [join(root, module), join(root, other)]),
  );
  return {
    name: 'replacing',
    load: {
      filter: { id: [...places.keys()] },
      handler: (id) => `export * from ${JSON.stringify(places.get(id))}`,
    },
  };
}

/** The modules that are written here, each of one JSON value, by the FHIR version of the worker. */
const WRITTEN: Readonly<Record<string, (version: FhirVersion) => unknown>> = {
  'console:version': (version) => version,
  'console:definitions': (version) => compactDefinitions(definitionsOf(version)),
  'console:invented': inventedResources,
  'console:samples': (version) =>
    Object.fromEntries(SAMPLE_NAMES.map((name) => [name, sampleFor(name, version)])),
};

/** A sample; of one for other versions these alone. */
function sampleFor(name: string, version: FhirVersion): unknown {
  const sample = sampleNamed(name);
  const { fhirVersion } = sample ?? {};
  return [fhirVersion].flat().includes(version) ? sample : { fhirVersion };
}

/** Their names take the place of their values, until `withWritten` puts these in. */
const names: Plugin = {
  name: 'names',
  resolveId: { filter: { id: /^console:/ }, handler: (source) => source },
  load: {
    filter: { id: /^console:/ },
    // A text that is parsed when it runs starts faster than a literal.
    handler: (id) => `export default JSON.parse(${JSON.stringify(id)})`,
  },
};

/** The script of the worker of a FHIR version. @throws Error where it does not have one of the modules exactly once */
function withWritten(code: string, version: FhirVersion): string {
  let text = code;
  for (const [name, make] of Object.entries(WRITTEN)) {
    const parts = text.split(new RegExp(`(["'\`])${name}\\1`));
    if (parts.length !== 3) throw new Error(`The worker does not import ${name} once.`);
    text = parts[0] + literal(JSON.stringify(make(version))) + parts[2];
  }
  return text;
}

/** A text as a literal, in which quotation marks stay as they are. */
function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

interface Script {
  readonly code: string;
  /** Paths of the modules that are in it, and of none that is written. */
  readonly modules: readonly string[];
}

/** Each script is one file: of the preview nothing is loaded later, when data may be open. @throws Error where an import leads nowhere */
async function bundled(source: string, format: 'esm' | 'iife', root: string): Promise<Script> {
  const build = await rolldown({
    cwd: root,
    input: join(root, 'console', source),
    platform: 'browser',
    tsconfig: join(root, 'console', 'tsconfig.json'),
    plugins: [names, replacing(root), reduced(root)],
    transform: { inject: { Buffer: [join(root, 'console/engine/node/buffer.ts'), 'Buffer'] } },
    onLog: (level, log) => {
      if (level === 'warn') throw new Error(`console/${source}: ${log.message}`);
    },
  });
  try {
    const { output } = await build.generate({ format, minify: true, codeSplitting: false });
    const { code, moduleIds } = output[0];
    return { code, modules: moduleIds };
  } finally {
    await build.close();
  }
}

/** All scripts, by their paths in `dist/console/`. */
async function scripts(root: string): Promise<ReadonlyMap<string, Script>> {
  const sources = [...PAGES.map((page) => `${page}/main.tsx`), ...MORE_SCRIPTS.map((name) => `${name}.ts`)];
  const [worker, ...others] = await Promise.all([
    bundled('engine/worker.ts', 'iife', root),
    ...sources.map((source) => bundled(source, 'esm', root)),
  ]);
  return new Map([
    ...sources.map((source, index) => [source.replace(/\.tsx?$/, '.js'), others[index] as Script] as const),
    ...FHIR_VERSIONS.map((version) => {
      const code = withWritten(worker.code, version);
      return [`engine/worker-${version.toLowerCase()}.js`, { ...worker, code }] as const;
    }),
  ]);
}

/** Builds the console of a project into a folder, which is made anew. */
async function buildConsole(root: string, target: string): Promise<void> {
  const from = join(root, 'console');
  const before = compressedIn(target);
  rmSync(target, { recursive: true, force: true });
  for (const file of readdirSync(from, { encoding: 'utf8', recursive: true })) {
    if (STATIC.test(file)) cpSync(join(from, file), join(target, file));
  }
  const made = await scripts(root);
  for (const [file, { code }] of made) {
    const path = join(target, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, code);
  }
  const modules = [...made.values()].flatMap((script) => script.modules);
  writeFileSync(join(target, LICENCES), licencesOf(root, modules));
  await compressFiles(target, before);
}

try {
  await buildConsole(PROJECT_ROOT, join(PROJECT_ROOT, 'dist', 'console'));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
