import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningSource, startSource } from '../../local/source/source.js';
import { hasShared, SHARED } from '../deid/shared.js';
import { type Asked, keysOf, runJob, type RunJob } from './runJob.js';
import { startTestStorage, type TestStorage } from './harness.js';

const PATIENTS = 14;
/** Since then only the Condition of one patient has changed, and every Encounter. */
const LATE = '2026-03-01T00:00:00Z';
const RARE = '12348-6';
const COMMON = '38341003';

let stack: TestStorage;
let directory: string;
let source: RunningSource;

function write(type: string, resources: object[]): void {
  const lines = resources.map((resource) => JSON.stringify({ resourceType: type, ...resource }));
  writeFileSync(join(directory, `${type}.ndjson`), `${lines.join('\n')}\n`);
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'fhir-few-'));
  const each = <T>(make: (n: number) => T): T[] => Array.from({ length: PATIENTS }, (_, n) => make(n));
  const at = (n: number, month = 2): object => ({
    lastUpdated: `2026-0${month}-${String(n + 1).padStart(2, '0')}T08:00:00Z`,
  });
  const of = (n: number): object => ({ subject: { reference: `Patient/p${n}` } });
  const coded = (code: string): object => ({ code: { coding: [{ code }] } });
  write(
    'Patient',
    each((n) => ({ id: `p${n}`, meta: at(n) })),
  );
  write('Condition', [
    ...each((n) => ({ id: `c${n}`, meta: at(n), ...of(n), ...coded(COMMON) })),
    // One of the common ones is a rare one as well.
    {
      id: 'rare',
      meta: at(0, 3),
      ...of(3),
      code: { coding: [{ code: RARE }, { code: COMMON }] },
    },
  ]);
  write(
    'Encounter',
    each((n) => ({
      id: `e${n}`,
      meta: at(n, 3),
      ...of(n),
      location: [{ location: { reference: n < 12 ? 'Location/ward' : 'Location/home' } }],
    })),
  );
  write('Group', [
    { id: 'few', meta: at(0), member: [{ entity: { reference: 'Patient/p1' } }] },
    { id: 'empty', meta: at(0) },
  ]);
  write('Location', [
    { id: 'ward', meta: at(0) },
    { id: 'home', meta: at(1, 3) },
  ]);
  source = await startSource({ directory });
  stack = await startTestStorage();
});
afterAll(async () => {
  await source.close();
  await stack.end();
  rmSync(directory, { recursive: true, force: true });
});

const run = (asked: Partial<Asked>): Promise<RunJob> =>
  runJob(
    stack,
    source.url,
    { level: { kind: 'system' }, minPatients: 10, ...asked },
    { PAGE_SIZE: '5', SLICE_MAX_PAGES: '1' },
  );
const filter = (code: string): { type: string; search: Array<[string, string]> } => ({
  type: 'Condition',
  search: [['code', code]],
});
const conditions = Array.from({ length: PATIENTS }, (_, n) => `Condition/c${n}`).sort();
const typesIn = ({ resources }: RunJob): string[] =>
  [...new Set(resources.map(({ resourceType }) => resourceType))].sort();

/** Nothing but what the manifest names is left, and neither it nor the report has anything of a withheld type. */
function expectNothingOf(type: string, { manifest, blobs, report, notes }: RunJob): void {
  const named = manifest.output.map(({ url }) => decodeURIComponent(url)).sort();
  expect(blobs.sort()).toEqual(
    ['manifest.json', 'report-shared.json', 'report.html', 'report.json', ...named].sort(),
  );
  expect(blobs.join()).not.toContain(`${type}-`);
  expect(report.types.map((each) => each.type)).not.toContain(type);
  expect(manifest.extension['resourcesRead']).toBe(report.types.reduce((sum, { read }) => sum + read, 0));
  expect(notes.join()).toMatch(new RegExp(`Withheld, .* of none .*: .*${type}`));
}

