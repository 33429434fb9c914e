#!/usr/bin/env node
import { isJsonObject } from '../functions/json/json.js';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { compileEngine } from '../functions/deid/compileEngine.js';
import type { Configuration } from '../functions/deid/configuration/configuration.js';
import { readConfiguration } from '../functions/deid/readConfiguration.js';
import {
  ConfigurationJsonError,
  parseConfigurationJson,
} from '../functions/deid/reading/configurationJson.js';
import type { Engine } from '../functions/deid/run/engine.js';
import type { ConfigurationIssue } from '../functions/deid/reading/issues.js';
import type { FhirVersion } from '../functions/fhir/fhirVersion.js';
import { resolveKeys } from '../functions/deid/configuration/keys.js';
import { anonymizeFile, isKnownFile, type FileResult, type FileTask } from './anonymizeFile.js';

const USAGE = `De-identifies FHIR resources in files with a configuration of Microsoft's FHIR anonymizer.

  anonymize --config FILE --input FILE|FOLDER --output FILE|FOLDER [options]
  anonymize --config FILE --validate [--verbose]

  --config FILE           the configuration (JSON)
  --input FILE|FOLDER     JSON resources or Bundles (.json) and NDJSON (.ndjson, .jsonl), as they are or compressed
                          (.gz); folders with all such files in them: files of other names are left aside and counted
  --output FILE|FOLDER    where the results go, under the same names; never where the input is
  --fhir-version VERSION  STU3, R4, R4B or R5; without it the configuration's, or R4
  --now INSTANT           the day ages are measured to, for example 2026-01-31T00:00:00Z; without it today
  --jobs N                files at the same time, 1 without it
  --validate              only check the configuration, and list the identities that its rules leave
  --verbose               with --validate: every element of these, instead of some of each kind

A key that the configuration only names ({"secretName": "NAME"}) is read from the environment variable NAME.
A key it leaves empty is random: the results of one run fit together, those of two runs do not.

Exit codes: 0 all done; 1 errors in the data, listed by file and line, or nothing written; 2 a wrong configuration or
command line.`;

/** A mistake in the configuration, or a file that cannot be used. */
class UsageError extends Error {}

/** A mistake in the arguments: the message is followed by what the arguments are. */
class ArgumentsError extends UsageError {}

const VERSIONS: readonly FhirVersion[] = ['STU3', 'R4', 'R4B', 'R5'];

/** What every thread needs to make the same engine. */
interface EngineSettings {
  configuration: Configuration;
  fhirVersion: FhirVersion;
  now: number;
  jobSecret: Uint8Array;
}

function makeEngine({ configuration, ...options }: EngineSettings): Engine {
  return compileEngine(configuration, { ...options, randomBytes: (size) => randomBytes(size) });
}

interface Arguments {
  config: string;
  input: string | undefined;
  output: string | undefined;
  fhirVersion: FhirVersion | undefined;
  now: number;
  jobs: number;
  isVerbose: boolean;
}

function readArguments(): Arguments | null {
  const { values } = parse();
  if (values.help === true) return null;
  if (values.config === undefined) throw new ArgumentsError('--config is required');
  const isRun = values.validate !== true;
  if (isRun && values.input === undefined) throw new ArgumentsError('--input is required');
  if (isRun && values.output === undefined) throw new ArgumentsError('--output is required');
  const fhirVersion = VERSIONS.find((version) => version === values['fhir-version']?.toUpperCase());
  if (values['fhir-version'] !== undefined && fhirVersion === undefined) {
    throw new ArgumentsError(`--fhir-version must be one of ${VERSIONS.join(', ')}`);
  }
  const now = values.now === undefined ? Date.now() : Date.parse(values.now);
  if (Number.isNaN(now))
    throw new ArgumentsError('--now must be an instant, for example 2026-01-31T00:00:00Z');
  const jobs = Number(values.jobs ?? '1');
  if (!Number.isInteger(jobs) || jobs < 1 || jobs > 64)
    throw new ArgumentsError('--jobs must be a whole number from 1 to 64');
  const input = isRun ? values.input : undefined;
  return {
    config: values.config,
    input,
    output: values.output,
    fhirVersion,
    now,
    jobs,
    isVerbose: values.verbose === true,
  };
}

function parse(): {
  values: Partial<Record<'config' | 'input' | 'output' | 'fhir-version' | 'now' | 'jobs', string>> & {
    validate?: boolean;
    verbose?: boolean;
    help?: boolean;
  };
} {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      options: {
        config: text,
        input: text,
        output: text,
        'fhir-version': text,
        now: text,
        jobs: text,
        validate: flag,
        verbose: flag,
        help: flag,
      },
    });
  } catch (error) {
    throw new ArgumentsError(error instanceof Error ? error.message : 'Wrong arguments');
  }
}

function readText(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new UsageError(`The ${what} ${path} cannot be read`);
  }
}

/** The version a configuration is for, as far as it says. */
function versionOf(text: string): FhirVersion | undefined {
  try {
    const json = parseConfigurationJson(text);
    if (!isJsonObject(json)) return undefined;
    const [, value] = Object.entries(json).find(([key]) => key.toLowerCase() === 'fhirversion') ?? [];
    return VERSIONS.find((version) => typeof value === 'string' && version === value.toUpperCase());
  } catch (error) {
    if (error instanceof ConfigurationJsonError) return undefined;
    throw error;
  }
}

