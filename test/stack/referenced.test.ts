import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { generateSample } from '../../local/sample/sample.js';
import type { SourceOptions } from '../../local/source/settings.js';
import { type RunningSource, startSource } from '../../local/source/source.js';
import { REFERENCED_TYPES } from '../../functions/export/request/associatedData.js';
import { startTestStorage, type TestStorage } from './harness.js';
import { sampleResources } from './sampleResources.js';
import { type Asked, type JobResource, keysOf, runJob, type Running, type RunJob } from './runJob.js';

let stack: TestStorage;
let directory: string;
let resources: JobResource[];
let source: RunningSource | undefined;

beforeAll(async () => {
  stack = await startTestStorage();
  directory = mkdtempSync(join(tmpdir(), 'fhir-referenced-'));
  generateSample({ directory, seed: 5, patients: 4 });
  resources = sampleResources(directory);
});
afterAll(async () => {
  await stack.end();
  rmSync(directory, { recursive: true, force: true });
});
afterEach(async () => {
  await source?.close();
  source = undefined;
});

async function exportOf(
  asked: Partial<Asked>,
  options: Partial<SourceOptions> = {},
  running: Running = {},
): Promise<RunJob> {
  source = await startSource({ directory, ...options });
  const all: Asked = { level: { kind: 'patient' }, referencedTypes: [...REFERENCED_TYPES], ...asked };
  return runJob(stack, source.url, all, {}, running);
}

/** What resources refer to, and what that refers to, of some types: worked out from the sample itself. */
function referredTo(from: readonly JobResource[], types: readonly string[] = REFERENCED_TYPES): string[] {
  const byKey = new Map(resources.map((resource) => [`${resource.resourceType}/${resource.id}`, resource]));
  const found = new Set<string>();
  const follow = (resource: JobResource): void => {
    for (const [, key = ''] of JSON.stringify(resource).matchAll(/"reference":"([A-Za-z]+\/[^"]+)"/g)) {
      const target = byKey.get(key);
      if (target === undefined || found.has(key) || !types.includes(target.resourceType)) continue;
      found.add(key);
      follow(target);
    }
  };
  from.forEach(follow);
  return [...found].sort();
}

const isReferenced = ({ resourceType }: JobResource): boolean => REFERENCED_TYPES.includes(resourceType);

it('what exported resources refer to comes once, with what that refers to, though attempts are lost', async () => {
  const { resources: exported, notes, report } = await exportOf({}, {}, { workers: 3, losesAttempts: true });
  const own = exported.filter((resource) => !isReferenced(resource));
  const expected = referredTo(own);
  expect(expected.length).toBeGreaterThan(5);
  expect(keysOf(exported.filter(isReferenced))).toEqual(expected);
  expect(notes).toEqual([]);
  expect(report.types.map(({ type }) => type)).toContain('Practitioner');
});

it('only of the types and the patients asked for', async () => {
  const patient = resources.find(({ resourceType }) => resourceType === 'Patient')?.id ?? '';
  const types = ['Patient', 'Encounter', 'Practitioner'];
  const asked = { types, patients: [patient], referencedTypes: ['Practitioner'] };
  const { resources: exported } = await exportOf(asked);
  const own = exported.filter((resource) => !isReferenced(resource));
  expect(own.length).toBeGreaterThan(1);
  expect(keysOf(exported.filter(isReferenced))).toEqual(referredTo(own, ['Practitioner']));
});

it('whatever _since says: an export before need not have had them', async () => {
  const times = resources.map(({ meta }) => (meta as { lastUpdated: string }).lastUpdated).sort();
  const { resources: exported } = await exportOf({ since: times[Math.floor(times.length / 2)] });
  const own = exported.filter((resource) => !isReferenced(resource));
  expect(keysOf(exported.filter(isReferenced))).toEqual(referredTo(own));
});

it('resources that are not at the source are counted', async () => {
  source = await startSource({ directory });
  const gone = referredTo(resources).find((key) => key.startsWith('Practitioner/')) ?? '';
  expect((await fetch(`${source.url}/${gone}`, { method: 'DELETE' })).status).toBe(200);
  const asked: Asked = { level: { kind: 'patient' }, referencedTypes: ['Practitioner'] };
  const { resources: exported, notes } = await runJob(stack, source.url, asked);
  expect(keysOf(exported)).not.toContain(gone);
  expect(notes).toEqual(['1 resource that exported ones refer to is not at the source.']);
});

it('without a type among those asked for, nothing comes', async () => {
  const { resources: exported } = await exportOf({ referencedTypes: [] });
  expect(exported.filter(isReferenced)).toEqual([]);
});

it('types that few patients refer to are withheld, as others are', async () => {
  const { resources: exported, notes } = await exportOf({ minPatients: 4 });
  expect(exported.length).toBeGreaterThan(0);
  expect(notes.join(' ')).toContain('Medication');
  expect(exported.some(({ resourceType }) => resourceType === 'Medication')).toBe(false);
});

it('what only resources of a withheld type refer to is not exported, though its type is', async () => {
  const own = mkdtempSync(join(tmpdir(), 'fhir-referenced-few-'));
  const meta = { lastUpdated: '2026-01-01T00:00:00Z' };
  const refer = (id: string) => [{ reference: `Practitioner/${id}` }];
  const patients = ['a', 'b', 'c', 'd'].map((id) => {
    return { resourceType: 'Patient', id, meta, generalPractitioner: refer('usual') };
  });
  const observation = {
    ...{ resourceType: 'Observation', id: 'one', meta, status: 'final', code: { text: 'rare' } },
    ...{ subject: { reference: 'Patient/a' }, performer: refer('rare') },
  };
  const practitioners = ['usual', 'rare'].map((id) => ({ resourceType: 'Practitioner', id, meta }));
  const files = { Patient: patients, Observation: [observation], Practitioner: practitioners };
  for (const [type, lines] of Object.entries(files))
    writeFileSync(join(own, `${type}.ndjson`), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const types = Object.keys(files);
  const asked = { types, referencedTypes: ['Practitioner'], minPatients: 3 };
  const { resources: exported } = await exportOf(asked, { directory: own });
  rmSync(own, { recursive: true, force: true });
  expect(keysOf(exported)).toEqual([...patients.map(({ id }) => `Patient/${id}`), 'Practitioner/usual']);
});
