import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { developmentStorage, EXPORT_ACCOUNT, RUNTIME_ACCOUNT } from '../../local/developmentStorage.js';
import { JobStore } from '../../functions/adapters/storage/jobStore.js';
import { openStorage } from '../../functions/adapters/storage/storage.js';
import type { MembershipRecord } from '../../functions/export/plan/membership.js';
import type { PlannedPartition } from '../../functions/export/records/job.js';
import type { SourceOptions } from '../../local/source/settings.js';
import { type RunningSource, startSource } from '../../local/source/source.js';
import { type Emulator, startEmulator } from '../adapters/azurite.js';
import type { TestStorage } from './harness.js';
import { type Asked, keysOf, runJob, type RunJob } from './runJob.js';

const KEY = { MEMBERSHIP_KEY: 'the key of a deployment, as long as it has to be' };
const CUT = '2025-06-01T00:00:00Z';
const LATER = '2025-07-01T00:00:00Z';
const NUMBERS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

interface Made {
  resourceType: string;
  id: string;
  meta: { lastUpdated: string };
  subject?: { reference: string };
  performer?: Array<{ reference: string }>;
  target?: Array<{ reference: string }>;
}

const patientId = (patient: number): string => `patient-${patient}`;
const reference = (patient: number): { reference: string } => ({
  reference: `Patient/${patientId(patient)}`,
});

/** Of each patient, resources of before, between and after the two instants; some of two patients, some with Provenance. */
const resources: Made[] = NUMBERS.flatMap((patient) => {
  const times = ['2025-05-01T00:00:00Z', '2025-06-15T00:00:00Z', '2025-07-15T00:00:00Z'];
  const make = (resourceType: string, nth: number, more: Partial<Made>): Made => {
    const lastUpdated = times[nth] ?? '';
    return {
      resourceType,
      id: `${resourceType.toLowerCase()}-${patient}-${nth}`,
      meta: { lastUpdated },
      ...more,
    };
  };
  return [
    make('Patient', patient % 3, { id: patientId(patient) }),
    ...times.flatMap((_time, nth) => [
      make('Condition', nth, { subject: reference(patient) }),
      make('Observation', nth, {
        subject: reference(patient),
        performer: [reference(patient < 11 && nth !== 2 ? patient + 1 : patient)],
      }),
      make('Provenance', nth, {
        // Of what was changed before and after itself, and of two patients.
        target: [
          { reference: `Condition/condition-${patient}-${(nth + 1) % 3}` },
          { reference: `Condition/condition-${(patient + 5) % 12}-${nth}` },
        ],
      }),
    ]),
  ];
});

const patientsOf = ({ resourceType, id, subject, performer = [] }: Made): string[] =>
  resourceType === 'Patient'
    ? [id]
    : [subject, ...performer].flatMap((each) => each?.reference.slice(8) ?? []);

/** What is to be exported of members, from one instant to another, and of those who joined from the begin. */
function expected(
  members: readonly number[],
  { since, until = '9', joined = [] }: { since?: string; until?: string; joined?: readonly number[] },
  hasProvenance = true,
): string[] {
  const [all, whole] = [members, joined].map((some) => new Set(some.map(patientId)));
  const isTheirs = (made: Made, some = new Set<string>()): boolean =>
    patientsOf(made).some((id) => some.has(id)) && patientsOf(made).every((id) => all?.has(id));
  const isInTime = ({ meta }: Made): boolean => meta.lastUpdated >= (since ?? '');
  const own = resources.filter(
    (made) =>
      made.meta.lastUpdated < until && (isTheirs(made, whole) || (isTheirs(made, all) && isInTime(made))),
  );
  const exported = new Map(own.map((made) => [`${made.resourceType}/${made.id}`, made]));
  const along = resources.filter(
    (made) =>
      made.meta.lastUpdated < until &&
      made.target?.some(({ reference: target }) => {
        const found = exported.get(target);
        return found !== undefined && (isInTime(made) || isTheirs(found, whole));
      }),
  );
  return [...exported.keys(), ...(hasProvenance ? along.map(({ id }) => `Provenance/${id}`) : [])].sort();
}

let emulator: Emulator;
let storage: TestStorage;
let directory: string;
let source: RunningSource;

const GROUP = { resourceType: 'Group', id: 'cohort', meta: { lastUpdated: '2025-04-01T00:00:00Z' } };
const groupOf = (members: readonly number[], more: (patient: number) => object = () => ({})): string =>
  JSON.stringify({
    ...GROUP,
    member: members.map((patient) => ({ entity: reference(patient), ...more(patient) })),
  });