function show(issue: ConfigurationIssue): void {
  console.error(`${issue.severity}: ${issue.path === '' ? '' : `${issue.path}: `}${issue.message}`);
}

async function readSettings(given: Arguments): Promise<EngineSettings> {
  const text = readText(given.config, 'configuration');
  const fhirVersion = given.fhirVersion ?? versionOf(text) ?? 'R4';
  const read = readConfiguration(
    text,
    given.input === undefined
      ? { fhirVersion, coverage: 'warning', isVerbose: given.isVerbose }
      : { fhirVersion },
  );
  for (const issue of read.issues) show(issue);
  if (read.configuration === undefined) throw new UsageError('The configuration has errors');
  if (read.coverage?.isComplete === true) console.log('Its coverage is complete.');
  const { configuration, issues } =
    given.input === undefined
      ? { ...read, issues: [] }
      : await resolveKeys(read.configuration, secretFromEnvironment);
  for (const issue of issues) show(issue);
  if (configuration === undefined) throw new UsageError('A key of the configuration is missing');
  return { configuration, fhirVersion, now: given.now, jobSecret: randomBytes(32) };
}

async function secretFromEnvironment(name: string): Promise<string | null> {
  return process.env[name] ?? null;
}

/** The files to work on, and those of other names, by their endings. */
interface Work {
  readonly tasks: FileTask[];
  readonly leftAside: ReadonlyMap<string, number>;
}

/** What is to be done, with the outputs beside each other as the inputs are. */
function workOf(input: string, output: string): Work {
  if (!existsSync(input)) throw new UsageError(`The input ${input} does not exist`);
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
    throw new UsageError('The input is a folder, the output is not');
  const tasks: FileTask[] = [];
  const leftAside = new Map<string, number>();
  for (const file of filesUnder(input)) {
    if (isKnownFile(file))
      tasks.push({ input: file, output: join(output, relative(input, file)), context: context(file) });
    else increase(leftAside, endingOf(file), 1);
  }
  return { tasks, leftAside };
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
      if (inputs.has(real)) throw new UsageError(`The output ${path} would overwrite an input`);
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
    const engine = makeEngine(settings);
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
    const result = await anonymizeFile(engine, task);
    parentPort?.postMessage(result); // oxlint-disable-line unicorn/require-post-message-target-origin
  };
  parentPort?.on('message', (task: FileTask) => void serve(task));
}

/** What all files came to. */
class Summary {
  files = 0;
  written = 0;
  resources = 0;
  errors = 0;
  readonly labels = new Map<string, number>();
  readonly dropped = new Map<string, number>();
  readonly undecided = new Map<string, number>();
  readonly byRule = new Map<string, number>();

  add(result: FileResult): void {
    this.files++;
    if (result.isWritten) this.written++;
    this.resources += result.resources;
    this.errors += result.errors.length;
    for (const [label, count] of result.labels) increase(this.labels, label, count);
    for (const [rule, count] of result.undecided) increase(this.undecided, rule, count);
    for (const [path, count] of result.dropped) increase(this.dropped, path, count);
    for (const { file, line, message, rule } of result.errors) {
      increase(this.byRule, rule === undefined ? 'the data' : `fhirPathRules[${rule}]`, 1);
      const where = rule === undefined ? '' : ` (fhirPathRules[${rule}])`;
      console.error(`${file}:${line}: ${message}${where}`);
    }
  }

  print(total: number, leftAside: ReadonlyMap<string, number>): void {
    console.log(`files: ${this.written} written of ${total}`);
    printCounts(
      'files left aside, by ending: read are .json, .ndjson and .jsonl, and these with .gz',
      leftAside,
    );
    console.log(`resources: ${this.resources}`);
    printCounts('operations, by security label', this.labels);
    printCounts('elements dropped: unknown to this FHIR version, or of the wrong type', this.dropped);
    printCounts('conditions that could not be decided, by rule', this.undecided);
    console.log(`errors: ${this.errors}`);
    printCounts('errors, by rule', this.byRule);
  }
}

function increase(counts: Map<string, number>, key: string, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}

function printCounts(title: string, counts: ReadonlyMap<string, number>): void {
  if (counts.size === 0) return;
  console.log(`${title}:`);
  for (const [key, count] of counts) console.log(`  ${key}: ${count}`);
}

async function main(): Promise<number> {
  const given = readArguments();
  if (given === null) {
    console.log(USAGE);
    return 0;
  }
  const settings = await readSettings(given);
  if (given.input === undefined || given.output === undefined) {
    console.log('The configuration has no errors.');
    return 0;
  }
  const { tasks, leftAside } = workOf(given.input, given.output);
  refuseOverwriting(tasks);
  const summary = new Summary();
  await runAll(tasks, settings, given.jobs, (result) => {
    summary.add(result);
    if (process.stderr.isTTY)
      process.stderr.write(`\r${summary.files} of ${tasks.length} files, ${summary.resources} resources`);
  });
  if (process.stderr.isTTY) process.stderr.write('\n');
  summary.print(tasks.length, leftAside);
  if (summary.written === 0) console.error(`Nothing of ${given.input} was written.`);
  return summary.errors === 0 && summary.written > 0 ? 0 : 1;
}

if (isMainThread) {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error instanceof ArgumentsError ? `${error.message}\n\n${USAGE}` : error.message);
    process.exitCode = 2;
  }
} else serveThread();
