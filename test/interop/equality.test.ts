import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Resource } from '@medplum/fhirtypes';
import { afterEach, beforeAll, afterAll, describe, expect, it } from 'vitest';
import { ExportClient, type Manifest } from '../../cli/export/exportClient.js';
import { createRandom } from '../../local/sample/random.js';
import { generateSample } from '../../local/sample/sample.js';
import { downloadLines, startTestStack, type TestStack } from '../stack/harness.js';
import { type MedplumServer, startMedplum } from './medplumServer.js';
import { SEED } from '../random.js';

const MINUTE_MS = 60_000;
/** Keeps ids, so that exports can be compared resource by resource. */
const CONFIGURATION = {
  fhirVersion: 'R4',
  fhirPathRules: [{ path: "nodesByType('HumanName')", method: 'redact' }],
  parameters: {},
};

let directory: string;
/** The hospital's resources by type. */
let hospital: Map<string, Resource[]>;
let server: MedplumServer | undefined;
let stack: TestStack | undefined;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'fhir-interop-'));
  generateSample({ directory, seed: 1 });
  hospital = new Map(
    readdirSync(directory).map((file) => [
      file.replace('.ndjson', ''),
      readFileSync(join(directory, file), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Resource),
    ]),
  );
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});
afterEach(async () => {
  await stack?.end();
  await server?.close();
  stack = server = undefined;
});

/** Medplum with the hospital's resources. */
async function startLoaded(clock: () => number, beforeSearch?: () => Promise<void>): Promise<MedplumServer> {
  const loaded = await startMedplum([...hospital.keys()], {
    clock,
    ...(beforeSearch === undefined ? {} : { beforeSearch }),
  });
  for (const resource of [...hospital.values()].flat()) await loaded.load(resource);
  return loaded;
}

async function startStackOf(environment: Record<string, string>): Promise<TestStack> {
  stack = await startTestStack({ PAGE_SIZE: '40', SLICE_MAX_PAGES: '5', ...environment });
  await stack.putConfiguration('keeps-ids.json', CONFIGURATION);
  return stack;
}

/** An export: its manifest, and every resource by `type/id`, as JSON with numbers rather than their digits. */
async function exportOf(
  { stack: { baseUrl } }: TestStack,
  parameters: Record<string, string> = {},
): Promise<{ manifest: Manifest; resources: Map<string, Resource> }> {
  const client = new ExportClient(baseUrl);
  const statusUrl = await client.kickOff({
    _container: 'interop',
    _anonymizationConfig: 'keeps-ids.json',
    ...parameters,
  });
  const manifest = await client.manifest(statusUrl, 100, () => undefined);
  const resources = new Map<string, Resource>();
  for (const [type, lines] of await downloadLines(manifest)) {
    for (const line of lines) {
      const resource = JSON.parse(line) as Resource;
      const key = `${type}/${resource.id}`;
      expect(resources.has(key), `${key} is there once`).toBe(false);
      resources.set(key, resource);
    }
  }
  return { manifest, resources };
}

it('an export of Medplum equals one of the sample source that holds the same', async () => {
  const ofSample = await exportOf(await startStackOf({ SAMPLE_DATA: directory }));
  await stack?.end();
  server = await startLoaded(() => Date.now());
  const ofMedplum = await exportOf(await startStackOf({ FHIR_SERVER_URL: server.url }));

  const counts = new Map([...hospital].map(([type, resources]) => [type, resources.length]));
  for (const { manifest } of [ofSample, ofMedplum]) {
    const sums = new Map<string, number>();
    for (const { type, count } of manifest.output) sums.set(type, (sums.get(type) ?? 0) + count);
    expect(sums).toEqual(counts);
    expect(manifest.error).toEqual([]);
  }
  expect([...ofMedplum.resources.keys()].sort()).toEqual([...ofSample.resources.keys()].sort());
  for (const [key, resource] of ofMedplum.resources) {
    // Medplum gives every resource a version of its own.
    delete resource.meta?.versionId;
    const { versionId: _, ...meta } = ofSample.resources.get(key)?.meta ?? {};
    expect(resource, key).toEqual({ ...ofSample.resources.get(key), meta });
  }
});

describe('through the whole stack, while resources are inserted and updated between two pages', () => {
  it.each([[-2], [2]])(
    `an export and the next by _since hold what the server holds; its clock is off by %i minutes (TEST_SEED=${SEED})`,
    async (minutes) => {
      const random = createRandom(SEED);
      let ahead = minutes * MINUTE_MS;
      const clock = (): number => Date.now() + ahead;
      const state = new Map(
        [...hospital].flatMap(([type, own]) => own.map((r) => [`${type}/${r.id}`, r] as [string, Resource])),
      );
      const changed = new Set<string>();
      let isQuiet = false;
      const change = async (): Promise<void> => {
        if (isQuiet) return;
        const [type, resources] = random.pick([...hospital]);
        const old = random.pick(resources);
        const isNew = random.next() < 0.3;
        const id = isNew ? `new-${state.size}` : (old.id ?? '');
        const resource = { ...old, id, language: `x-${changed.size}` };
        state.set(`${type}/${id}`, resource);
        changed.add(`${type}/${id}`);
        await server?.put(resource);
      };
      server = await startLoaded(clock, change);
      const environment = { FHIR_SERVER_URL: server.url, TRANSACTION_TIME_MARGIN_SECONDS: '0' };
      const test = await startStackOf(environment);

      const first = await exportOf(test);
      isQuiet = true;
      // What was changed within this second comes with the next export.
      ahead += 2000;
      const next = await exportOf(test, { _since: first.manifest.transactionTime });

      expect(changed.size).toBeGreaterThan(50);
      expect([...next.resources.keys()].sort()).toEqual([...changed].sort());
      const held = new Map([...first.resources, ...next.resources]);
      expect([...held.keys()].sort()).toEqual([...state.keys()].sort());
      for (const [key, resource] of held) expect(resource.language, key).toBe(state.get(key)?.language);
    },
    240_000,
  );
});
