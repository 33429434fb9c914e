import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { isMainThread, type MessagePort, parentPort, Worker, workerData } from 'node:worker_threads';
import { compileEngine } from '../../functions/deid/compileEngine.js';
import type { Engine } from '../../functions/deid/run/engine.js';
import { readConfiguration } from '../../functions/deid/readConfiguration.js';
import { PatientCounter } from '../../functions/export/selection/patientCount.js';
import { EVERYTHING } from '../../functions/export/selection/selection.js';
import type { LineSink } from '../../functions/export/output/lineMaker.js';
import { runSlice } from '../../functions/export/slice/slice.js';
import type { Source, SourceAnswer } from '../../functions/export/source/source.js';
import { PROJECT_ROOT } from '../../local/paths.js';
import { generateSample } from '../../local/sample/sample.js';
import { SAMPLE_CONFIGURATION } from '../../local/stack.js';

/**
 * What numbers of worker threads make of the same pages, from memory to memory: whole slices of the app with the Safe
 * Harbor sample, without network and storage. Then what one thread makes of them by the size of pages, and by the time
 * that a source takes for each. `npm run bench:workers [-- --json]`
 */
const RESOURCES = 20_000;
const MIN_ROUNDS_MS = 3000;
const WARM_ROUNDS = 2;

/** What is measured: everything else is as in the row before. */
const CASES: readonly Case[] = [
  ...[1, 2, 4].map((workers) => ({ workers, pageSize: 500, latencyMs: 0 })),
  ...[100, 1000, 2000].map((pageSize) => ({ workers: 1, pageSize, latencyMs: 0 })),
  ...[50, 250].map((latencyMs) => ({ workers: 1, pageSize: 500, latencyMs })),
];

interface Case {
  workers: number;
  pageSize: number;
  /** From a request to the page. */
  latencyMs: number;
}

interface Share extends Case {
  directory: string;
  worker: number;
}

/** `prepare`: a new engine, whose plans are compiled by the first page of each type; not measured. */
type Step = 'prepare' | 'export';

interface Measurement extends Case {
  resourcesPerSecond: number;
  /** Of all threads, garbage collection and compilation included. */
  cpuSecondsPerMillion: number;
}

/** Each type's resources as pages of a search that is sorted by `meta.lastUpdated`. */
function readPages(directory: string, pageSize: number): Map<string, Buffer[]> {
  const pages = new Map<string, Buffer[]>();
  for (const file of readdirSync(directory)) {
    const type = file.replace('.ndjson', '');
    const lines = readFileSync(join(directory, file), 'utf8').trimEnd().split('\n');
    const texts: Buffer[] = [];
    for (let from = 0; from < lines.length; from += pageSize) {
      const entry = lines.slice(from, from + pageSize).map((line) => `{"resource":${line}}`);
      const links = [{ relation: 'self', url: 'search?_lastUpdated=lt2100' }];
      if (from + pageSize < lines.length) links.push({ relation: 'next', url: String(texts.length + 1) });
      const head = `{"resourceType":"Bundle","type":"searchset","link":${JSON.stringify(links)}`;
      texts.push(Buffer.from(`${head},"entry":[${entry.join(',')}]}`));
    }
    pages.set(type, texts);
  }
  return pages;
}

const EMPTY: SourceAnswer = {
  body: Buffer.from('{"resourceType":"Bundle","type":"searchset"}'),
  date: undefined,
};

/** A source that gives its pages by their links, as one that does not sort. */
function memorySource(pages: readonly Buffer[], latencyMs: number): Source {
  const answer = async (index: number): Promise<SourceAnswer> => {
    if (latencyMs > 0) await setTimeout(latencyMs);
    return { body: pages[index] ?? Buffer.alloc(0), date: undefined };
  };
  return {
    search: (_type, parameters) =>
      new Map(parameters).get('_sort')?.startsWith('-') === true ? Promise.resolve(EMPTY) : answer(0),
    follow: (url) => answer(Number(url)),
    read: () => Promise.reject(new Error('Nothing is read.')),
    typeHistory: () => Promise.reject(new Error('No history is read.')),
    capabilities: () => Promise.reject(new Error('Nothing is asked.')),
  };
}

