import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OpenResources } from '../../console/engine/openedData.js';
import { PreviewEngine } from '../../console/engine/previewEngine.js';
import { FHIR_VERSIONS, type FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { inventedResources } from '../../infra/tools/console/inventedResources.js';
import { PROJECT_ROOT } from '../../local/paths.js';
import { filesIn, hasShared, NOW, readText, SHARED } from '../deid/shared.js';
import { startEngine, type WorkerEngine } from './engineWorker.js';

const SECRETS = { job: new Uint8Array(32).fill(7), random: new Uint8Array(32).fill(7) };
const now = new Date(NOW).toISOString();

const workers = new Map<FhirVersion, WorkerEngine>();
function workerOf(version: FhirVersion): WorkerEngine {
  const worker = workers.get(version) ?? startEngine(version, SECRETS.job);
  workers.set(version, worker);
  return worker;
}

/** What becomes of the resources of some data by Node. */
async function byNode(
  configuration: string,
  version: FhirVersion,
  data: readonly string[],
): Promise<unknown> {
  const engine = await PreviewEngine.of({ configuration, now }, version, SECRETS);
  return data.map((text) => {
    const opened = new OpenResources([{ data: text }], 'whole');
    return opened.resources.map(({ index }) => {
      const value = opened.resourceAt(index);
      const { line, failure } = value === undefined ? {} : engine.resource(value, index, '');
      return line ?? failure?.message;
    });
  });
}

/** The same in the built worker, in a realm without Node. */
async function byWorker(
  configuration: string,
  version: FhirVersion,
  data: readonly string[],
): Promise<unknown[][]> {
  const worker = workerOf(version);
  const all: unknown[][] = [];
  for (const text of data) {
    await worker.call('open', { files: [{ name: '', data: text }], bundles: 'whole' });
    const results: unknown[] = [];
    await worker.call('preview', { configuration, now }, (part) => {
      results.push(...part.map(({ line, failure }) => line ?? failure?.message));
    });
    all.push(results);
  }
  return all;
}

/** @returns how many resources there were */
async function expectSame(
  configuration: string,
  version: FhirVersion,
  data: readonly string[],
): Promise<number> {
  const results = await byWorker(configuration, version, data);
  expect(results).toEqual(await byNode(configuration, version, data));
  return results.flat().length;
}

const configurationsOf = (version: FhirVersion): string[] =>
  readdirSync(join(PROJECT_ROOT, 'configurations'))
    .filter((file) => file.endsWith(`-${version.toLowerCase()}.json`))
    .map((file) => readFileSync(join(PROJECT_ROOT, 'configurations', file), 'utf8'));

/** Every method, and what its results depend on. */
const ALL_METHODS = JSON.stringify({
  fhirPathRules: [
    { path: "nodesByType('HumanName')", method: 'redact' },
    { path: "nodesByType('Reference').reference", method: 'cryptoHash' },
    { path: 'Resource.id', method: 'encrypt' },
    { path: "nodesByType('date')", method: 'dateShift' },
    { path: "nodesByType('dateTime')", method: 'dateShift' },
    { path: "nodesByType('Quantity')", method: 'perturb', span: 4, rangeType: 'fixed', roundTo: 1 },
    { path: "nodesByType('Address').city", method: 'substitute', replaceWith: 'City' },
    { path: "nodesByType('Identifier').value", method: 'pseudonymize', domain: 'ids' },
    { path: "nodesByType('Address').state", method: 'generalize', cases: { $this: "'state'" } },
    { path: "nodesByType('Coding').display", method: 'keep' },
    { path: "nodesByType('Extension')", method: 'remove' },
  ],
  parameters: { dateShiftScope: 'patient', validOutput: true },
});

const HASHES = ['sha256', 'sha384', 'sha512'].map((cryptoHashFunction) =>
  JSON.stringify({
    fhirPathRules: [{ path: "nodesByType('string')", method: 'cryptoHash' }],
    parameters: { cryptoHashFunction, cryptoHashKey: 'k'.repeat(100) },
  }),
);

const BLAKE3 = JSON.stringify({
  fhirPathRules: [{ path: "nodesByType('string')", method: 'cryptoHash' }],
  parameters: { cryptoHashAlgorithm: 'blake3', keyDerivationContext: 'c', cryptoHashKey: 'master' },
});

describe.each(FHIR_VERSIONS)('the console gives the same bytes as the app: %s', (version) => {
  it('of the invented resources, by each sample configuration and every method', async () => {
    const data = [Object.values(inventedResources(version)).join('\n')];
    const configurations = [...configurationsOf(version), ALL_METHODS, BLAKE3, ...HASHES];
    expect(configurations.length).toBeGreaterThan(5);
    for (const configuration of configurations)
      expect(await expectSame(configuration, version, data)).toBeGreaterThan(10);
  });
});

const hasGoldens = hasShared('goldens');
describe.runIf(hasGoldens)('the console gives the same bytes as the app: the goldens', () => {
  it.each([
    ['r4', 'R4'],
    ['stu3', 'STU3'],
  ] as const)('of %s', async (folder, version) => {
    let count = 0;
    for (const file of hasGoldens ? readdirSync(join(SHARED, 'goldens', folder, 'configs')) : []) {
      const configuration = readText('goldens', folder, 'configs', file);
      const inputs = filesIn('goldens', folder, 'expected', file.replace('.json', ''));
      const texts = inputs.map((input) => readText('goldens', folder, 'inputs', input));
      count += await expectSame(configuration, version, texts);
    }
    expect(count).toBeGreaterThan(100);
  });
});

interface ConformanceCase {
  readonly fhirVersions: readonly string[];
  readonly config: string;
  readonly input: string;
}

describe.runIf(hasShared('conformance'))('the console gives the same bytes as the app: conformance', () => {
  it('of all cases', async () => {
    const cases = JSON.parse(readText('conformance', 'cases.json')) as ConformanceCase[];
    for (const { fhirVersions, config, input } of cases) {
      for (const version of fhirVersions)
        await expectSame(readText('conformance', config), version.toUpperCase() as FhirVersion, [
          readText('conformance', input),
        ]);
    }
  });
});
