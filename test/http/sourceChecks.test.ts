import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, afterAll, describe, expect, it } from 'vitest';
import { openSource } from '../../functions/adapters/source/openSource.js';
import { openSourceAccess } from '../../functions/adapters/source/openSourceAccess.js';
import { statusOf } from '../../functions/http/respond.js';
import { RequestError } from '../../functions/http/respond.js';
import { checkAtSource } from '../../functions/http/sourceChecks.js';
import { ExportError } from '../../functions/common/errors.js';
import type { JobRequest } from '../../functions/export/records/job.js';
import { readSettings } from '../../functions/settings/settings.js';
import type { SourceOptions } from '../../local/source/settings.js';
import { type RunningSource, startSource } from '../../local/source/source.js';
import { jobRequest } from '../export/requests.js';

type Asked = Partial<Omit<JobRequest, 'jobId'>>;

let directory: string;
let source: RunningSource | undefined;
let requests: string[] = [];

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'fhir-checks-'));
  const write = (type: string, resources: readonly object[]): void => {
    const lines = resources.map((resource) => JSON.stringify({ resourceType: type, ...resource }));
    writeFileSync(join(directory, `${type}.ndjson`), `${lines.join('\n')}\n`);
  };
  write('Patient', [{ id: 'one' }, { id: 'two' }, { id: 'three' }]);
  write('Observation', [{ id: 'o', status: 'final', subject: { reference: 'Patient/one' } }]);
  const entity = (id: string): object => ({ entity: { reference: `Patient/${id}` } });
  write('Group', [{ id: 'cohort', type: 'person', actual: true, member: [entity('one'), entity('two')] }]);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));
afterEach(async () => {
  await source?.close();
  source = undefined;
});

/** What the answer to the kick-off is: status and words, or `undefined` where the job begins. */
async function answerOf(
  asked: Asked,
  options: Partial<SourceOptions> = {},
): Promise<{ status: number; words: string } | undefined> {
  requests = [];
  source = await startSource({
    directory,
    onRequest: ({ path, query }) => requests.push(`${path}?${decodeURIComponent(query)}`),
    ...options,
  });
  const settings = readSettings({
    FHIR_SERVER_URL: source.url,
    EXPORT_STORAGE: 'UseDevelopmentStorage=true',
    AzureWebJobsStorage: 'UseDevelopmentStorage=true',
  });
  const client = openSource({ ...settings, sourceMaxAttempts: 1 }, openSourceAccess(settings));
  try {
    await checkAtSource(
      jobRequest({ jobId: 'job', ...asked }),
      client('job', () => undefined),
      settings,
      () => Date.now(),
    );
    return undefined;
  } catch (error) {
    if (error instanceof RequestError) {
      return { status: error.status, words: error.issues.map(({ diagnostics }) => diagnostics).join() };
    }
    if (error instanceof ExportError) return { status: statusOf(error.code).status, words: error.message };
    throw error;
  }
}

const GROUP = { level: { kind: 'group' as const, groupId: 'cohort' } };
const NO_GROUP = { level: { kind: 'group' as const, groupId: 'none' } };
const PATIENTS = { level: { kind: 'patient' as const } };
const filter = (name: string, value = 'final'): Asked => ({
  typeFilters: [{ type: 'Observation', search: [[name, value]] }],
});
const REFUSES_COUNTS: Partial<SourceOptions> = { behaviours: ['patient-required'] };

describe('the kick-off reports', () => {
  it.each<[what: string, asked: Asked, status: number, words: RegExp, options?: object]>([
    ['that there is no such group', NO_GROUP, 404, /no such Group/],
    ['how many patients there are not', { ...PATIENTS, patients: ['one', 'x', 'y'] }, 400, /2 of the 3/],
    [
      'the same by a source that does not count',
      { ...PATIENTS, patients: ['one', 'x'] },
      400,
      /1 of the 2/,
      REFUSES_COUNTS,
    ],
    [
      'how many are no members',
      { ...GROUP, patients: ['one', 'three'] },
      400,
      /1 of the 2 .* is no member of/,
    ],
    [
      'that there is no such group for its patients',
      { ...NO_GROUP, patients: ['one'] },
      404,
      /no such Group/,
    ],
    [
      'which parameter the source does not know',
      filter('colour'),
      400,
      /does not know colour .* of Observation/,
    ],
    [
      'the same without a CapabilityStatement',
      filter('colour'),
      400,
      /colour/,
      { behaviours: ['metadata-refused'] },
    ],
    ['no name that may be of a person', filter('name of a person'), 400, /does not know a parameter/],
  ])('%s', async (_what, asked, status, words, options = {}) => {
    const answer = await answerOf(asked, options);
    expect(answer?.words).toMatch(words);
    expect(answer?.status).toBe(status);
    expect(answer?.words).not.toMatch(/three|a person/);
  });

  it.each<[what: string, asked: Asked, options?: Partial<SourceOptions>]>([
    ['where the group is there', GROUP],
    ['where the patients are', { ...GROUP, patients: ['two', 'one'] }],
    ['where the parameter is known', filter('status')],
    ['where it is known with a modifier', filter('status:not')],
    ['where it is known without a CapabilityStatement', filter('code'), { behaviours: ['metadata-refused'] }],
    ['where a search without a patient says nothing of it', filter('colour'), REFUSES_COUNTS],
    ['where the source fails', NO_GROUP, { faults: [{ kind: 'status', status: 500 }] }],
    ['where it is busy', { ...PATIENTS, patients: ['x'] }, { faults: [{ kind: 'status', status: 503 }] }],
  ])('nothing, %s', async (_what, asked, options) => {
    expect(await answerOf(asked, options)).toBeUndefined();
  });

  it('nothing of a group that it may not know of, which the source is not asked for', async () => {
    expect(await answerOf({ ...NO_GROUP, isGroupHidden: true })).toBeUndefined();
    expect(requests).toEqual([]);
  });

  it('nothing by a search for the value of a filter', async () => {
    await answerOf(filter('status', 'a-rare-value'), { behaviours: ['metadata-refused'] });
    expect(requests.length).toBeGreaterThan(1);
    expect(requests.join()).not.toContain('a-rare-value');
  });

  it('nothing, and in time, where the source is slow', async () => {
    const startedAt = performance.now();
    const slow: Partial<SourceOptions> = { faults: [{ kind: 'delay', milliseconds: 60_000 }] };
    expect(await answerOf(NO_GROUP, slow)).toBeUndefined();
    expect(performance.now() - startedAt).toBeLessThan(40_000);
  });
});
