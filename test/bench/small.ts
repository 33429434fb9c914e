import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { generateSample } from '../../local/sample/sample.js';
import { SAMPLE_CONFIGURATION, startStack } from '../../local/stack.js';
import { median } from './median.js';
import { medianInWords } from './medianInWords.js';
import { packagesOf } from './packages.js';
import { processUsage } from './processUsage.js';

/**
 * What exports of few resources cost a deployment package that has just started: several packages in turn, each in a new
 * host beside the same source. `npm run bench:small [-- --packages DIR,DIR --rounds 5 --exports 3 --resources N]`
 */
const { values } = parseArgs({
  options: {
    packages: { type: 'string', default: '' },
    rounds: { type: 'string', default: '5' },
    exports: { type: 'string', default: '3' },
    resources: { type: 'string', default: '' },
  },
});

/** Long enough for what a start leaves to do. */
const SETTLE_MS = 1000;
/** As the demo does. */
const POLL_MS = 250;

interface Export {
  cpuSeconds: number;
  firstProgressSeconds: number;
  seconds: number;
}

interface Round {
  startCpuSeconds: number;
  exports: Export[];
  peakMebibytes: number;
}

async function exportOnce(baseUrl: string, pid: number | undefined): Promise<Export> {
  const before = processUsage(pid)?.cpuSeconds ?? Number.NaN;
  const began = performance.now();
  const since = (): number => (performance.now() - began) / 1000;
  const query = new URLSearchParams({ _container: 'bench', _anonymizationConfig: SAMPLE_CONFIGURATION });
  const accepted = await fetch(`${baseUrl}/$export?${query.toString()}`, {
    headers: { accept: 'application/fhir+json', prefer: 'respond-async' },
  });
  const statusUrl = accepted.headers.get('content-location');
  if (statusUrl === null) throw new Error(await accepted.text());
  let firstProgressSeconds: number | undefined;
  for (;;) {
    const status = await fetch(statusUrl);
    const text = await status.text();
    if (/^(\d+%|reading): [1-9]/.test(status.headers.get('x-progress') ?? ''))
      firstProgressSeconds ??= since();
    if (status.status === 200) break;
    if (status.status !== 202 && status.status !== 429) throw new Error(text);
    await delay(POLL_MS);
  }
  const seconds = since();
  const after = processUsage(pid)?.cpuSeconds ?? Number.NaN;
  return { cpuSeconds: after - before, firstProgressSeconds: firstProgressSeconds ?? seconds, seconds };
}

async function round(directory: string, sample: string): Promise<Round> {
  const local = mkdtempSync(join(tmpdir(), 'fhir-export-bench-'));
  const stack = await startStack({
    environment: {
      ...{ PORT: '0', SOURCE_PORT: '0', AZURITE_BLOB_PORT: '0' },
      ...{ LOCAL_DATA: local, SAMPLE_DATA: sample, AzureWebJobsScriptRoot: directory },
    },
  });
  try {
    await delay(SETTLE_MS);
    const { pid } = stack.host;
    const startCpuSeconds = processUsage(pid)?.cpuSeconds ?? Number.NaN;
    const exports: Export[] = [];
    for (let one = 0; one < Number(values.exports); one++) {
      exports.push(await exportOnce(stack.baseUrl, pid));
      await delay(SETTLE_MS);
    }
    return { startCpuSeconds, exports, peakMebibytes: processUsage(pid)?.peakMebibytes ?? Number.NaN };
  } finally {
    await stack.stop();
    rmSync(local, { recursive: true, force: true });
  }
}

function describe(rounds: readonly Round[]): string {
  const of = (pick: (one: Round) => number): string => median(rounds.map(pick)).toFixed(2);
  const lines = Array.from({ length: Number(values.exports) }, (_, index) => {
    const one = (pick: (one: Export) => number): string =>
      of(({ exports }) => (exports[index] === undefined ? Number.NaN : pick(exports[index])));
    return `export ${index + 1}: ${one((e) => e.cpuSeconds)} CPU-seconds, first progress after ${one((e) => e.firstProgressSeconds)} s, complete after ${one((e) => e.seconds)} s`;
  });
  return [
    `start: ${of((one) => one.startCpuSeconds)} CPU-seconds`,
    ...lines,
    `peak: ${of((one) => one.peakMebibytes)} MiB`,
  ].join('\n  ');
}

const packages = await packagesOf(values.packages);
const sample = join(tmpdir(), `fhir-export-bench/${values.resources || 'demo'}`);
if (!existsSync(sample)) {
  generateSample({
    directory: sample,
    seed: 1,
    ...(values.resources === '' ? {} : { resources: Number(values.resources) }),
  });
}
const measured = new Map(packages.map((path) => [path, [] as Round[]]));
for (let number = 0; number < Number(values.rounds); number++) {
  for (const [path, rounds] of measured) rounds.push(await round(path, sample));
}
for (const [path, rounds] of measured) console.log(`${path}\n  ${describe(rounds)}`);
const [first = '', ...others] = packages;
for (const other of others) {
  const ratios = (measured.get(first) ?? []).map(({ exports }, index) => {
    const beside = measured.get(other)?.[index]?.exports[0]?.cpuSeconds ?? Number.NaN;
    return (exports[0]?.cpuSeconds ?? Number.NaN) / beside;
  });
  console.log(`export 1, CPU, ${first} by ${other}: ${medianInWords(ratios)}`);
}