beforeAll(async () => {
  emulator = await startEmulator();
  const { port, connectionString } = emulator;
  storage = {
    stack: { exportStorage: developmentStorage(EXPORT_ACCOUNT, port), runtimeStorage: connectionString },
    end: () => emulator.stop(),
  };
  directory = mkdtempSync(join(tmpdir(), 'fhir-group-changes-'));
  for (const type of new Set(resources.map(({ resourceType }) => resourceType))) {
    const own = resources.filter(({ resourceType }) => resourceType === type);
    writeFileSync(join(directory, `${type}.ndjson`), own.map((made) => `${JSON.stringify(made)}\n`).join(''));
  }
  writeFileSync(join(directory, 'Group.ndjson'), `${groupOf([0, 1, 2, 3, 4, 5])}\n`);
});
afterAll(async () => {
  await storage.end();
  rmSync(directory, { recursive: true, force: true });
});
afterEach(() => source?.close());

async function serve(options: Partial<SourceOptions> = {}): Promise<void> {
  source = await startSource({ directory, ...options });
}

/** A raw export of the group. */
function exportOf(
  asked: Partial<Asked>,
  environment: Record<string, string> = KEY,
  losesAttempts = false,
): Promise<RunJob> {
  const all: Asked = {
    level: { kind: 'group', groupId: 'cohort' },
    types: ['Patient', 'Observation', 'Condition', 'Provenance'],
    ...asked,
  };
  return runJob(storage, source.url, all, environment, { losesAttempts, workers: 3 });
}

const newcomers = (notes: readonly string[]): string[] => notes.filter((note) => /joined|left it/.test(note));

describe('an export of a changed Group by _since', () => {
  const before = [0, 1, 2, 3, 4, 5];
  const after = [2, 3, 4, 5, 6, 7, 8];
  const joined = [6, 7, 8];

  const ofJoined = ({ isOfJoined }: PlannedPartition): boolean => isOfJoined === true;
  it.each<
    [
      how: string,
      options: Partial<SourceOptions>,
      environment: Record<string, string>,
      isRead: (part: PlannedPartition) => boolean,
    ]
  >([
    [
      'searches for members',
      {},
      { PAGE_SIZE: '4' },
      (part) => ofJoined(part) && part.memberSearch?.batch === 3,
    ],
    [
      'walks of whole types',
      { unsupported: ['subject', 'patient'] },
      {},
      (part) => ofJoined(part) && part.memberSearch === undefined,
    ],
    [
      'searches patient by patient',
      { behaviours: ['patient-required'] },
      { SLICE_MAX_PAGES: '20' },
      (part) => ofJoined(part) && part.memberSearch?.patientByPatient !== undefined,
    ],
    [
      "the source's own export",
      { behaviours: ['export-no-since', 'export-ignores'] },
      { SOURCE_MODE: 'bulk' },
      ({ file }) => file?.bulk !== undefined,
    ],
  ])('has all of whom the export before did not have, by %s', async (_how, options, environment, isRead) => {
    await serve(options);
    // It comes along with searches that sort.
    const hasProvenance = options.behaviours === undefined;
    const first = await exportOf({ until: CUT }, { ...KEY, ...environment });
    expect(keysOf(first.resources)).toEqual(expected(before, { until: CUT }, hasProvenance));
    source.update('Group', 'cohort', groupOf(after));
    const second = await exportOf({ since: CUT }, { ...KEY, ...environment }, true);
    expect(keysOf(second.resources)).toEqual(expected(after, { since: CUT, joined }, hasProvenance));
    expect(second.plan.partitions.some(isRead)).toBe(true);
    expect(newcomers(second.notes)).toEqual([
      ...(environment['SOURCE_MODE'] === 'bulk' ? [expect.stringContaining('which the source decides')] : []),
      'Group: 3 patients joined it after _since, as far as is known: all their data is exported, and not only what was changed since.',
      expect.stringMatching(/^Group: 2 patients left it after _since\. .*not in deleted/),
    ]);
  });

  it('has all of whom the export before did not have, by files', async () => {
    await serve();
    const container = BlobServiceClient.fromConnectionString(emulator.connectionString).getContainerClient(
      'changing',
    );
    await container.create();
    const put = (name: string, text: string): Promise<unknown> =>
      container.getBlockBlobClient(name).upload(text, Buffer.byteLength(text));
    for (const name of readdirSync(directory)) await put(name, readFileSync(join(directory, name), 'utf8'));
    const files = {
      ...KEY,
      SOURCE_MODE: 'files',
      SOURCE_STORAGE: developmentStorage(RUNTIME_ACCOUNT, emulator.port),
      SOURCE_CONTAINER: 'changing',
    };
    await exportOf({ until: CUT }, files);
    await put('Group.ndjson', `${groupOf(after)}\n`);
    const { resources: second } = await exportOf({ since: CUT }, files, true);
    expect(keysOf(second)).toEqual(expected(after, { since: CUT, joined }, false));
  });

  it.each<[basis: string, group: string | undefined, joined: number[], members: number[], notes: RegExp[]]>([
    ['a Group that was not changed since has what changed', undefined, [], before, []],
    [
      'period.start has all of those who joined',
      groupOf([...after, 0], (patient) => ({
        period: {
          start: joined.includes(patient) ? '2025-06-02' : '2020',
          ...(patient === 0 ? { end: '2025-06-30' } : {}),
        },
      })),
      joined,
      after,
      [/^Group: 3 patients joined/, /^Group: 1 patients left it after _since, as far as is known\./],
    ],
    [
      'nothing at all loses nothing',
      groupOf(after),
      after,
      after,
      [/^Group: 7 patients joined/, /^Group: of 7 of them nothing shows when they joined.*MEMBERSHIP_KEY/],
    ],
  ])('that goes by %s', async (_basis, group, whole, members, notes) => {
    await serve();
    if (group !== undefined) source.update('Group', 'cohort', group);
    const run = await exportOf({ since: CUT }, {});
    expect(keysOf(run.resources)).toEqual(expected(members, { since: CUT, joined: whole }));
    expect(newcomers(run.notes)).toEqual(notes.map((note) => expect.stringMatching(note) as string));
  });

  it('has what newcomers had before once there are enough of them (MIN_PATIENTS)', async () => {
    await serve();
    const limited = { minPatients: 4, types: ['Observation', 'Condition'] };
    await exportOf({ until: CUT, ...limited });
    source.update('Group', 'cohort', groupOf([...before, 7, 8]));
    const second = await exportOf({ since: CUT, until: LATER, ...limited });
    const ofTypes = (keys: string[]): string[] => keys.filter((key) => /^(Observation|Condition)/.test(key));
    const few = { since: CUT, until: LATER };
    expect(keysOf(second.resources)).toEqual(ofTypes(expected([...before, 7, 8], few)));
    expect(newcomers(second.notes)).toEqual([
      expect.stringMatching(/^Group: fewer than 4 patients, or none, joined.*MIN_PATIENTS/),
      expect.stringMatching(/^Group: fewer than 4 patients, or none, left/),
    ]);
    source.update('Group', 'cohort', groupOf([...before, 7, 8, 9, 10]));
    const third = await exportOf({ since: LATER, ...limited });
    const enough = { since: LATER, joined: [7, 8, 9, 10] };
    expect(keysOf(third.resources)).toEqual(ofTypes(expected([...before, 7, 8, 9, 10], enough)));
  });

  it('with another key knows nothing of the export before', async () => {
    await serve();
    await exportOf({ until: CUT, types: ['Patient'] });
    source.update('Group', 'cohort', groupOf(before));
    const other = { MEMBERSHIP_KEY: KEY.MEMBERSHIP_KEY.toUpperCase() };
    for (const environment of [KEY, other]) {
      const { notes } = await exportOf({ since: CUT, types: ['Patient'] }, environment);
      expect(newcomers(notes)).toHaveLength(environment === KEY ? 0 : 2);
    }
  });
});

