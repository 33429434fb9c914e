import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SourceBehaviour } from '../../local/source/behaviours.js';
import type { SourceOptions } from '../../local/source/settings.js';
import { type RunningSource, startSource } from '../../local/source/source.js';
import { startTestStorage, type TestStorage } from '../stack/harness.js';
import { type Asked, type JobResource, keysOf, runJob, type RunJob } from '../stack/runJob.js';

const PATIENTS = 12;
const MEMBERS = 9;
const CUT = '2024-03-01T00:20:00.000Z';
const TYPES = ['Patient', 'Observation', 'Condition', 'Encounter'];

let stack: TestStorage;
let directory: string;
let source: RunningSource | undefined;
let requests: string[] = [];

beforeAll(async () => {
  stack = await startTestStorage();
  directory = mkdtempSync(join(tmpdir(), 'fhir-patients-'));
  writePatients(directory);
});
afterAll(async () => {
  await stack?.end();
  rmSync(directory, { recursive: true, force: true });
});
afterEach(async () => {
  await source?.close();
  source = undefined;
});

/** Resources of one, two or many to a patient, some of two patients, and some by two elements of the same one. */
function writePatients(folder: string): void {
  let minute = 0;
  const write = (type: string, resources: readonly object[]): void => {
    const lines = resources.map((resource, index) => {
      const id = `${type.toLowerCase()}-${index}`;
      const lastUpdated = new Date(Date.UTC(2024, 2, 1) + minute++ * 7_300).toISOString();
      return JSON.stringify({ resourceType: type, id, meta: { lastUpdated }, ...resource });
    });
    writeFileSync(join(folder, `${type}.ndjson`), `${lines.join('\n')}\n`);
  };
  const of = (patient: number): object => ({ reference: `Patient/patient-${patient}` });
  const each = (count: number, make: (index: number) => object): object[] =>
    Array.from({ length: count }, (_, index) => make(index));
  write(
    'Patient',
    each(PATIENTS, () => ({ active: true })),
  );
  write(
    'Observation',
    each(180, (index) => ({
      status: index % 3 === 0 ? 'final' : 'amended',
      subject: of(index % PATIENTS),
      // Of the same patient by two elements, of two members, or of a patient who is none.
      ...(index % 5 === 0 ? { performer: [of((index + (index % 2)) % PATIENTS)] } : {}),
    })),
  );
  // One patient has more than a page, and more than a slice.
  write(
    'Condition',
    each(60, (index) => ({ subject: of(index < 40 ? 3 : index % PATIENTS) })),
  );
  write(
    'Encounter',
    each(PATIENTS, (index) => ({ status: 'finished', subject: of(index) })),
  );
  write('Organization', [{ active: true }]);
  // So that nobody has joined it in a chain of exports.
  const meta = { lastUpdated: '2024-01-01T00:00:00Z' };
  write('Group', [
    { meta, type: 'person', actual: true, member: each(MEMBERS, (index) => ({ entity: of(index) })) },
  ]);
}

async function exportOf(
  asked: Partial<Asked>,
  behaviours: readonly SourceBehaviour[],
  options: Partial<SourceOptions> = {},
  losesAttempts = false,
): Promise<RunJob> {
  requests = [];
  source = await startSource({
    directory,
    behaviours,
    maxCount: 10,
    onRequest: ({ path, query }) => requests.push(`${path}?${query}`),
    ...options,
  });
  try {
    return await runJob(
      stack,
      source.url,
      { level: { kind: 'group', groupId: 'group-0' }, types: TYPES, ...asked },
      { PAGE_SIZE: '10', SLICE_MAX_PAGES: '5' },
      { losesAttempts },
    );
  } finally {
    await source.close();
    source = undefined;
  }
}

/** What of the source a job over some patients is to have, by the data itself. */
function expected(
  isMember: (patient: number) => boolean,
  isWanted: (resource: JobResource) => boolean = () => true,
): string[] {
  const resources = TYPES.flatMap((type) =>
    readFileSync(join(directory, `${type}.ndjson`), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as JobResource),
  );
  return keysOf(
    resources.filter((resource) => {
      const references = [resource['subject'], ...((resource['performer'] ?? []) as unknown[])]
        .filter((reference) => reference !== undefined)
        .map((reference) => (reference as { reference: string }).reference);
      const own = resource.resourceType === 'Patient' ? [`Patient/${resource.id}`] : references;
      const isOf = own.every((reference) => isMember(Number(reference.replace('Patient/patient-', ''))));
      return isOf && isWanted(resource);
    }),
  );
}

const members = (patient: number): boolean => patient < MEMBERS;
const REQUIRED: SourceBehaviour[][] = [
  ['patient-required', 'metadata-refused'],
  ['patient-required', 'times-hidden'],
  ['patient-required-403', 'gateway-links', 'no-totals'],
];

