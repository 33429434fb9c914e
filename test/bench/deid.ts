import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileEngine } from '../../functions/deid/compileEngine.js';
import type { Configuration } from '../../functions/deid/configuration/configuration.js';
import { readConfiguration } from '../../functions/deid/readConfiguration.js';
import type { Engine } from '../../functions/deid/run/engine.js';
import { EngineReport } from '../../functions/deid/run/report.js';
import { JsonTape } from '../../functions/json/jsonTape.js';
import { LineBuffer } from '../../functions/json/lineBuffer.js';
import { median } from './median.js';
import { costs } from './unusual.js';
import { generateSample } from '../../local/sample/sample.js';

/**
 * How fast resources are de-identified, from bytes to bytes, against `JSON.parse` and `JSON.stringify` of the same lines
 * as strings: both in one process, one thread, alternating, medians of CPU time. Results are validated, as by default.
 * `--hospital` measures the generator's resources in place of the samples. Engines are new in every run; the first resource of each type, with
 * which the plans are made, and the compilation are not in the time. `--memory` measures instead how the heap grows
 * over a million resources whose ids are all different; `--unusual` what Bundles, siblings of repeated primitives and
 * `substitute` cost per byte, against the usual.
 */
const RUNS = 15;
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SAMPLES = join(ROOT, '..', 'shared', 'samples', 'synthea-r4');
const SAFE_HARBOR = join(ROOT, 'configurations', 'hipaa-safe-harbor-r4.json');

/** Elements that any resource may have: enough for a configuration of any length. */
const OWN_RULES = [
  ...['Resource.id', "nodesByType('Reference').reference"].map((path) => ({ path, method: 'cryptoHash' })),
  ...['date', 'dateTime', 'instant'].map((type) => ({ path: `nodesByType('${type}')`, method: 'dateShift' })),
  ...['HumanName', 'ContactPoint', 'Narrative', 'Annotation', 'Attachment', 'Extension'].map((type) => ({
    path: `nodesByType('${type}')`,
    method: 'redact',
  })),
];

