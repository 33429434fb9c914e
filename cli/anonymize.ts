import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync, readdirSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { compileEngine } from '../functions/deid/compileEngine.js';
import { readConfiguration } from '../functions/deid/readConfiguration.js';
import type { EngineOptions } from '../functions/deid/run/engine.js';
import type { Environment } from '../functions/settings/setting.js';
import { coverageOf } from '../functions/deid/coverage/coverage.js';
import { increase } from '../functions/common/counts.js';
import { AnonymizeSummary } from './anonymizeSummary.js';
import type { AnonymizingEngine } from './lineQueue.js';
import { pseudonymsFor } from './pseudonyms.js';
import { ArgumentsError, type Given, UsageError } from './command.js';
import { missingKeys, readConfigurationFile, withKeys } from './configurationFile.js';
import { fileFault } from './fileFault.js';
import { anonymizeFile, isKnownFile, type FileResult, type FileTask } from './anonymizeFile.js';

/** What every thread needs to make the same engine: a configuration that was read has functions, which no message takes. */
interface EngineSettings extends Pick<
  EngineOptions,
  'fhirVersion' | 'now' | 'jobSecret' | 'validation' | 'domainPrefix'
> {
  /** Of the configuration, which has no errors. */
  readonly text: string;
  readonly environment: Environment;
}

async function makeEngine({ text, environment, ...options }: EngineSettings): Promise<AnonymizingEngine> {
  const read = readConfiguration(text, options).configuration;
  if (read === undefined) throw new Error('The configuration was read before.');
  const { configuration } = await withKeys(read, environment);
  const pseudonyms = pseudonymsFor(configuration, environment);
  const engine = compileEngine(configuration, {
    ...options,
    pseudonyms,
    randomBytes: (size) => randomBytes(size),
  });
  return { engine, pseudonyms };
}

interface Arguments extends Pick<EngineOptions, 'now' | 'validation'> {
  readonly jobs: number;
}

const VALIDATIONS = ['off', 'report', 'refuse'] as const;

function readArguments({ values }: Given): Arguments {
  const now = values['now'] === undefined ? Date.now() : Date.parse(values['now']);
  if (Number.isNaN(now))
    throw new ArgumentsError('--now must be an instant, for example 2026-01-31T00:00:00Z.');
  const jobs = Number(values['jobs'] ?? '1');
  if (!Number.isInteger(jobs) || jobs < 1 || jobs > 64)
    throw new ArgumentsError('--jobs must be a whole number from 1 to 64.');
  const validation = VALIDATIONS.find((value) => value === (values['validate-output'] ?? 'off'));
  if (validation === undefined) throw new ArgumentsError('--validate-output must be report or refuse.');
  return { now, jobs, validation };
}

/** Reads the configuration, says what its rules leave, and checks whether its keys are there. */
async function readSettings(
  given: Given,
  options: Pick<EngineOptions, 'now' | 'validation' | 'domainPrefix'>,
): Promise<EngineSettings> {
  const read = await readConfigurationFile(given.values['config'] ?? '', given, {});
  const { isComplete, gaps } = read.coverage ?? coverageOf(read.configuration);
  const left = [...new Set(gaps.map(({ category }) => category))].join(', ');
  console.log(
    isComplete
      ? 'The coverage of the configuration is complete.'
      : `The configuration may leave identities, which fhir-deid validate lists: ${left}.`,
  );
  const { text, fhirVersion } = read;
  const { environment } = given;
  const { missing } = await withKeys(read.configuration, environment);
  pseudonymsFor(read.configuration, environment);
  if (missing.length > 0) throw new UsageError(`${missingKeys(missing, environment)}.`);
  return { text, fhirVersion, environment, ...options, jobSecret: randomBytes(32) };
}

/** The files to work on, and those of other names, by their endings. */
interface Work {
  readonly tasks: FileTask[];
  readonly leftAside: ReadonlyMap<string, number>;
}

/** What is to be done, with the outputs beside each other as the inputs are. */
function workOf(input: string, output: string): Work {
  if (!existsSync(input)) throw new UsageError(`The input ${input} does not exist.`);
  const isFolder = statSync(input).isDirectory();
  const folder = resolve(isFolder ? input : dirname(input));
  const context = (file: string): Required<FileTask['context']> => ({
    fileName: basename(file),
    folderName: basename(folder),
  });
  if (!isFolder) {
    const intoFolder = /[\\/]$/.test(output) || (existsSync(output) && statSync(output).isDirectory());
    const task = {
      input,
      output: intoFolder ? join(output, basename(input)) : output,
      context: context(input),
    };
    return { tasks: [task], leftAside: new Map() };
  }
  if (existsSync(output) && !statSync(output).isDirectory())
    throw new UsageError('The input is a folder, the output is not.');
  if (isWithin(input, output))
    throw new UsageError(
      `The output ${output} is within the input, so the next run would read it, too. Name a folder beside it.`,
    );
  const tasks: FileTask[] = [];
  const leftAside = new Map<string, number>();
  for (const file of filesUnder(input)) {
    if (isKnownFile(file))
      tasks.push({ input: file, output: join(output, relative(input, file)), context: context(file) });
    else increase(leftAside, endingOf(file));
  }
  return { tasks, leftAside };
}

