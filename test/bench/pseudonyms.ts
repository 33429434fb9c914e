import { compileEngine } from '../../functions/deid/compileEngine.js';
import { readConfiguration } from '../../functions/deid/readConfiguration.js';
import { JobPseudonyms, type PseudonymService } from '../../functions/export/output/jobPseudonyms.js';
import type { LineSink } from '../../functions/export/output/lineMaker.js';
import { PageWriter } from '../../functions/export/slice/pageWriter.js';
import { readSearchPage } from '../../functions/export/source/searchPage.js';

/**
 * Time of one slice that pseudonymizes, beside the same with `cryptoHash`: 100,000 resources with 10,000 distinct values,
 * and a service that answers 100 values in 20 ms.
 */
const RESOURCES = 100_000;
const PATIENTS = 8000;
const ENCOUNTERS = 2000;
const PAGE_SIZE = 500;
const BATCH_SIZE = 100;
const ANSWER_MS = 20;
const MAX_CALLS = 8;
const RUNS = 5;

const pages = Array.from({ length: RESOURCES / PAGE_SIZE }, (_, page) => {
  const entry = Array.from({ length: PAGE_SIZE }, (_none, at) => {
    const number = page * PAGE_SIZE + at;
    return { search: { mode: 'match' }, resource: observation(number) };
  });
  return Buffer.from(JSON.stringify({ resourceType: 'Bundle', type: 'searchset', entry }));
});

function observation(number: number): object {
  // Every value comes again some ten times, spread over all pages.
  const spread = (number * 7919) % RESOURCES;
  return {
    resourceType: 'Observation',
    id: `o-${number}`,
    meta: { lastUpdated: '2026-01-01T00:00:00Z' },
    status: 'final',
    category: [
      {
        coding: [
          { system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'laboratory' },
        ],
      },
    ],
    code: {
      coding: [{ system: 'http://loinc.org', code: '2093-3', display: 'Cholesterol' }],
      text: 'Cholesterol',
    },
    subject: { reference: `Patient/6f1d2f6e-7a52-4c0b-9a51-${String(spread % PATIENTS).padStart(12, '0')}` },
    encounter: {
      reference: `Encounter/0d2c7a10-33a1-4f6e-8c1d-${String(spread % ENCOUNTERS).padStart(12, '0')}`,
    },
    effectiveDateTime: '2020-05-06T07:08:09Z',
    valueQuantity: { value: 180.5, unit: 'mg/dL', system: 'http://unitsofmeasure.org', code: 'mg/dL' },
  };
}

function service(): PseudonymService & { calls: number } {
  let running = 0;
  const waiting: Array<() => void> = [];
  const made = {
    batchSize: BATCH_SIZE,
    calls: 0,
    async pseudonyms(_domain: unknown, values: readonly string[]) {
      made.calls++;
      if (running >= MAX_CALLS) await new Promise<void>((resolve) => waiting.push(resolve));
      running++;
      await new Promise((resolve) => setTimeout(resolve, ANSWER_MS));
      running--;
      waiting.shift()?.();
      return values.map((value) => [value, Buffer.from(value).toString('hex').slice(-32)] as const);
    },
  };
  return made;
}

async function run(method: string): Promise<{ elapsed: number; cpu: number; calls: number }> {
  const fhirPathRules = [
    { path: "nodesByType('Reference').reference", method },
    { path: 'Observation.effective', method: 'redact' },
  ];
  const { configuration } = readConfiguration(JSON.stringify({ fhirPathRules }), { fhirVersion: 'R4' });
  if (configuration === undefined) throw new Error('The configuration of the benchmark is wrong.');
  const asked = service();
  const pseudonyms = new JobPseudonyms(asked);
  const engine = compileEngine(configuration, {
    fhirVersion: 'R4',
    now: 0,
    jobSecret: new Uint8Array(32),
    randomBytes: (size) => new Uint8Array(size),
    validation: 'report',
    pseudonyms,
  });
  let lines = 0;
  const file: LineSink = {
    writeLines: (_bytes, count) => {
      lines += count;
      return undefined;
    },
    close: async () => undefined,
    bytes: 0,
    lines: 0,
  };
  const writer = new PageWriter('Observation', {
    lineMaker: {
      processingErrors: 'raise',
      makeLine: (resource, line, report) => engine.anonymize(resource, line, report),
      askPseudonyms: () => pseudonyms.ask(),
    },
    patients: {
      look: () => ({ patients: new Set(), targets: [] }),
      add: () => undefined,
      isFull: () => true,
    },
    openFile: async () => file,
    clock: () => performance.now(),
  });
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  for (const body of pages) {
    const page = readSearchPage(body, 'Observation');
    await writer.write('', page.rows, () => true);
    page.release?.();
  }
  await writer.close();
  const { user, system } = process.cpuUsage(cpuBefore);
  if (lines !== RESOURCES) throw new Error(`${lines} lines were written.`);
  return { elapsed: performance.now() - startedAt, cpu: (user + system) / 1000, calls: asked.calls };
}

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

const results = new Map<string, { elapsed: number; cpu: number }>();
for (const method of ['cryptoHash', 'pseudonymize']) {
  const runs = [];
  for (let at = 0; at < RUNS; at++) runs.push(await run(method));
  const elapsed = median(runs.map((each) => each.elapsed));
  const cpu = median(runs.map((each) => each.cpu));
  results.set(method, { elapsed, cpu });
  console.log(
    `${method}: ${Math.round(elapsed)} ms elapsed, ${Math.round(cpu)} ms CPU, ${runs[0]?.calls ?? 0} calls of the service (median of ${RUNS})`,
  );
}
const [hash, pseudonym] = [results.get('cryptoHash'), results.get('pseudonymize')];
if (hash !== undefined && pseudonym !== undefined) {
  const times = (of: 'elapsed' | 'cpu'): string => (pseudonym[of] / hash[of]).toFixed(2);
  console.log(`pseudonymize takes ${times('elapsed')} times as long, and ${times('cpu')} times the CPU`);
}
