import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { ExportReport } from '../functions/export/output/report.js';
import { compileEngine } from '../functions/deid/compileEngine.js';
import type { Engine } from '../functions/deid/run/engine.js';
import { readConfiguration } from '../functions/deid/readConfiguration.js';
import { anonymizeText } from '../functions/deid/run/anonymizeText.js';
import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  parseJson,
  stringifyJson,
} from '../functions/json/json.js';
import { ExportClient, type Manifest } from '../cli/export/exportClient.js';
import { PROJECT_ROOT } from './paths.js';
import { ProgressLine } from './progressLine.js';
import { type Stack, startStack } from './stack.js';

const POLL_MS = 250;
/** Patients of the source of whom one is shown. */
const SHOWN_OF = 100;

/** `npm run demo`: one de-identified export of the sample data on the embedded stack, from begin to end. */
async function main(): Promise<void> {
  const beganAt = performance.now();
  const stack = await startStack({ report: (line) => console.log(`${line} …`) });
  try {
    await demonstrate(stack);
  } finally {
    await stack.stop();
  }
  console.log(`\nDone in ${((performance.now() - beganAt) / 1000).toFixed(1)} s.`);
}

async function demonstrate(stack: Stack): Promise<void> {
  const container = `demo${stack.containerSuffix}`;
  const client = new ExportClient(stack.baseUrl);
  const exportedAt = performance.now();
  const statusUrl = await client.kickOff({
    _container: container,
    _anonymizationConfig: stack.sampleConfiguration,
  });
  console.log(`exporting from ${stack.fhirServerUrl} with ${stack.sampleConfiguration} …`);
  const progress = new ProgressLine(process.stdout);
  let manifest: Manifest;
  try {
    manifest = await client.manifest(statusUrl, POLL_MS, (text) => progress.show(text));
    progress.show(`complete in ${((performance.now() - exportedAt) / 1000).toFixed(1)} s`);
  } finally {
    progress.end();
  }

  const directory = join(stack.dataDirectory, 'demo', statusUrl.slice(statusUrl.lastIndexOf('/') + 1));
  console.log(`downloading ${manifest.output.length + manifest.error.length} files …`);
  const sizes = await download(manifest, directory);
  await writeFile(join(directory, 'manifest.json'), JSON.stringify(manifest, undefined, 2));
  const report = await readReport(manifest, directory);
  const seconds = new Map(report.types.map((row) => [row.type, row.seconds]));
  console.log(`\n${table(manifest, sizes, seconds)}`);
  console.log(`\nOutput and manifest: ${relative(process.cwd(), directory) || '.'}/`);
  console.log(`The same in storage: container ${container}, beside manifest.json and report.json`);
  console.log('\nNo legal or regulatory standard is guaranteed by this configuration.');
  await showPatient(stack, manifest, directory);
  console.log(`\n${validLine(manifest, report)}`);
}

/** How many of the resources that were written are valid FHIR, and what is not. */
function validLine(
  { output }: Manifest,
  { notValid = 0, types }: Pick<ExportReport, 'notValid' | 'types'>,
): string {
  const all = output.reduce((sum, { count }) => sum + count, 0);
  const problems = types.flatMap(({ content }) => Object.entries(content?.problems ?? {}));
  const list = problems.map(([problem, count]) => `\n  ${problem}: ${figure(count)}`).join('');
  return `valid FHIR: ${figure(all - notValid)} of ${figure(all)}${list}`;
}

/** Downloads every file of the manifest; returns their sizes by URL. */
async function download(manifest: Manifest, directory: string): Promise<Map<string, number>> {
  mkdirSync(directory, { recursive: true });
  const sizes = new Map<string, number>();
  for (const { url } of [...manifest.output, ...manifest.error]) {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`A download was refused (${response.status}).`);
    const bytes = Buffer.from(await response.arrayBuffer());
    sizes.set(url, bytes.length);
    await writeFile(join(directory, fileName(url)), bytes);
  }
  return sizes;
}

