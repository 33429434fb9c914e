import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_QUASI_IDENTIFIERS } from '../../functions/deid/configuration/quasiIdentifiers.js';
import type { RiskOfJob } from '../../functions/export/risk/risk.js';

import type { SourceOptions } from '../../local/source/settings.js';
import { type RunningSource, startSource } from '../../local/source/source.js';
import { startTestStorage, type TestStorage } from './harness.js';
import { expectRiskOf } from './riskOf.js';
import { type Asked, runJob, type RunJob } from './runJob.js';

const PATIENTS = 24;
const CONFIGURATION = JSON.stringify({
  fhirPathRules: [
    { path: 'Resource.id', method: 'cryptoHash' },
    { path: "nodesByType('Reference').reference", method: 'cryptoHash' },
    { path: 'Patient.birthDate', method: 'redact' },
    { path: 'Patient.address.postalCode', method: 'redact' },
    { path: 'Patient.name', method: 'redact' },
  ],
  parameters: {
    cryptoHashKey: 'a-key-of-the-test',
    enablePartialDatesForRedact: true,
    enablePartialZipCodesForRedact: true,
  },
});
const RISK: RiskOfJob = { quasiIdentifiers: DEFAULT_QUASI_IDENTIFIERS, minClassSize: 0 };

let storage: TestStorage;
let directory: string;
let source: RunningSource | undefined;

type Account = 'exportStorage' | 'runtimeStorage';

function containers(account: Account): BlobServiceClient {
  return BlobServiceClient.fromConnectionString(storage.stack[account] ?? '');
}

/** All blobs of an account, with their containers. */
async function namesIn(account: Account): Promise<string[]> {
  const names: string[] = [];
  for await (const { name: container } of containers(account).listContainers()) {
    for await (const { name } of containers(account).getContainerClient(container).listBlobsFlat())
      names.push(`${container}/${name}`);
  }
  return names;
}

/** Of 24, classes of several sizes: four states and genders that repeat every 3, 4 and 8. */
const patients = Array.from({ length: PATIENTS }, (_, n) => ({
  resourceType: 'Patient',
  id: `p${n}`,
  meta: { lastUpdated: `2026-01-${String(1 + (n % 28)).padStart(2, '0')}T08:00:00Z` },
  name: [{ family: `Family${n}` }],
  gender: n % 3 === 0 ? 'female' : 'male',
  birthDate: `19${n % 8 === 5 ? 50 : 70}-0${1 + (n % 9)}-11`,
  address: [{ state: ['WA', 'MA', 'NY', 'TX'][n % 4], postalCode: '98101', city: `City${n}` }],
}));

beforeAll(async () => {
  storage = await startTestStorage();
  directory = mkdtempSync(join(tmpdir(), 'fhir-risk-'));
  const write = (type: string, resources: readonly object[]): void =>
    writeFileSync(
      join(directory, `${type}.ndjson`),
      resources.map((resource) => `${JSON.stringify(resource)}\n`).join(''),
    );
  write('Patient', patients);
  write(
    'Condition',
    patients.map(({ id, meta }) => ({
      resourceType: 'Condition',
      id: `c-${id}`,
      meta,
      subject: { reference: `Patient/${id}` },
    })),
  );
  write('Group', [
    {
      resourceType: 'Group',
      id: 'some',
      meta: { lastUpdated: '2026-01-01T00:00:00Z' },
      type: 'person',
      actual: true,
      member: patients.slice(0, 14).map(({ id }) => ({ entity: { reference: `Patient/${id}` } })),
    },
  ]);
});
afterEach(async () => {
  await source?.close();
  source = undefined;
});
afterAll(async () => {
  await storage.end();
  rmSync(directory, { recursive: true, force: true });
});

/** An export of which the first attempt of every slice is lost. */
async function exportOf(
  asked: Partial<Asked> = {},
  options: Partial<SourceOptions> = {},
  environment: Record<string, string> = {},
  seen?: (text: string) => void,
): Promise<RunJob> {
  source = await startSource({ directory, ...options });
  return runJob(
    storage,
    source.url,
    {
      level: { kind: 'system' },
      types: ['Patient'],
      configuration: CONFIGURATION,
      risk: RISK,
      ...asked,
    },
    { PAGE_SIZE: '5', SLICE_MAX_PAGES: '2', ...environment },
    { workers: 2, losesAttempts: true, ...(seen === undefined ? {} : { seen }) },
  );
}

