import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
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
import { ExportFolder } from '../cli/export/exportFolder.js';
import { ProgressBar } from '../cli/export/progressBar.js';
import { saveExport, type SavedFiles } from '../cli/export/saveExport.js';
import { lastPart } from '../cli/verify/savedNames.js';
import { PROJECT_ROOT } from './paths.js';
import { type Stack, startStack } from './stack.js';

const POLL_MS = 250;
const DOWNLOADS = 4;
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
  const directory = join(stack.dataDirectory, 'demo', statusUrl.slice(statusUrl.lastIndexOf('/') + 1));
  const folder = new ExportFolder(directory);
  const options = { parallel: DOWNLOADS, everyMs: POLL_MS };
  const bar = new ProgressBar(process.stdout);
  const { manifest, report, bytes } = await saveExport(client, statusUrl, folder, bar, options);
  console.log(`complete in ${((performance.now() - exportedAt) / 1000).toFixed(1)} s`);
  if (report === undefined) throw new Error('The export has no report.');
  const seconds = new Map(report.types.map((row) => [row.type, row.seconds]));
  console.log(`\n${table(manifest, bytes, seconds)}`);
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

function figure(count: number): string {
  return count.toLocaleString('en-US');
}

function table(manifest: Manifest, sizes: SavedFiles['bytes'], seconds: Map<string, number>): string {
  const rows = manifest.output
    .map(({ type, url, count }) => [
      type,
      String(count),
      lastPart(url),
      `${((sizes.get(lastPart(url)) ?? 0) / 1024).toFixed(1)} KiB`,
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
  const texts = await Promise.all(files.map(({ url }) => readFile(join(directory, lastPart(url)), 'utf8')));
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
