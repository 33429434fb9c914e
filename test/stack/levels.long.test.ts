import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { generateSample } from '../../local/sample/sample.js';
import type { SourceOptions, SourceRequest } from '../../local/source/settings.js';
import { type RunningSource, startSource } from '../../local/source/source.js';
import { startTestStorage, type TestStorage } from './harness.js';
import { sampleResources } from './sampleResources.js';
import { type Asked, type JobResource, keysOf, runJob, type RunJob } from './runJob.js';

let stack: TestStorage;
let directory: string;
let resources: JobResource[];
let source: RunningSource | undefined;
let requests: SourceRequest[];

beforeAll(async () => {
  stack = await startTestStorage();
  directory = mkdtempSync(join(tmpdir(), 'fhir-levels-'));
  generateSample({ directory, seed: 3, patients: 20 });
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
  asked: Asked,
  options: Partial<SourceOptions> = {},
  environment: Record<string, string> = {},
): Promise<RunJob> {
  requests = [];
  source = await startSource({ directory, onRequest: (request) => requests.push(request), ...options });
  return runJob(stack, source.url, asked, environment);
}

/** Every text at a path of names, through arrays. */
function textsAt(value: unknown, names: readonly string[]): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => textsAt(item, names));
  if (typeof value === 'string') return names.length === 0 ? [value] : [];
  const [name = '', ...rest] = names;
  return typeof value === 'object' && value !== null
    ? textsAt((value as Record<string, unknown>)[name], rest)
    : [];
}

/**
 * Where the types of the sample name patients whose compartment they are in, by hand from the R4 definition; and of whom
 * a Device is.
 */
const LINKS: Record<string, string[]> = {
  AllergyIntolerance: ['patient', 'recorder', 'asserter'],
  Appointment: ['participant.actor'],
  CarePlan: ['subject', 'activity.detail.performer'],
  CareTeam: ['subject', 'participant.member'],
  Claim: ['patient', 'payee.party'],
  Condition: ['subject', 'asserter'],
  Coverage: ['policyHolder', 'subscriber', 'beneficiary', 'payor'],
  Device: ['patient'],
  DiagnosticReport: ['subject'],
  DocumentReference: ['subject', 'author'],
  Encounter: ['subject'],
  ExplanationOfBenefit: ['patient', 'payee.party'],
  Group: ['member.entity'],
  Immunization: ['patient'],
  MedicationRequest: ['subject'],
  Observation: ['subject', 'performer'],
  Patient: ['link.other'],
  Procedure: ['subject', 'performer.actor'],
  Provenance: ['target'],
  QuestionnaireResponse: ['subject', 'author'],
  RelatedPerson: ['patient'],
};

/**
 * What the raw data says is in the compartments of these patients and of no others, and Provenance of that. A Patient
 * is its own, whomever it has links to.
 */
function expected(isMember: (id: string) => boolean, withProvenance = true): string[] {
  const patientsOf = (resource: JobResource): string[] =>
    resource.resourceType === 'Patient'
      ? [resource.id]
      : (LINKS[resource.resourceType] ?? [])
          .flatMap((path) => textsAt(resource, [...path.split('.'), 'reference']))
          .filter((text) => text.startsWith('Patient/'))
          .map((text) => text.slice('Patient/'.length));
  const isIn = (resource: JobResource): boolean => {
    const patients = patientsOf(resource);
    return patients.length > 0 && patients.every(isMember);
  };
  const keys = new Set(keysOf(resources.filter(isIn)));
  const along = resources.filter(
    (resource) =>
      resource.resourceType === 'Provenance' &&
      patientsOf(resource).every(isMember) &&
      textsAt(resource, ['target', 'reference']).some((target) => keys.has(target)),
  );
  return [...new Set([...keys, ...(withProvenance ? keysOf(along) : [])])].sort();
}

const encounters = (kind: string): string[] =>
  resources.filter((resource) => textsAt(resource['class'], ['code']).includes(kind)).map(({ id }) => id);
const groupOf = (name: string): JobResource =>
  resources.find(
    ({ resourceType, identifier }) =>
      resourceType === 'Group' && JSON.stringify(identifier).includes(`COHORT-${name}"`),
  ) as JobResource;
const membersOf = (group: JobResource): Set<string> =>
  new Set(textsAt(group, ['member', 'entity', 'reference']).map((text) => text.split('/')[1] ?? ''));
const groupLevel = (group: JobResource): Asked => ({ level: { kind: 'group', groupId: group.id } });