function fileName(url: string): string {
  return decodeURIComponent(url.slice(url.lastIndexOf('/') + 1));
}

function figure(count: number): string {
  return count.toLocaleString('en-US');
}

/** The job's report, which is kept beside the manifest. */
async function readReport(manifest: Manifest, directory: string): Promise<ExportReport> {
  const response = await fetch(String(manifest.extension['report']));
  const text = await response.text();
  await writeFile(join(directory, 'report.json'), text);
  return JSON.parse(text) as ExportReport;
}

function table(manifest: Manifest, sizes: Map<string, number>, seconds: Map<string, number>): string {
  const rows = manifest.output
    .map(({ type, url, count }) => [
      type,
      String(count),
      fileName(url),
      `${((sizes.get(url) ?? 0) / 1024).toFixed(1)} KiB`,
      (seconds.get(type) ?? 0).toFixed(2),
    ])
    .sort(([a = ''], [b = '']) => (a < b ? -1 : 1));
  const total = manifest.output.reduce((sum, { count }) => sum + count, 0);
  const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  const all = [
    ['type', 'resources', 'file', 'size', 'seconds'],
    ...rows,
    ['total', String(total), `${rows.length} files`, `${(bytes / 1024).toFixed(1)} KiB`, ''],
  ];
  const isNumber = [false, true, false, true, true];
  const widths = isNumber.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: string[]): string =>
    row
      .map((cell, column) =>
        isNumber[column] === true ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return all.map(line).join('\n');
}

/**
 * Shows one patient as the source has it and as the export has it. Neither place nor id leads from one to the other:
 * lines are not in the order of the source, and the key of the job is random. So a patient is de-identified once more,
 * and shown where exactly one line is the same but for pseudonyms: then that line is this patient's.
 */
async function showPatient(stack: Stack, manifest: Manifest, directory: string): Promise<void> {
  const files = manifest.output.filter(({ type }) => type === 'Patient');
  const texts = await Promise.all(files.map(({ url }) => readFile(join(directory, fileName(url)), 'utf8')));
  const lines = texts.flatMap((text) => text.trimEnd().split('\n'));
  const search = await fetch(`${stack.fhirServerUrl}/Patient?_sort=_lastUpdated&_count=${SHOWN_OF}`, {
    headers: { accept: 'application/fhir+json' },
  });
  const engine = engineOf(stack);
  if (engine === undefined) return;
  for (const patient of resourcesOf(parseJson(await search.text()))) {
    const before = stringifyJson(patient);
    const result = anonymizeText(engine, before);
    if (result.outcome === 'failed') continue;
    const wanted = withoutPseudonyms(result.line);
    const [after, ...others] = lines.filter((line) => withoutPseudonyms(line) === wanted);
    if (after === undefined || others.length > 0) continue;
    console.log(`\nBefore:\n${indented(before)}\n\nAfter:\n${indented(after)}`);
    return;
  }
  console.log('\nNo patient is shown: after de-identification, each is like another.');
}

function resourcesOf(bundle: JsonValue): JsonObject[] {
  const entries = isJsonObject(bundle) ? bundle['entry'] : undefined;
  return (Array.isArray(entries) ? entries : []).flatMap((entry) => {
    const resource = isJsonObject(entry) ? entry['resource'] : undefined;
    return isJsonObject(resource) ? [resource] : [];
  });
}

function engineOf({ sampleConfiguration, fhirVersion }: Stack): Engine | undefined {
  const path = join(PROJECT_ROOT, 'configurations', sampleConfiguration);
  const { configuration } = readConfiguration(readFileSync(path, 'utf8'), { fhirVersion });
  if (configuration === undefined) return undefined;
  return compileEngine(configuration, {
    fhirVersion,
    now: Date.now(),
    jobSecret: randomBytes(32),
    randomBytes: (size) => randomBytes(size),
    validation: 'off',
  });
}

function withoutPseudonyms(line: string): string {
  return line.replaceAll(/[0-9a-f]{64}/g, '');
}

function indented(json: string): string {
  return JSON.stringify(JSON.parse(json), undefined, 2);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