describe.each(REQUIRED)('a source that refuses searches without a patient: %j %j %j', (...given) => {
  const behaviours = given.filter(Boolean);

  it('is exported for a Group, each resource once', async () => {
    const { resources, notes, plan } = await exportOf({}, behaviours);
    expect(keysOf(resources)).toEqual(expected(members));
    expect(notes.join()).toMatch(/read patient by patient.*not of one moment.*deleted/);
    expect(plan.partitions.every(({ memberSearch }) => memberSearch?.patientByPatient)).toBe(true);
    const searches = requests.filter((request) => !/^(metadata|Group)/.test(request));
    expect(searches.join()).not.toMatch(/_sort|_lastUpdated|_summary|_total|_revinclude/);
  });

  it('is exported for a list of patients, also where every slice is done twice', async () => {
    const patients = ['patient-3', 'patient-10', 'patient-1'];
    const { resources } = await exportOf({ level: { kind: 'patient' }, patients }, behaviours, {}, true);
    expect(keysOf(resources)).toEqual(expected((patient) => patients.includes(`patient-${patient}`)));
  });

  it('is exported in a chain, in which what has no time comes each time', async () => {
    const first = await exportOf({ until: CUT }, behaviours);
    const second = await exportOf({ since: first.manifest.transactionTime }, behaviours);
    const isHidden = ({ resourceType }: JobResource): boolean =>
      behaviours.includes('times-hidden') && resourceType !== 'Patient';
    const twice = expected(members, isHidden);
    expect(keysOf([...first.resources, ...second.resources])).toEqual(
      [...expected(members), ...twice].sort(),
    );
    for (const { notes } of [first, second]) {
      if (twice.length > 0) expect(notes.join()).toMatch(/\d+ resources .* have no meta.lastUpdated/);
      else expect(notes.join()).not.toMatch(/have no meta.lastUpdated/);
    }
  });

  it.each([{ kind: 'system' as const }, { kind: 'patient' as const }])(
    'is refused at once where no patients are named: %j',
    async (level) => {
      await expect(exportOf({ level }, behaviours)).rejects.toThrow(/export a group of patients .* or name/);
      expect(requests.length).toBeLessThan(10);
    },
  );
});

describe('a source that refuses searches without a patient', () => {
  it.each<SourceBehaviour[]>([
    ['patient-required', 'no-totals'],
    ['patient-required', 'relative-links'],
    ['patient-required-403', 'estimated-totals'],
  ])('is exported for a Group: %s, %s', async (...behaviours) => {
    expect(keysOf((await exportOf({}, behaviours)).resources)).toEqual(expected(members));
  });

  it('of which links expire now and then is exported, each resource once', async () => {
    const expire = (): void => {
      if (requests.push('') % 9 === 0) source?.expireCursors();
    };
    const { resources } = await exportOf({}, ['patient-required'], { onRequest: expire });
    expect(keysOf(resources)).toEqual(expected(members));
  });

  it('and pages as large as the app asks for is exported by smaller ones', async () => {
    const faults = [{ kind: 'countLimit', max: 4, status: 413 }] as const;
    expect(keysOf((await exportOf({}, ['patient-required'], { faults })).resources)).toEqual(
      expected(members),
    );
  });

  it.each([['no-totals' as const], [undefined]])('and has no next links is refused: %s', async (other) => {
    const behaviours: SourceBehaviour[] = ['patient-required', 'no-next-links'];
    if (other !== undefined) behaviours.push(other);
    await expect(exportOf({}, behaviours)).rejects.toThrow(/Observation|Condition/);
  });

  it('is exported by several filters of a type, each resource once', async () => {
    const filter = (search: Array<[string, string]>): { type: string; search: Array<[string, string]> } => ({
      type: 'Observation',
      search,
    });
    const { resources } = await exportOf(
      {
        types: ['Observation'],
        typeFilters: [filter([['status', 'final']]), filter([['status', 'final,amended']])],
      },
      ['patient-required'],
      {},
      true,
    );
    expect(keysOf(resources)).toEqual(
      expected(members, ({ resourceType }) => resourceType === 'Observation'),
    );
  });

  it('names the linking parameters that it does not have', async () => {
    const { notes, resources } = await exportOf({}, ['patient-required'], { unsupported: ['performer'] });
    expect(notes.join()).toMatch(/cannot be searched for Observation by performer/);
    // Those that are of a member as the performer alone are of another patient, too.
    expect(keysOf(resources)).toEqual(expected(members));
  });

  it('leaves out the types that it refuses even for a patient, with an error entry and a note', async () => {
    const unsupported = ['subject', 'patient', 'performer', 'asserter', 'member', 'practitioner'];
    const { manifest, notes, report, resources } = await exportOf(
      { types: undefined },
      ['patient-required'],
      { unsupported },
    );
    expect(new Set(resources.map(({ resourceType }) => resourceType))).toEqual(new Set(['Patient']));
    const types = report.types.flatMap(({ type, failures }) => (failures.length > 0 ? [type] : []));
    expect(types).toEqual(['Condition', 'Encounter', 'Group', 'Observation']);
    expect(manifest.error).toMatchObject([{ type: 'OperationOutcome', of: types, count: types.length }]);
    expect(notes.join()).toMatch(
      /Left out.*refuses to be searched.*Condition, Encounter, Group, Observation/,
    );
  });

  it('is refused for patients whom it does not have, without their names', async () => {
    const asked = { level: { kind: 'patient' as const }, patients: ['patient-3', 'unknown'] };
    await expect(exportOf(asked, ['patient-required'])).rejects.toThrow(
      /^patient: 1 of the 2 patients asked for does not exist/,
    );
  });
});