it('at the system level, what was deleted at the source since is reported', async () => {
  requests = [];
  source = await startSource({ directory, onRequest: (request) => requests.push(request) });
  const since = new Date().toISOString();
  const [first, second] = resources.filter(({ resourceType }) => resourceType === 'Patient');
  for (const patient of [first, second]) {
    const answer = await fetch(`${source.url}/Patient/${patient?.id}`, { method: 'DELETE' });
    expect(answer.status).toBe(200);
  }
  source.insert('Patient', second?.id ?? '', JSON.stringify(second));
  // The transaction time is in whole seconds.
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const { manifest, resources: exported } = await runJob(
    stack,
    source.url,
    { level: { kind: 'system' }, types: ['Patient', 'Observation'], since },
    { TRANSACTION_TIME_MARGIN_SECONDS: '0' },
  );
  expect(keysOf(exported)).toEqual([`Patient/${second?.id}`]);
  expect(manifest.deleted).toEqual([
    {
      type: 'Bundle',
      of: ['Patient'],
      url: expect.any(String),
      count: 1,
      bytes: expect.any(Number),
    },
  ]);
});

describe('the Patient level', () => {
  it('exports every compartment and the patients, each resource once, and what is in none not', async () => {
    const { resources: exported, manifest, notes } = await exportOf({ level: { kind: 'patient' } });
    expect(keysOf(exported)).toEqual(expected(() => true));
    expect(notes).toEqual([]);
    expect(manifest.extension['resourcesWritten']).toBe(exported.length);
    const types = new Set(exported.map(({ resourceType }) => resourceType));
    for (const type of ['Practitioner', 'Organization', 'Location']) expect(types).not.toContain(type);
  });

  it('exports what was asked of it: types, a window, and no Provenance without its type', async () => {
    const since = resources.map(({ meta }) => (meta as { lastUpdated: string }).lastUpdated).sort()[600];
    const { resources: exported } = await exportOf({
      level: { kind: 'patient' },
      types: ['Patient', 'Encounter', 'Practitioner'],
      since,
    });
    const isLater = new Set(
      keysOf(resources.filter(({ meta }) => (meta as { lastUpdated: string }).lastUpdated >= (since ?? ''))),
    );
    expect(keysOf(exported)).toEqual(
      expected(() => true, false).filter((key) => /^(Patient|Encounter)\//.test(key) && isLater.has(key)),
    );
  });

  it('says where Provenance does not come along', async () => {
    const { resources: exported, notes } = await exportOf(
      { level: { kind: 'patient' } },
      { unsupported: ['_revinclude'] },
    );
    expect(keysOf(exported)).toEqual(expected(() => true, false));
    expect(notes).toEqual([expect.stringContaining('_revinclude=Provenance:target')]);
  });

  it('lets no Provenance come along that a filter for Provenance would not have let through', async () => {
    const { resources: exported, notes } = await exportOf({
      level: { kind: 'patient' },
      types: ['Encounter', 'Provenance'],
      typeFilters: [{ type: 'Provenance', search: [['target', 'Patient/none']] }],
    });
    const own = new Set(expected(() => true, false));
    const provenances = keysOf(exported).filter((key) => key.startsWith('Provenance/'));
    expect(provenances.filter((key) => !own.has(key))).toEqual([]);
    expect(notes).toEqual([expect.stringContaining('a filter for them in _typeFilter')]);
  });

  it('exports the patients asked for, and refuses those that are not there', async () => {
    const patients = [...membersOf(groupOf('1'))].slice(0, 3);
    const asked: Asked = { level: { kind: 'patient' }, patients };
    const { resources: exported, notes } = await exportOf(asked);
    expect(keysOf(exported)).toEqual(expected((id) => patients.includes(id)));
    // The Groups of these patients have other members, too.
    expect(notes.join()).toMatch(/\d+ resources belong also to patients who were not asked for/);
    await source?.close();
    await expect(
      exportOf({ ...asked, patients: [...patients, 'unknown-1', 'unknown-2'] }),
    ).rejects.toMatchObject({
      code: 'invalid-request',
      message: expect.stringMatching(/2 of the 5 patients asked for do not exist/) as string,
    });
  });
});

describe('the Group level', () => {
  it.each([
    ['by searches', {}, { PAGE_SIZE: '20', SLICE_MAX_PAGES: '2' }],
    // One member a search: a walk of the whole type takes fewer requests.
    [
      'by walks of whole types',
      { faults: [{ kind: 'longValue', most: 60, status: 414 }] },
      { PAGE_SIZE: '1000' },
    ],
  ] satisfies Array<[string, Partial<SourceOptions>, Record<string, string>]>)(
    'exports the compartments of the members: %s',
    async (how, options, environment) => {
      const group = groupOf('1');
      const members = membersOf(group);
      const { resources: exported, plan } = await exportOf(groupLevel(group), options, environment);
      expect(keysOf(exported)).toEqual(expected((id) => members.has(id)));
      const searched = plan.partitions.filter(({ memberSearch }) => memberSearch !== undefined);
      if (how === 'by searches') expect(searched.length).toBeGreaterThan(0);
      else expect(searched).toEqual([]);
    },
  );

  it('exports a resource of members in several batches, and Provenance of several, once, whatever attempts are lost', async () => {
    const members = membersOf(groupOf('2'));
    const types = new Set(['Patient', 'Encounter', 'Appointment', 'Coverage', 'Provenance']);
    // Two members a search at most: a longer form is refused.
    requests = [];
    source = await startSource({
      directory,
      onRequest: (request) => requests.push(request),
      faults: [{ kind: 'longValue', most: 90, status: 413 }],
    });
    const { resources: exported, plan } = await runJob(
      stack,
      source.url,
      { ...groupLevel(groupOf('2')), types: [...types] },
      { PAGE_SIZE: '2', SLICE_MAX_PAGES: '10' },
      { losesAttempts: true },
    );
    expect(keysOf(exported)).toEqual(
      expected((id) => members.has(id)).filter((key) => types.has(key.split('/')[0] ?? '')),
    );
    const batches = plan.partitions.map(({ memberSearch }) => memberSearch?.batch);
    expect(batches).toContain(2);
  });

  it('follows groups in the group, and leaves out who is no member any more, or no patient', async () => {
    const group = groupOf('3');
    const { resources: exported, notes } = await exportOf(groupLevel(group));
    const current = textsAt(
      (group['member'] as Array<Record<string, unknown>>).filter(
        ({ period }) => (period as { end?: string } | undefined)?.end === '2999-12-31',
      ),
      ['entity', 'reference'],
    ).map((text) => text.split('/')[1]);
    const members = new Set([...membersOf(groupOf('1')), ...current]);
    expect(keysOf(exported)).toEqual(expected((id) => members.has(id)));
    expect(notes.filter((note) => note.startsWith('Group: '))).toEqual([
      'Group: 1 membership is inactive and was left out.',
      'Group: 1 membership has ended, or not begun, and was left out.',
      'Group: 1 member is neither a patient nor a group and was ignored.',
    ]);
  });

  it('exports of the members what matches a filter, with the Provenance of that, once', async () => {
    const members = membersOf(groupOf('2'));
    const types = ['Encounter', 'Patient', 'Provenance'];
    const { resources: exported } = await exportOf(
      {
        ...groupLevel(groupOf('2')),
        types,
        typeFilters: [
          { type: 'Encounter', search: [['class', 'EMER']] },
          { type: 'Encounter', search: [['_id', encounters('AMB').slice(0, 40).join(',')]] },
        ],
      },
      {},
      { PAGE_SIZE: '7', SLICE_MAX_PAGES: '4' },
    );
    const given = new Set([...encounters('EMER'), ...encounters('AMB').slice(0, 40)]);
    const isGiven = (key: string): boolean => !key.startsWith('Encounter/') || given.has(key.slice(10));
    const keys = expected((id) => members.has(id), false).filter(
      (key) => types.includes(key.split('/')[0] ?? '') && isGiven(key),
    );
    const along = resources.filter(
      (resource) =>
        resource.resourceType === 'Provenance' &&
        textsAt(resource, ['target', 'reference']).some((target) => keys.includes(target)) &&
        textsAt(resource, ['target', 'reference'])
          .filter((target) => target.startsWith('Patient/'))
          .every((target) => members.has(target.slice('Patient/'.length))),
    );
    expect(keysOf(exported)).toEqual([...new Set([...keys, ...keysOf(along)])].sort());
    expect(exported.length).toBeLessThan(expected((id) => members.has(id)).length);
  });

  it('takes only patients that are members', async () => {
    const [member = ''] = membersOf(groupOf('1'));
    const { resources: exported } = await exportOf({ ...groupLevel(groupOf('1')), patients: [member] });
    expect(keysOf(exported)).toEqual(expected((id) => id === member));
    await source?.close();
    await expect(
      exportOf({ ...groupLevel(groupOf('1')), patients: [member, 'stranger'] }),
    ).rejects.toMatchObject({
      code: 'invalid-request',
      message: expect.stringContaining('1 of the 2 patients') as string,
    });
  });

  it('fails where there is no such group', async () => {
    await expect(exportOf({ level: { kind: 'group', groupId: 'none' } })).rejects.toMatchObject({
      code: 'not-found',
    });
  });

  it('walks what the source does not know a linking parameter of', async () => {
    const members = membersOf(groupOf('1'));
    const { resources: exported, plan } = await exportOf(
      groupLevel(groupOf('1')),
      { unsupported: ['performer'] },
      { PAGE_SIZE: '20' },
    );
    expect(keysOf(exported)).toEqual(expected((id) => members.has(id)));
    const searched = plan.partitions.filter(({ memberSearch }) => memberSearch !== undefined);
    expect(searched.map(({ window }) => window.type)).not.toContain('Observation');
  });

  it('fails where the source ignores whose resources it is asked for', async () => {
    const patients = [...membersOf(groupOf('1'))].slice(0, 1);
    const asked: Asked = { level: { kind: 'patient' }, patients, types: ['Observation'] };
    await expect(
      exportOf(
        asked,
        {
          unsupported: ['_summary', '_total'],
          faults: [{ kind: 'ignored', parameters: ['subject', 'performer'] }],
        },
        { PAGE_SIZE: '200' },
      ),
    ).rejects.toMatchObject({
      code: 'source-ignored-parameter',
      message: expect.not.stringContaining(patients[0] ?? '') as string,
    });
  });
});
