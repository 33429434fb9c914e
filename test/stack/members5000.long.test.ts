import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunningSource, startSource } from '../../local/source/source.js';
import { startTestStorage, type TestStorage } from './harness.js';
import { keysOf, runJob } from './runJob.js';

const PATIENTS = 20_000;
const MEMBERS = 5000;
const PAGE_SIZE = 500;

let stack: TestStorage;
let directory: string;
let source: RunningSource;
let requests = 0;
let orderQuestions = 0;
/** What is expected of the export, and how many resources there are, by type. */
const expected: string[] = [];
const counts = new Map<string, number>();

beforeAll(async () => {
  stack = await startTestStorage();
  directory = mkdtempSync(join(tmpdir(), 'fhir-members-'));
  const isMember = (patient: number): boolean => patient % (PATIENTS / MEMBERS) === 0;
  let second = 0;
  const write = (type: string, lines: ReadonlyArray<{ id: string; rest: object; of: number[] }>): void => {
    counts.set(type, lines.length);
    const texts = lines.map(({ id, rest, of }) => {
      if (of.some(isMember)) expected.push(`${type}/${id}`);
      const lastUpdated = new Date(Date.UTC(2020, 0, 1) + second++ * 1000).toISOString();
      return JSON.stringify({ resourceType: type, id, meta: { lastUpdated }, ...rest });
    });
    writeFileSync(join(directory, `${type}.ndjson`), `${texts.join('\n')}\n`);
  };
  const idOf = (patient: number): string => `0b1f6c1e-5d3a-4c62-9a7e-${String(patient).padStart(12, '0')}`;
  const refer = (patient: number): object => ({ reference: `Patient/${idOf(patient)}` });
  const all = Array.from({ length: PATIENTS }, (_, patient) => patient);
  write(
    'Patient',
    all.map((patient) => ({ id: idOf(patient), rest: {}, of: [patient] })),
  );
  write(
    'Observation',
    all.flatMap((patient) =>
      [0, 1, 2, 3, 4].map((nth) => ({
        id: `o${patient}-${nth}`,
        // Some are measured by another patient, who is in another batch.
        rest: {
          subject: refer(patient),
          ...(nth === 0 ? { performer: [refer((patient * 7 + 4) % PATIENTS)] } : {}),
        },
        of: nth === 0 ? [patient, (patient * 7 + 4) % PATIENTS] : [patient],
      })),
    ),
  );
  write(
    'Encounter',
    all.map((patient) => ({ id: `e${patient}`, rest: { subject: refer(patient) }, of: [patient] })),
  );
  write(
    'Appointment',
    all
      .filter((patient) => patient % 10 === 0)
      .map((patient) => {
        const other = (patient + 9996) % PATIENTS;
        return {
          id: `a${patient}`,
          rest: { participant: [{ actor: refer(patient) }, { actor: refer(other) }] },
          of: [patient, other],
        };
      }),
  );
  const member = all.filter(isMember).map((patient) => ({ entity: refer(patient) }));
  write('Group', [{ id: 'cohort', rest: { type: 'person', actual: true, member }, of: [0] }]);
  source = await startSource({
    directory,
    onRequest: ({ path, query }) => {
      requests++;
      if (path.startsWith('Observation') && query.includes('_sort=-_lastUpdated')) orderQuestions++;
    },
  });
});
afterAll(async () => {
  await source?.close();
  await stack?.end();
  rmSync(directory, { recursive: true, force: true });
});

it('the compartments of 5,000 members take a bounded number of requests', async () => {
  const { resources, plan } = await runJob(
    stack,
    source.url,
    { level: { kind: 'group', groupId: 'cohort' } },
    { PAGE_SIZE: String(PAGE_SIZE), SLICE_MAX_PAGES: '100' },
  );
  expect(keysOf(resources)).toEqual(expected.sort());
  const read = plan.partitions.map(({ window: { type }, memberSearch }) =>
    memberSearch === undefined
      ? `${type} as a whole`
      : `${type} by ${memberSearch.parameters.join(', ')} of ${memberSearch.batch} (${memberSearch.first} to ${memberSearch.end})`,
  );
  console.log(
    `${requests} requests for ${resources.length} resources of ${MEMBERS} of ${PATIENTS} patients: ${read.join('; ')}`,
  );
  // Whether the source sorts is asked once in each partition and for each parameter, not for each of the searches.
  const parts = plan.partitions.filter(({ window }) => window.type === 'Observation').length;
  expect(orderQuestions).toBeLessThanOrEqual(2 * parts);
  // A large type that is walked as a whole is split by time, so that all workers have a part in it.
  expect(read.filter((part) => part === 'Patient as a whole').length).toBeGreaterThan(1);
  // Of each type either every page, or two requests a batch and parameter, and the pages of what is found.
  const whole = [...counts.values()].reduce((pages, count) => pages + 2 + count / PAGE_SIZE, 0);
  expect(requests).toBeLessThan(whole);
  expect(requests).toBeLessThan(MEMBERS / 10);
});
