import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SourceBehaviour } from '../../local/source/behaviours.js';
import { type RunningSource, startSource } from '../../local/source/source.js';
import { startTestStorage, type TestStorage } from '../stack/harness.js';
import { type Asked, keysOf, runJob, type RunJob } from '../stack/runJob.js';

let stack: TestStorage;
let directory: string;
let source: RunningSource | undefined;
let requests: string[] = [];

/** Ids that FHIR does not allow, and that servers have. */
const PATIENTS = ['P_1', 'p~2', 'p-3', `P_${'x'.repeat(80)}`];
const MEMBERS = PATIENTS.slice(0, 2);

beforeAll(async () => {
  stack = await startTestStorage();
  directory = mkdtempSync(join(tmpdir(), 'fhir-refusals-'));
  write(
    'Patient',
    PATIENTS.map((id) => ({ id, active: true })),
  );
  write(
    'Observation',
    Array.from({ length: 30 }, (_, index) => ({
      id: `O_${index}`,
      status: 'final',
      code: { text: 'code' },
      subject: { reference: `Patient/${PATIENTS[index % PATIENTS.length]}` },
    })),
  );
  write('Organization', [{ id: 'org', active: true }]);
  write('Binary', [{ id: 'letter', contentType: 'text/plain' }]);
  write('Provenance', [
    { id: 'about-observation', target: [{ reference: 'Observation/O_0' }], recorded: '2024-01-01T00:00:00Z' },
  ]);
  write('Group', [
    {
      id: 'G_1',
      type: 'person',
      actual: true,
      member: MEMBERS.map((id) => ({ entity: { reference: `Patient/${id}` } })),
    },
  ]);
});
afterAll(async () => {
  await stack?.end();
  rmSync(directory, { recursive: true, force: true });
});
afterEach(async () => {
  await source?.close();
  source = undefined;
});

function write(type: string, resources: ReadonlyArray<{ id: string; [element: string]: unknown }>): void {
  const lines = resources.map((resource, index) => {
    const lastUpdated = new Date(Date.UTC(2024, 2, 1) + index * 7_300).toISOString();
    return JSON.stringify({ resourceType: type, meta: { lastUpdated }, ...resource });
  });
  writeFileSync(join(directory, `${type}.ndjson`), `${lines.join('\n')}\n`);
}

async function exportOf(asked: Asked, behaviours: readonly SourceBehaviour[] = []): Promise<RunJob> {
  requests = [];
  source = await startSource({
    directory,
    behaviours,
    onRequest: ({ method, path, query }) => requests.push(`${method} ${path}?${query}`),
  });
  return runJob(stack, source.url, asked);
}

const OBSERVATIONS_OF = (patients: readonly string[]): string[] =>
  Array.from({ length: 30 }, (_, index) => `Observation/O_${index}`).filter((_, index) =>
    patients.includes(PATIENTS[index % PATIENTS.length] ?? ''),
  );
const OF = (patients: readonly string[]): string[] => [
  ...patients.map((id) => `Patient/${id}`),
  ...OBSERVATIONS_OF(patients),
];

describe('a type that the source lists and refuses', () => {
  it('is left out with an error entry and a note where the caller did not ask for it by name', async () => {
    const { resources, manifest, notes, report } = await exportOf({ level: { kind: 'system' } }, [
      'type-refused',
      'provenance-refused',
    ]);
    expect(keysOf(resources)).toEqual([...OF(PATIENTS), 'Group/G_1'].sort());
    expect(manifest.error).toMatchObject([
      { type: 'OperationOutcome', of: ['Organization', 'Provenance'], count: 2 },
    ]);
    expect(notes.join()).toMatch(/Left out.*refuses to be searched.*Organization, Provenance/);
    const failures = report.types.flatMap((type) => type.failures);
    expect(failures.map(({ type, code }) => [type, code])).toEqual([
      ['Organization', 'source-refused'],
      ['Provenance', 'source-forbidden'],
    ]);
  });

  it.each([
    ['Organization', 'type-refused', /answered 400.*Organization/],
    ['Provenance', 'provenance-refused', /answered 403.*Provenance/],
  ] as const)('ends the export that asks for %s by name', async (type, behaviour, words) => {
    const asked: Asked = { level: { kind: 'system' }, types: ['Patient', type] };
    await expect(exportOf(asked, [behaviour])).rejects.toThrow(words);
  });

  it('ends the export that asks for it by a filter', async () => {
    const typeFilters = [{ type: 'Organization', search: [['active', 'true'] as const] }];
    await expect(exportOf({ level: { kind: 'system' }, typeFilters }, ['type-refused'])).rejects.toThrow(
      /answered 400/,
    );
  });

  it.each([{ kind: 'patient' }, { kind: 'group', groupId: 'G_1' }] satisfies Array<Asked['level']>)(
    'does not come along where it is Provenance: $kind',
    async (level) => {
      const patients = level.kind === 'group' ? MEMBERS : PATIENTS;
      const { resources, notes } = await exportOf({ level }, ['provenance-refused']);
      const own = resources.filter(({ resourceType }) => resourceType !== 'Group');
      expect(keysOf(own)).toEqual(OF(patients).sort());
      expect(notes.join()).toMatch(/Provenance/);
    },
  );
});

describe('Binary', () => {
  it('is left out unless it is asked for, which a note says', async () => {
    const all = await exportOf({ level: { kind: 'system' } });
    expect(keysOf(all.resources)).not.toContain('Binary/letter');
    expect(all.notes.join()).toMatch(/Binary is left out/);
    await source?.close();
    const asked = await exportOf({ level: { kind: 'system' }, types: ['Binary'] });
    expect(keysOf(asked.resources)).toEqual(['Binary/letter']);
  });
});

describe('ids that FHIR does not allow are exported', () => {
  const types = ['Patient', 'Observation', 'Provenance'];
  const WITH_PROVENANCE = (patients: readonly string[]): string[] =>
    [...OF(patients), 'Provenance/about-observation'].sort();

  it.each([
    ['at the system level', { level: { kind: 'system' } }, PATIENTS],
    ['at the Patient level', { level: { kind: 'patient' } }, PATIENTS],
    ['of the members of a Group', { level: { kind: 'group', groupId: 'G_1' } }, MEMBERS],
    ['of patients that are named', { level: { kind: 'patient' }, patients: MEMBERS }, MEMBERS],
    ['of members that are named', { level: { kind: 'group', groupId: 'G_1' }, patients: ['P_1'] }, ['P_1']],
  ] satisfies Array<[string, Asked, string[]]>)('%s', async (_name, asked, patients) => {
    const { resources } = await exportOf({ ...asked, types });
    expect(keysOf(resources)).toEqual(WITH_PROVENANCE(patients));
  });
});