/** Whether a path leads into a folder, by whatever name; the folder itself is not within. */
function isWithin(folder: string, path: string): boolean {
  let there = resolve(path);
  while (!existsSync(there)) there = dirname(there);
  const real = join(realpathSync(there), relative(there, resolve(path)));
  const below = relative(realpathSync(folder), real);
  return below !== '' && below.split(sep)[0] !== '..' && !isAbsolute(below);
}

/** @throws UsageError where it cannot be written */
function checkReport(path: string): void {
  try {
    closeSync(openSync(path, 'a'));
  } catch (error) {
    throw new UsageError(`The report ${path} cannot be written (${fileFault(error)}).`);
  }
}

/** What a file's name ends with: `.txt`, `.tar.gz`. */
function endingOf(file: string): string {
  return /(?:\.[a-z0-9]{1,8})?\.gz$|\.[a-z0-9]{1,8}$/i.exec(basename(file))?.[0] ?? 'no ending';
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .sort((one, two) => (one.name < two.name ? -1 : 1))
    .flatMap((entry) =>
      entry.isDirectory() ? filesUnder(join(folder, entry.name)) : [join(folder, entry.name)],
    );
}

/** Inputs are never written to, by whatever name the output leads to them. */
function refuseOverwriting(tasks: readonly FileTask[]): void {
  const inputs = new Set(tasks.map(({ input }) => realpathSync(input)));
  for (const { output } of tasks) {
    for (const path of [output, `${output}.partial`]) {
      const real = existsSync(path) ? realpathSync(path) : resolve(path);
      if (inputs.has(real)) throw new UsageError(`The output ${path} would overwrite an input.`);
    }
  }
}

/** Works through the tasks, here or in as many threads as wanted. */
async function runAll(
  tasks: readonly FileTask[],
  settings: EngineSettings,
  jobs: number,
  onResult: (result: FileResult) => void,
): Promise<void> {
  if (jobs === 1 || tasks.length < 2) {
    const engine = await makeEngine(settings);
    for (const task of tasks) onResult(await anonymizeFile(engine, task));
    return;
  }
  const rest = [...tasks];
  await Promise.all(
    Array.from({ length: Math.min(jobs, tasks.length) }, () => runThread(rest, settings, onResult)),
  );
}

/** One thread that takes tasks until there are none. */
function runThread(
  rest: FileTask[],
  settings: EngineSettings,
  onResult: (result: FileResult) => void,
): Promise<void> {
  return new Promise((done, failed) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: settings });
    const next = (): void => {
      const task = rest.shift();
      if (task === undefined) {
        done();
        void worker.terminate();
      } else worker.postMessage(task); // oxlint-disable-line unicorn/require-post-message-target-origin
    };
    worker.on('message', (result: FileResult) => {
      onResult(result);
      next();
    });
    worker.on('error', failed);
    next();
  });
}

function serveThread(): void {
  const engine = makeEngine(workerData as EngineSettings);
  const serve = async (task: FileTask): Promise<void> => {
    const result = await anonymizeFile(await engine, task);
    parentPort?.postMessage(result); // oxlint-disable-line unicorn/require-post-message-target-origin
  };
  parentPort?.on('message', (task: FileTask) => void serve(task));
}

/** `fhir-deid anonymize`. */
export async function anonymize(given: Given): Promise<number> {
  const { now, jobs, validation } = readArguments(given);
  const { input = '', output = '', report, 'domain-prefix': domainPrefix } = given.values;
  const settings = await readSettings(given, { now, validation, domainPrefix });
  const { tasks, leftAside } = workOf(input, output);
  refuseOverwriting(tasks);
  // Before all the work, which would be for nothing.
  if (report !== undefined) checkReport(report);
  const summary = new AnonymizeSummary(settings);
  await runAll(tasks, settings, jobs, (result) => {
    summary.add(result);
    if (process.stderr.isTTY)
      process.stderr.write(`\r${summary.files} of ${tasks.length} files, ${summary.resources} resources`);
  });
  if (process.stderr.isTTY) process.stderr.write('\n');
  summary.print(tasks.length, leftAside);
  if (report !== undefined) writeFileSync(report, summary.toJson());
  if (summary.written === 0) console.error(`Nothing of ${input} was written.`);
  return summary.errors === 0 && summary.written > 0 ? 0 : 1;
}

if (!isMainThread) serveThread();
