import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PROJECT_ROOT } from '../../local/paths.js';
import { StackProcess } from '../../local/processes.js';
import { generateSample } from '../../local/sample/sample.js';
import { startStack } from '../../local/stack.js';
import { measureExport } from './measureExport.js';
import { medianInWords } from './medianInWords.js';

/**
 * What an export from the source's own bulk export takes, by what the same export by search takes: in turn, from one
 * source process, each in a new host. CPU time and memory are those of the host, with its worker threads, from the
 * kick-off to the manifest; the source's are not in them.
 * `npm run bench:sources [-- --resources 100000 --pairs 9 --data DIR --json]`
 */
const MODES = ['search', 'bulk'] as const;
type Mode = (typeof MODES)[number];

interface Measurement {
  seconds: number;
  cpuSeconds: number;
  peakMebibytes: number;
}

const PAGE_SIZE = '500';
const WORKERS = '4';
const SOURCE_START_SECONDS = 300;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      resources: { type: 'string', default: '100000' },
      pairs: { type: 'string', default: '9' },
      data: { type: 'string', default: join(tmpdir(), 'fhir-export-bench') },
      json: { type: 'boolean', default: false },
    },
  });
  const resources = Number(values.resources);
  const directory = join(values.data, values.resources);
  if (!existsSync(directory)) generateSample({ directory, resources, seed: 1 });
  const local = mkdtempSync(join(tmpdir(), 'fhir-export-sources-'));
  const { source, url } = await startSource(directory, local);
  const measured: Record<Mode, Measurement>[] = [];
  try {
    for (let pair = 0; pair < Number(values.pairs); pair++) {
      const results: Partial<Record<Mode, Measurement>> = {};
      for (const mode of pair % 2 === 0 ? MODES : [...MODES].reverse()) {
        const result = await measure(mode, url, resources, join(local, `${pair}-${mode}`));
        results[mode] = result;
        if (!values.json) console.log(`${mode}: ${describe(result)}`);
      }
      measured.push(results as Record<Mode, Measurement>);
    }
  } finally {
    await source.stop();
    rmSync(local, { recursive: true, force: true });
  }
  if (values.json) return console.log(JSON.stringify(measured));
  for (const key of ['cpuSeconds', 'seconds', 'peakMebibytes'] as const) {
    const ratios = measured.map(({ bulk, search }) => bulk[key] / search[key]);
    console.log(`${key}, bulk by search: ${medianInWords(ratios)}`);
  }
}

async function startSource(directory: string, local: string): Promise<{ source: StackProcess; url: string }> {
  const port = 20_000 + (process.pid % 20_000);
  const source = new StackProcess({
    name: 'the sample FHIR source',
    module: join(PROJECT_ROOT, 'dist', 'local', 'source', 'main.js'),
    environment: { ...process.env, SAMPLE_DATA: directory, SOURCE_PORT: String(port) },
    workingDirectory: PROJECT_ROOT,
    logFile: join(local, 'source.log'),
  });
  const url = `http://127.0.0.1:${port}/fhir`;
  const answers = (): Promise<boolean> =>
    fetch(`${url}/metadata`).then(
      ({ ok }) => ok,
      () => false,
    );
  await source.ready(answers, SOURCE_START_SECONDS);
  return { source, url };
}

async function measure(mode: Mode, url: string, resources: number, local: string): Promise<Measurement> {
  const stack = await startStack({
    environment: {
      ...{ PORT: '0', AZURITE_BLOB_PORT: '0', LOCAL_DATA: local, FHIR_SERVER_URL: url },
      ...{ PAGE_SIZE, PARALLEL_PARTITIONS: WORKERS, SOURCE_MODE: mode },
    },
  });
  try {
    const { seconds, usage } = await measureExport(stack, resources);
    if (usage === undefined) throw new Error('Only Linux counts for a process.');
    return { seconds, ...usage };
  } finally {
    await stack.stop();
    rmSync(local, { recursive: true, force: true });
  }
}

function describe({ seconds, cpuSeconds, peakMebibytes }: Measurement): string {
  return `${seconds.toFixed(1)} s, ${cpuSeconds.toFixed(2)} CPU-seconds, peak ${peakMebibytes.toFixed(0)} MiB`;
}

await main();