/** Lines of the Synthea samples, or of the generator's hospital where they are not there. */
function readLines(): string[] {
  const linesIn = (directory: string): string[] =>
    readdirSync(directory).flatMap((file) => readFileSync(join(directory, file), 'utf8').trim().split('\n'));
  if (existsSync(SAMPLES) && !process.argv.includes('--hospital')) return linesIn(SAMPLES);
  const directory = mkdtempSync(join(tmpdir(), 'sample-'));
  try {
    generateSample({ directory, resources: 5000 });
    return linesIn(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function configurationOf(text: string): Configuration {
  const { configuration, issues } = readConfiguration(text, { fhirVersion: 'R4' });
  if (configuration === undefined)
    throw new Error(issues.map(({ path, message }) => `${path}: ${message}`).join('\n'));
  return configuration;
}

/** A configuration of a number of rules, the first ones at work, the rest for elements that are seldom there. */
function configurationOfLength(rules: number): string {
  const types = [
    'Patient',
    'Observation',
    'Encounter',
    'Claim',
    'ExplanationOfBenefit',
    'Condition',
    'Procedure',
    'Immunization',
  ];
  const names = [
    'id',
    'language',
    'implicitRules',
    'meta.tag',
    'meta.source',
    'identifier',
    'contact',
    'text.div',
  ];
  const more = types.flatMap((type) =>
    names.flatMap((name) => ['extension', 'id', 'note'].map((last) => `${type}.${name}.${last}`)),
  );
  const list = [...OWN_RULES, ...more.map((path) => ({ path, method: 'redact' }))].slice(0, rules);
  return JSON.stringify({
    fhirPathRules: list,
    parameters: { dateShiftKey: 'k', cryptoHashKey: 'k', enablePartialDatesForRedact: true },
  });
}

function makeEngine(configuration: Configuration, lines: readonly Buffer[]): Engine {
  const engine = compileEngine(configuration, {
    fhirVersion: 'R4',
    now: Date.parse('2026-11-21T12:00:00Z'),
    jobSecret: new Uint8Array(32).fill(1),
    randomBytes: (size) => new Uint8Array(size).fill(0x5a),
    validation: 'report',
  });
  const types = new Set<string>();
  for (const line of lines) {
    const type = /"resourceType":\s*"(\w+)"/.exec(line.toString())?.[1] ?? '';
    if (types.has(type)) continue;
    types.add(type);
    anonymizeLine(engine, line);
  }
  return engine;
}

const tape = new JsonTape();
const made = new LineBuffer();
const counted = new EngineReport();

/** From bytes to bytes, as in an export. @returns bytes of the line */
function anonymizeLine(engine: Engine, bytes: Buffer): number {
  made.truncate(0);
  if (!tape.read(bytes)) throw new Error('no JSON');
  engine.anonymize({ tape, node: tape.root, bytes }, made, counted);
  return made.length;
}

/** Milliseconds of CPU time: other work on the machine does not count. */
function timed(work: () => void): number {
  const start = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

/** Times of plain JSON and of the configurations, in milliseconds, run in turn: one list for each. */
function measure(
  configurations: readonly Configuration[],
  texts: readonly string[],
  lines: readonly Buffer[],
): number[][] {
  const times: number[][] = [[], ...configurations.map(() => [])];
  for (let run = -2; run < RUNS; run++) {
    const plain = timed(() => {
      for (const text of texts) JSON.stringify(JSON.parse(text));
    });
    if (run >= 0) times[0]?.push(plain);
    configurations.forEach((configuration, place) => {
      const engine = makeEngine(configuration, lines);
      const time = timed(() => {
        for (const line of lines) anonymizeLine(engine, line);
      });
      if (run >= 0) times[place + 1]?.push(time);
    });
  }
  return times;
}

/** Median of the ratios of runs that stood side by side, which other work on the machine disturbs least. */
function ratio(times: readonly number[], others: readonly number[]): number {
  return median(times.map((time, run) => time / (others[run] ?? time)));
}

/** Mebibytes of heap in use after garbage collection, at every quarter of a million resources; needs `--expose-gc`. */
function heapOverAMillion(
  configuration: Configuration,
  texts: readonly string[],
  lines: readonly Buffer[],
): number[] {
  const engine = makeEngine(configuration, lines);
  const heaps: number[] = [];
  for (let number = 1; number <= 1_000_000; number++) {
    const line = texts[number % texts.length] ?? '';
    anonymizeLine(engine, Buffer.from(line.replace('"id":"', `"id":"${number}-`)));
    if (number % 250_000 !== 0) continue;
    globalThis.gc?.();
    heaps.push(Math.round(process.memoryUsage().heapUsed / 2 ** 20));
  }
  return heaps;
}

const texts = readLines();
const lines = texts.map((line) => Buffer.from(line));
const text = readFileSync(SAFE_HARBOR, 'utf8');
const configurations = [text, configurationOfLength(200), configurationOfLength(20)].map(configurationOf);
function report(): void {
  const [json = [], full = [], rules200 = [], rules20 = []] = measure(configurations, texts, lines);
  const compileTime = median(
    Array.from({ length: 5 }, () => timed(() => makeEngine(configurationOf(text), lines))),
  );
  const bytes = lines.reduce((sum, line) => sum + line.length, 0);
  const rounded = (value: number): number => Math.round(value * 100) / 100;
  const result = {
    resourcesPerSecond: Math.round((lines.length / median(full)) * 1000),
    megabytesPerSecond: rounded(bytes / 1e6 / (median(full) / 1000)),
    ratioToJson: rounded(ratio(full, json)),
    rules: configurations[0]?.rules.length ?? 0,
    ratio200To20Rules: rounded(ratio(rules200, rules20)),
    compileAndPlanMilliseconds: Math.round(compileTime),
    resources: lines.length,
  };
  if (process.argv.includes('--json')) console.log(JSON.stringify(result));
  else console.table(result);
}

if (process.argv.includes('--memory')) {
  const [configuration] = configurations;
  if (configuration !== undefined)
    console.log(heapOverAMillion(configuration, texts, lines).join(', '), 'MiB');
} else if (process.argv.includes('--unusual')) {
  const found = costs(100);
  const usual = found.get('usual') ?? 0;
  console.table(
    [...found].map(([kind, cost]) => ({ kind, nanosecondsPerByte: cost, timesTheUsual: cost / usual })),
  );
} else report();