/** A new engine, as for a new job: no hash is known yet. */
function openEngine(worker: number): Engine {
  const text = readFileSync(join(PROJECT_ROOT, 'configurations', SAMPLE_CONFIGURATION), 'utf8');
  const { configuration } = readConfiguration(text, { fhirVersion: 'R4' });
  if (configuration === undefined) throw new Error('The sample configuration cannot be read.');
  return compileEngine(configuration, {
    fhirVersion: 'R4',
    now: Date.parse('2026-11-21T12:00:00Z'),
    jobSecret: new Uint8Array(32).fill(worker),
    randomBytes: (size) => new Uint8Array(size),
    validation: 'off',
  });
}

async function exportPages(
  engine: Engine,
  types: ReadonlyMap<string, readonly Buffer[]>,
  { pageSize, latencyMs, mostPages }: Case & { mostPages: number },
): Promise<number> {
  let written = 0;
  for (const [type, pages] of types) {
    const block = Buffer.alloc(8_388_608);
    let filled = 0;
    let lines = 0;
    const file: LineSink = {
      writeLines(bytes, count) {
        lines += count;
        if (filled + bytes.length > block.length) filled = 0;
        block.set(bytes, filled);
        filled += bytes.length;
        return undefined;
      },
      close: () => Promise.resolve(),
      bytes: 0,
      lines: 0,
    };
    await runSlice(
      { type, from: undefined, until: '2100-01-01T00:00:00Z' },
      EVERYTHING,
      { pageSize, cursor: undefined },
      { pages: mostPages, bytes: Infinity, milliseconds: Infinity },
      {
        source: memorySource(pages, latencyMs),
        lineMaker: {
          processingErrors: 'skip',
          makeLine: (resource, line, report) => engine.anonymize(resource, line, report),
        },
        patients: new PatientCounter({ most: 0, fhirVersion: 'R4', secret: new Uint8Array(0) }),
        openFile: () => Promise.resolve(file),
        clock: () => performance.now(),
        isStopped: () => Promise.resolve(false),
        tellProgress: () => undefined,
      },
    );
    written += lines;
  }
  return written;
}

function post(port: Pick<MessagePort, 'postMessage'>, message: unknown): void {
  port.postMessage(message);
}

/** All pages by each of so many threads, again and again. */
async function measure(directory: string, wanted: Case): Promise<Measurement> {
  const threads = Array.from(
    { length: wanted.workers },
    (_, worker) =>
      new Worker(new URL(import.meta.url), {
        workerData: { ...wanted, directory, worker } satisfies Share,
      }),
  );
  const all = async (step: Step): Promise<number> => {
    const done = await Promise.all(
      threads.map((thread) => {
        // Is rejected where the thread fails meanwhile.
        const answer = once(thread, 'message') as Promise<[number]>;
        post(thread, step);
        return answer;
      }),
    );
    return done.reduce((sum, [count]) => sum + count, 0);
  };
  let [resources, milliseconds, cpuSeconds] = [0, 0, 0];
  for (let round = 0; milliseconds < MIN_ROUNDS_MS; round++) {
    await all('prepare');
    const before = process.cpuUsage();
    const begin = performance.now();
    const exported = await all('export');
    // The first rounds warm the threads up.
    if (round < WARM_ROUNDS) continue;
    milliseconds += performance.now() - begin;
    const { user, system } = process.cpuUsage(before);
    cpuSeconds += (user + system) / 1_000_000;
    resources += exported;
  }
  await Promise.all(threads.map((thread) => thread.terminate()));
  return {
    ...wanted,
    resourcesPerSecond: Math.round((resources / milliseconds) * 1000),
    cpuSecondsPerMillion: (cpuSeconds / resources) * 1_000_000,
  };
}

if (isMainThread) {
  const directory = mkdtempSync(join(tmpdir(), 'fhir-export-workers-'));
  try {
    generateSample({ directory, resources: RESOURCES, seed: 1 });
    const measured: Measurement[] = [];
    for (const wanted of CASES) measured.push(await measure(directory, wanted));
    if (process.argv.includes('--json')) console.log(JSON.stringify(measured));
    else console.table(measured);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
} else {
  const port = parentPort;
  const share = workerData as Share;
  const types = readPages(share.directory, share.pageSize);
  let engine = openEngine(share.worker);
  const steps: Record<Step, () => Promise<number>> = {
    prepare: () => {
      engine = openEngine(share.worker);
      return exportPages(engine, types, { ...share, latencyMs: 0, mostPages: 1 });
    },
    export: () => exportPages(engine, types, { ...share, mostPages: Infinity }),
  };
  port?.on('message', (step: Step) => {
    void steps[step]().then((written) => post(port, written));
  });
}