describe('what is remembered of members', () => {
  const containerOf = (): ContainerClient =>
    BlobServiceClient.fromConnectionString(emulator.connectionString).getContainerClient('fhir-export-jobs');
  const remembered = async (prefix = 'membership-'): Promise<string[]> => {
    const names: string[] = [];
    for await (const { name } of containerOf().listBlobsFlat({ prefix })) names.push(name);
    return names;
  };
  const storeOf = (): JobStore => new JobStore(openStorage({ connectionString: emulator.connectionString }));

  it('names neither them nor the group', async () => {
    await serve();
    await exportOf({ until: CUT, types: ['Patient'] });
    const names = await remembered();
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      const text = (await containerOf().getBlobClient(name).downloadToBuffer()).toString('utf8');
      expect(`${name} ${text}`).not.toMatch(/patient|cohort/);
      for (const digest of JSON.parse(text) as string[]) expect(digest).toMatch(/^[\w-]{16}$/);
    }
  });

  it('is what all exports as of one instant had, of the latest exports of a chain, for a time', async () => {
    const jobs = storeOf();
    const recordOf = (nth: number): MembershipRecord => ({
      chain: 'membership-chain-',
      name: `membership-chain-${nth}.json`,
      digest: (id) => id,
    });
    await jobs.putMembership(recordOf(0), ['a', 'b', 'c']);
    await jobs.putMembership(recordOf(0), ['c', 'd', 'a']);
    expect(await jobs.membership(recordOf(0).name)).toEqual(['a', 'c']);
    for (let nth = 1; nth < 34; nth++) await jobs.putMembership(recordOf(nth), ['a']);
    expect(await remembered('membership-chain-')).toHaveLength(32);
    await jobs.dropMemberships(Date.now() - 60_000);
    expect(await remembered('membership-chain-')).toHaveLength(32);
    await jobs.dropMemberships(Date.now() + 60_000);
    expect(await remembered()).toEqual([]);
  });
});