describe('a part of few patients is withheld, whatever it is padded with:', () => {
  it('a type of few in a time, beside one of many', async () => {
    const job = await run({ types: ['Condition', 'Encounter'], since: LATE });
    expect(typesIn(job)).toEqual(['Encounter']);
    expectNothingOf('Condition', job);
  });

  it('few and none in the same words', async () => {
    const few = await run({ types: ['Condition', 'Encounter'], since: LATE });
    const none = await run({
      types: ['Condition', 'Encounter'],
      since: LATE,
      typeFilters: [filter('nothing')],
    });
    expect(none.notes).toEqual(few.notes);
    expect(none.manifest.output.map(({ type }) => type)).toEqual(few.manifest.output.map(({ type }) => type));
    expect(none.plan.partitions.length).toBe(few.plan.partitions.length);
    expect(none.report.types.map(({ type }) => type)).toEqual(few.report.types.map(({ type }) => type));
  });

  it('a search that finds few and one that finds none end alike, where no resource can be anonymized', async () => {
    // More than one result is a processing error, and the configuration says to stop then.
    const rule = { path: 'Condition.id', method: 'generalize', cases: { true: "'a' | 'b'" } };
    const configuration = JSON.stringify({ fhirVersion: 'R4', fhirPathRules: [rule] });
    const endOf = (code: string): Promise<unknown> =>
      run({ types: ['Condition'], typeFilters: [filter(code)], configuration }).then(
        () => 'complete',
        (thrown: Error) => [thrown.name, thrown.message],
      );
    const none = await endOf('nothing');
    expect(none).toEqual(['ExportError', expect.stringContaining('fewer than 10 patients') as string]);
    expect(await endOf(RARE)).toEqual(none);
    expect(await endOf(COMMON)).toEqual(none);
  });

  it('a resource that cannot be anonymized ends a job over enough patients', async () => {
    const rule = {
      path: "Condition.where(id = 'rare').id",
      method: 'generalize',
      cases: { true: "'a' | 'b'" },
    };
    const configuration = JSON.stringify({ fhirVersion: 'R4', fhirPathRules: [rule] });
    await expect(run({ types: ['Condition'], configuration })).rejects.toMatchObject({
      code: 'resource-failed',
    });
  });

  it.each([
    ['narrow first', [filter(RARE), filter(COMMON)]],
    ['wide first', [filter(COMMON), filter(RARE)]],
    ['one that finds nothing', [filter('nothing'), filter(COMMON)]],
  ])(
    'a narrow filter beside a wide one gives what the wide one gives alone: %s',
    async (_how, typeFilters) => {
      const wide = await run({ types: ['Condition'], typeFilters: [filter(COMMON)] });
      const job = await run({ types: ['Condition'], typeFilters });
      expect(keysOf(wide.resources)).toEqual([...conditions, 'Condition/rare'].sort());
      expect(keysOf(job.resources)).toEqual(keysOf(wide.resources));
      expect(job.report.types.map(({ read, written }) => [read, written])).toEqual(
        wide.report.types.map(({ read, written }) => [read, written]),
      );
      expect(job.notes.join()).toMatch(/Condition \(filter [12]\)\./);
    },
  );

  it('a type outside of the compartment, by those whose exported resources refer to what is exported of it', async () => {
    const whole = await run({ types: ['Encounter', 'Location'] });
    expect(typesIn(whole)).toEqual(['Encounter', 'Location']);
    const late = await run({ types: ['Encounter', 'Location'], since: LATE });
    expect(typesIn(late)).toEqual(['Encounter']);
    expectNothingOf('Location', late);
  });

  it.each([
    ['few', { types: ['Condition'], since: LATE }],
    ['none', { types: ['Condition'], since: '2027-01-01T00:00:00Z' }],
    ['few, by every filter', { types: ['Condition'], typeFilters: [filter(RARE), filter('nothing')] }],
    ['no patient at all', { types: ['Location'] }],
  ])('a job of which nothing is left ends without data, in the same words: %s', async (_what, asked) => {
    await expect(run(asked)).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringMatching(
        /^Every part of the export is of fewer than 10 patients or of none/,
      ) as string,
    });
  });

  describe.each([[], ['patient-required' as const]])(
    'a group that the caller may not know of, %s',
    (...behaviours) => {
      it.each(['empty', 'none', 'few'])('ends as one of few patients: %s', async (groupId) => {
        const other = await startSource({ directory, behaviours });
        const asked = { level: { kind: 'group' as const, groupId }, types: ['Condition', 'Encounter'] };
        const limited = { ...asked, minPatients: 10, isGroupHidden: true as const };
        try {
          await expect(runJob(stack, other.url, limited)).rejects.toMatchObject({
            code: 'forbidden',
            message: expect.stringMatching(
              /^Every part of the export is of fewer than 10 patients/,
            ) as string,
          });
        } finally {
          await other.close();
        }
      });
    },
  );

  it('without a limit nothing is', async () => {
    const job = await run({ types: ['Condition', 'Location'], since: LATE, minPatients: 0 });
    expect(keysOf(job.resources)).toEqual(['Condition/rare', 'Location/home']);
  });
});

it('the source that bypassed the limit by padding', async () => {
  const folder = 'cases/attacker/minpatients-source';
  if (!hasShared(folder)) return;
  const padded = await startSource({ directory: join(SHARED, folder) });
  try {
    const asked = { level: { kind: 'system' as const }, minPatients: 10, types: ['Condition', 'Group'] };
    for (const more of [
      { since: '2026-02-25T00:00:00Z' },
      {
        typeFilters: [
          { type: 'Condition', search: [['code', '86406008']] as Array<[string, string]> },
          filter(COMMON),
        ],
      },
    ]) {
      const { resources } = await runJob(stack, padded.url, { ...asked, ...more });
      const codes = JSON.stringify(resources.filter(({ resourceType }) => resourceType === 'Condition'));
      expect(codes).not.toContain('86406008');
    }
  } finally {
    await padded.close();
  }
});