/** An export's risk has to be that of its lines, which are so many. */
function expectRisk({ report: { risk }, resources }: RunJob, count: number): void {
  const exported = resources.filter(({ resourceType }) => resourceType === 'Patient');
  expect(exported.length).toBe(count);
  expectRiskOf(risk, exported);
}

const GROUP: Partial<Asked> = { level: { kind: 'group', groupId: 'some' } };

describe('the risk in the report is that of the lines,', () => {
  it.each<[string, number, Partial<Asked>, Partial<SourceOptions>]>([
    ['of the whole source, in several slices', PATIENTS, {}, {}],
    ['of a Group', 14, { ...GROUP, types: ['Patient', 'Condition'] }, {}],
    ['of a source that is searched patient by patient', 14, GROUP, { behaviours: ['patient-required'] }],
    ['of files by patient', 14, { ...GROUP, organizedBy: 'Patient' }, {}],
    ['of what _elements leaves', PATIENTS, { elements: [{ type: 'Patient', element: 'gender' }] }, {}],
    ['of what was changed since', 5, { since: '2026-01-20T00:00:00Z' }, {}],
  ])('%s', async (_, count, asked, options) => {
    const job = await exportOf(asked, options);
    expectRisk(job, count);
    expect(job.report.risk?.classes).toBeGreaterThan(1);
  });

  it('of files whose lines supersede each other', async () => {
    const files = containers('runtimeStorage').getContainerClient('risk-source');
    await files.create();
    const put = async (name: string, lines: readonly object[]): Promise<void> => {
      const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
      await files.getBlockBlobClient(name).upload(text, Buffer.byteLength(text));
    };
    await put('1.ndjson', patients);
    const meta = { lastUpdated: '2026-02-01T00:00:00Z' };
    await put(
      '2.ndjson',
      patients.slice(0, 10).map((patient) => ({ ...patient, meta, gender: 'other' })),
    );
    const settings = { SOURCE_MODE: 'files', SOURCE_STORAGE: storage.stack.runtimeStorage ?? '' };
    const job = await exportOf({}, {}, { ...settings, SOURCE_CONTAINER: files.containerName });
    expectRisk(job, PATIENTS);
  });

  it('and of nothing where Patients are withheld', async () => {
    const { report, resources } = await exportOf({
      minPatients: 10,
      types: ['Patient', 'Condition'],
      typeFilters: [{ type: 'Patient', search: [['gender', 'female']] }],
    });
    expect(resources.map(({ resourceType }) => resourceType)).not.toContain('Patient');
    expect(report.risk).toMatchObject({ patients: 0, classes: 0, histogram: [] });
  });
});

it('the cost in the report is of the attempts that count: the same where each first one is lost', async () => {
  const exportBy = async (losesAttempts: boolean): Promise<RunJob> => {
    source = await startSource({ directory });
    const asked = {
      ...GROUP,
      types: ['Patient', 'Condition'],
      configuration: CONFIGURATION,
      risk: RISK,
    } as Asked;
    const environment = { PAGE_SIZE: '5', SLICE_MAX_PAGES: '1' };
    const job = await runJob(storage, source.url, asked, environment, { losesAttempts });
    await source.close();
    return job;
  };
  const [once, twice] = [await exportBy(false), await exportBy(true)];
  expect(once.report.cost?.sourceRequests).toBeGreaterThan(5);
  expect(twice.report.cost?.sourceRequests).toBe(once.report.cost?.sourceRequests);
  expect(once.report.cost?.cpuSeconds ?? 1).toBeGreaterThan(0);
  source = undefined;
});

it('the private state alone has digests, and these go with the job', async () => {
  const seen: string[] = [];
  const { manifest } = await exportOf({}, {}, {}, (text) => seen.push(text));
  expect(JSON.stringify(manifest)).not.toMatch(/class|quasi/i);
  expect(seen.join()).not.toMatch(/WA|female|1970|quasi/);
  expect((await namesIn('runtimeStorage')).filter((name) => /classes|secret/.test(name))).toEqual([]);
});
