import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/**
 * The folders of functions/, top to bottom: a file imports from its own folder and from those below it. A folder that
 * has folders of its own in this list stands for the files beside them.
 */
const LAYERS = [
  // The composition roots: the app's and that of a thread.
  '.',
  'http',
  'orchestrators',
  'activities',
  'jobs',
  'adapters',
  'settings',
  // What state a job is in, and what its parts are called: no I/O.
  'jobs/model',
  // What is made of a whole job's counts.
  'export/report',
  'export/plan',
  'export/slice',
  'export/output',
  'export/records',
  'export/risk',
  'export/selection',
  'export/walk',
  'export/request',
  'export/source',
  // What others call: read a configuration, compile it.
  'deid',
  'deid/coverage',
  'deid/run',
  'deid/plan',
  'deid/configuration',
  'deid/methods',
  // Settings as they are written, and what is wrong with them.
  'deid/reading',
  'deid/expression',
  'deid/regex',
  'deid/model',
  'deid/values',
  'fhir',
  'json',
  'common',
];

/** Of these, orchestrators see types only: what they run themselves is deterministic. */
const TYPES_ONLY = { orchestrators: ['activities', 'adapters', 'settings'] };

/** What the console, which runs in browsers, imports of functions/: pure code. Types may come from anywhere. */
const IN_BROWSERS = ['deid', 'fhir', 'json', 'common'];
/** And what any client of a Bulk Data server does without I/O: ask for an export, read a manifest. */
const OF_CLIENTS = ['../functions/adapters/source/kickOffCall.ts', '../cli/verify/stu2Form.ts'];

const ROOT = join(import.meta.dirname, '../functions');
const CONSOLE = join(ROOT, '../console');
const layerOf = (path) => {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const layer = LAYERS.indexOf(folder);
    if (layer >= 0 && (folder !== '.' || dirname(path) === '.')) return layer;
    if (folder === '.')
      throw new Error(`functions/${dirname(path)} has no row in the table of .ci/layers.mjs.`);
  }
};

const problems = [];
/** The files of a folder, each with what it imports from others by a relative path. */
const importsIn = (folder) =>
  readdirSync(folder, { encoding: 'utf8', recursive: true })
    .filter((file) => /\.tsx?$/.test(file))
    .flatMap((file) =>
      [
        ...readFileSync(join(folder, file), 'utf8').matchAll(
          /\b(?:im|ex)port(\s+type)?\b[^;'"]*?['"](\.[^'"]+)['"]/g,
        ),
      ].map(([, kind = '', specifier]) => ({
        file,
        kind,
        target: normalize(join(dirname(file), specifier)).replace(/\.js$/, '.ts'),
      })),
    );
for (const { file, kind, target } of importsIn(CONSOLE)) {
  const folder = /^\.\.\/functions\/([^/]+)/.exec(target)?.[1];
  if (!target.startsWith('..') || kind !== '' || IN_BROWSERS.includes(folder)) continue;
  if (OF_CLIENTS.includes(target)) continue;
  problems.push(`console/${file} > ${target}: the console imports code of ${IN_BROWSERS.join(', ')} only`);
}
for (const { file, kind, target } of importsIn(ROOT)) {
  const [from, to] = [LAYERS[layerOf(file)], LAYERS[layerOf(target)]];
  const isUpward = layerOf(target) < layerOf(file);
  const isCode = kind === '' && TYPES_ONLY[from]?.includes(to);
  if (!isUpward && !isCode) continue;
  problems.push(
    `${file} > ${target}: ${isUpward ? `${to} is above ${from}` : `${from} imports types only of ${to}`}`,
  );
}
for (const problem of problems) console.error(problem);
if (problems.length > 0) {
  console.error('Imports between the folders of functions/ go one way: see LAYERS in .ci/layers.mjs.');
  process.exit(1);
}
