import { hash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileEngine } from '../../functions/deid/compileEngine.js';
import { readConfiguration } from '../../functions/deid/readConfiguration.js';
import { EngineReport } from '../../functions/deid/run/report.js';
import { ClassCollector } from '../../functions/export/risk/classCollector.js';
import { classSizes } from '../../functions/export/risk/classSizes.js';
import { ClassTable } from '../../functions/export/risk/classTable.js';
import { PatientDigests } from '../../functions/export/risk/patientDigests.js';
import { JsonTape } from '../../functions/json/jsonTape.js';
import { LineBuffer } from '../../functions/json/lineBuffer.js';
import { PROJECT_ROOT } from '../../local/paths.js';
import { generateSample } from '../../local/sample/sample.js';
import { processUsage } from './processUsage.js';

/**
 * What the risk of an export costs: in pairs, CPU time of de-identifying the generated hospital without and with the digests
 * of its Patients. `--memory` measures instead memory and time of adding up tables of 10 million Patients, of few and many
 * classes, from files as from the private state; it fails where they take more memory than they may.
 */
const PATIENTS = 10_000_000;
const PER_TABLE = 20_000;
const CLASSES = [1000, 50_000, 1_000_000, PATIENTS];
const MAX_MEBIBYTES = 64;
const RESOURCES = 100_000;
const PAIRS = 9;
const SAFE_HARBOR = join(PROJECT_ROOT, 'configurations', 'hipaa-safe-harbor-r4.json');

async function measureTables(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'risk-'));
  try {
    for (const classes of CLASSES) {
      const names = writeTables(directory, classes);
      globalThis.gc?.();
      const before = process.memoryUsage.rss();
      let peak = before;
      let passes = 0;
      const tables = async function* (): AsyncGenerator<Buffer> {
        passes++;
        for (const name of names) {
          yield readFile(name);
          peak = Math.max(peak, process.memoryUsage.rss());
        }
      };
      const { user, system } = process.cpuUsage();
      const sizes = await classSizes(tables);
      const used = process.cpuUsage({ user, system });
      const found = [...sizes.values()].reduce((sum, count) => sum + count, 0);
      const mebibytes = (peak - before) / 1_048_576;
      console.log(
        `${PATIENTS} Patients in ${found} classes: ${passes} pass(es), ${((used.user + used.system) / 1e6).toFixed(1)} CPU-seconds, ${mebibytes.toFixed(0)} MiB more than before`,
      );
      if (found !== classes || mebibytes > MAX_MEBIBYTES) process.exitCode = 1;
    }
    console.log(`peak of the process: ${processUsage(process.pid)?.peakMebibytes.toFixed(0)} MiB`);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Each class has about as many Patients. */
function writeTables(directory: string, classes: number): string[] {
  const digest = Buffer.alloc(32);
  return Array.from({ length: PATIENTS / PER_TABLE }, (_, nth) => {
    const table = new ClassTable();
    for (let patient = nth * PER_TABLE; patient < (nth + 1) * PER_TABLE; patient++) {
      digest.write(hash('sha256', String(patient % classes), 'binary'), 'latin1');
      table.add(digest, 0, 1);
    }
    const name = join(directory, String(nth));
    writeFileSync(name, table.toBytes());
    return name;
  });
}

function measureDigests(): void {
  const directory = mkdtempSync(join(tmpdir(), 'risk-'));
  generateSample({ directory, resources: RESOURCES });
  const lines = readdirSync(directory)
    .filter((name) => name.endsWith('.ndjson'))
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').trim().split('\n'))
    .map((line) => ({ bytes: Buffer.from(line), isPatient: line.includes('"resourceType":"Patient"') }));
  rmSync(directory, { recursive: true });
  const patients = lines.filter(({ isPatient }) => isPatient).length;
  const { configuration } = readConfiguration(readFileSync(SAFE_HARBOR, 'utf8'), { fhirVersion: 'R4' });
  if (configuration === undefined) throw new Error('The sample cannot be read.');
  const now = Date.now();
  const { quasiIdentifiers } = configuration.parameters;
  const run = (isCompared: boolean, all = lines.filter(({ isPatient }) => isPatient)): number => {
    const options = {
      fhirVersion: 'R4',
      now,
      jobSecret: randomBytes(32),
      randomBytes,
      validation: 'report',
    } as const;
    const engine = compileEngine(configuration, options);
    const digests = new PatientDigests({ quasiIdentifiers, fhirVersion: 'R4', now }, randomBytes(32));
    const classes = new ClassCollector(digests, async () => undefined);
    const tape = new JsonTape();
    const line = new LineBuffer();
    const report = new EngineReport();
    const started = process.cpuUsage();
    for (const { bytes, isPatient } of all) {
      line.truncate(0);
      if (!tape.read(bytes)) throw new Error('A line that is no JSON.');
      engine.anonymize({ tape, node: tape.root, bytes }, line, report);
      if (isCompared && isPatient) classes.add(line.slice(0, line.length));
    }
    const { user, system } = process.cpuUsage(started);
    return (user + system) / 1000;
  };
  const pairs = Array.from({ length: PAIRS + 2 }, (_, nth): [number, number] => {
    if (nth % 2 === 0) return [run(false), run(true)];
    const compared = run(true);
    return [run(false), compared];
  }).slice(2);
  const median = (values: number[]): number =>
    values.sort((one, other) => one - other)[values.length >> 1] ?? 0;
  const without = median(pairs.map(([own]) => own));
  const more = median(pairs.map(([own, other]) => other - own));
  const whole = median(Array.from({ length: PAIRS }, () => run(false, lines)));
  console.log(
    `${patients} Patients: ${without.toFixed(1)} ms without, ${more.toFixed(1)} ms more with digests, ${((1000 * more) / patients).toFixed(1)} µs a Patient; of all ${lines.length} resources, which take ${whole.toFixed(0)} ms, ${((100 * more) / whole).toFixed(2)} %`,
  );
}

if (process.argv.includes('--memory')) await measureTables();
else measureDigests();
