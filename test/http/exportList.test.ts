import type { HttpRequest, InvocationContext } from '@azure/functions';
import type { DurableClient } from 'durable-functions';
import { describe, expect, it } from 'vitest';
import type { JobRequest } from '../../functions/export/records/job.js';
import { type Caller, ownerOf, UNKNOWN_CALLER } from '../../functions/http/authorization/caller.js';
import type { HttpDependencies } from '../../functions/http/dependencies.js';
import { exportList } from '../../functions/http/exportList.js';
import { RequestError } from '../../functions/http/respond.js';
import { readSettings } from '../../functions/settings/settings.js';
import { REQUIRED_SETTINGS } from '../environment.js';
import { jobRequest } from '../export/requests.js';
import { SMART } from './answers.js';

const JOB_ID = '0'.repeat(32);
const OWNER = ownerOf('me');
const HERE = { WEBSITE_HOSTNAME: 'localhost:7071' };
const ENTRA = {
  AUTHENTICATION: 'entra',
  ENTRA_TENANT_ID: '6f3f8a52-5a60-4a2e-9b9c-1d2e3f405162',
  WEBSITE_AUTH_ENABLED: 'true',
};
const NOW = Date.parse('2026-01-02T00:00:00Z');
const APPROVED = {
  name: 'safe.json',
  digest: 'sha256:ab',
  keysDigest: 'secret',
  approval: 'coverage',
} as const;

function known(permissions: { raw?: boolean; types?: string[] } = {}): Caller {
  const { raw = false, types } = permissions;
  return {
    kind: 'known',
    owner: OWNER,
    permissions: { raw, types: types === undefined ? 'all' : new Set(types) },
    rawPermission: undefined,
  };
}

interface Records {
  job?: Partial<JobRequest>;
  outcome?: object;
  stop?: object;
  manifest?: object;
  /** The state of its orchestration. */
  instance?: string;
}

interface Asked {
  environment?: Record<string, string>;
  caller?: Caller;
  query?: string;
  host?: string;
  ids?: string[];
}

interface List {
  exports: Array<Record<string, unknown>>;
  link?: Array<{ relation: string; url: string }>;
}

/** The list of one job whose records are these; what storage was asked for. */
async function listOf(
  { job = {}, outcome, stop, manifest, instance = 'Running' }: Records,
  { environment = SMART, caller = known(), query = '', host = 'https://app.example.org', ids = [JOB_ID] }: Asked = {}, // prettier-ignore
): Promise<{ list: List; text: string; asked: unknown[] }> {
  const asked: unknown[] = [];
  const owner = caller.kind === 'known' ? { owner: OWNER } : {};
  const jobs = {
    startedBy: async (...which: unknown[]) => {
      asked.push(which);
      return which[1] === 'wrong'
        ? undefined
        : { jobIds: ids, ...(ids.length > 1 ? { cursor: 'more' } : {}) };
    },
    records: async (jobId: string) => ({
      request: jobRequest({ jobId, ...owner, configuration: APPROVED, ...job }),
      outcome,
      stop,
    }),
    manifest: async () => manifest,
  };
  const settings = readSettings({ ...REQUIRED_SETTINGS, ...environment });
  const handler = exportList({ jobs, settings, now: () => NOW } as unknown as HttpDependencies);
  const answer = await handler(
    {
      url: `${host}/fhir/_operations/export${query}`,
      method: 'GET',
      headers: new Headers(),
    } as unknown as HttpRequest,
    { getStatus: async () => ({ runtimeStatus: instance }) } as unknown as DurableClient,
    {} as InvocationContext,
    caller,
  );
  expect(new Headers(answer.headers).get('cache-control')).toBe('private, no-store');
  const text = String(answer.body);
  return { list: JSON.parse(text) as List, text, asked };
}

async function refusalOf(answer: Promise<unknown>): Promise<string> {
  const error = await answer.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof RequestError)) throw error ?? new Error('it was not refused');
  return `${error.status} ${error.issues.map(({ diagnostics }) => diagnostics).join(' ')}`;
}

const MANIFEST = {
  output: [
    { type: 'Patient', url: 'P.ndjson', count: 3 },
    { type: 'Condition', url: 'C.ndjson', count: 4 },
  ],
  deleted: [],
  error: [{ type: 'OperationOutcome', of: ['Condition'], url: 'E.ndjson', count: 2 }],
};
const COMPLETED = { state: 'completed', at: '2026-01-01T01:00:00.000Z' };
const COUNTS = { resources: 7, deleted: 0, errors: 2, files: 2 };

describe('the list of exports', () => {
  it.each<[string, Record<string, string>, Caller, string, number | RegExp]>([
    ['smart: the caller', SMART, known(), 'https://app.example.org', 200],
    [
      'smart: nobody without a token',
      SMART,
      UNKNOWN_CALLER,
      'https://app.example.org',
      /^403 .*show who they are/,
    ],
    ['entra: the caller', ENTRA, known(), 'https://app.example.org', 200],
    ['entra: nobody without a principal', ENTRA, UNKNOWN_CALLER, 'https://app.example.org', /^403/],
    ['none: this machine', { AUTHENTICATION: 'none', ...HERE }, UNKNOWN_CALLER, 'http://localhost:7071', 200],
    [
      'none: by its address',
      { AUTHENTICATION: 'none', ...HERE },
      UNKNOWN_CALLER,
      'http://127.0.0.1:7071',
      200,
    ],
    [
      'none: by another name',
      { AUTHENTICATION: 'none', ...HERE },
      UNKNOWN_CALLER,
      'http://evil.example.org',
      /^403/,
    ],
    [
      'function-keys',
      {},
      UNKNOWN_CALLER,
      'https://app.example.org',
      /^403 .*do not distinguish callers.*status URL/,
    ],
    [
      'function-keys on this machine',
      HERE,
      UNKNOWN_CALLER,
      'http://localhost:7071',
      /^403 .*do not distinguish/,
    ],
  ])('is of %s', async (_whose, environment, caller, host, expected) => {
    const answer = listOf({}, { environment, caller, host });
    if (typeof expected === 'number') {
      const { asked } = await answer;
      expect(asked).toEqual([[caller.kind === 'known' ? OWNER : undefined, undefined, 20]]);
    } else expect(await refusalOf(answer)).toMatch(expected);
  });

  it('has what was asked for and what came of it, and nothing that may be about a person', async () => {
    const { list, text } = await listOf(
      {
        job: {
          level: { kind: 'group', groupId: 'secret-group' },
          types: ['Patient', 'Condition'],
          patients: ['secret-patient'],
          typeFilters: [
            { type: 'Condition', parameters: [['code', 'secret-code']], text: 'secret' },
          ] as never,
          requestUrl: 'https://app.example.org/fhir/$export?secret=1',
          container: 'secret-container',
          notes: ['secret note'],
          baseUrl: 'https://app.example.org/fhir',
        },
        outcome: COMPLETED,
        manifest: { ...MANIFEST, request: 'secret', extension: { notes: ['secret'] } },
      },
      {},
    );
    expect(list).toEqual({
      exports: [
        {
          url: `https://app.example.org/fhir/_operations/export/${JOB_ID}`,
          level: 'group',
          types: ['Patient', 'Condition'],
          deidentified: true,
          configuration: 'safe.json',
          configurationDigest: 'sha256:ab',
          state: 'completed',
          startedAt: '2026-01-01T00:00:00.000Z',
          finishedAt: '2026-01-01T01:00:00.000Z',
          expiresAt: '2026-01-08T01:00:00.000Z',
          counts: COUNTS,
        },
      ],
    });
    expect(text).not.toMatch(/secret|ndjson/);
    expect(text).not.toContain(OWNER);
  });

  const failure = { code: 'source-failed', message: 'secret words' };
  const at = '2026-01-01T01:00:00Z';
  it.each<[string, Records, string | undefined]>([
    ['runs', {}, 'running'],
    ['is about to end', { stop: { reason: 'failed', at, failure } }, 'running'],
    ['lost its orchestration', { instance: 'Failed' }, 'failed'],
    ['failed', { outcome: { state: 'failed', at, failure } }, 'failed'],
    ['is complete', { outcome: COMPLETED, manifest: MANIFEST }, 'completed'],
    ['was cancelled', { stop: { reason: 'cancelled', at } }, undefined],
    ['is over', { outcome: { ...COMPLETED, at: '2025-12-01T00:00:00Z' }, manifest: MANIFEST }, undefined],
    ['is of another caller', { job: { owner: ownerOf('other') } }, undefined],
  ])('has a job that %s as its status is', async (_name, records, state) => {
    const { list, text } = await listOf(records);
    expect(list.exports.map((entry) => entry['state'])).toEqual(state === undefined ? [] : [state]);
    expect(text).not.toContain('secret');
  });

  it.each<[string, Caller, object | undefined]>([
    ['all types', known(), COUNTS],
    ['its types', known({ types: ['Patient', 'Condition'] }), COUNTS],
    ['one of its types', known({ types: ['Patient'] }), undefined],
  ])('counts what a caller with permissions for %s may have now', async (_name, caller, counts) => {
    const { list } = await listOf({ outcome: COMPLETED, manifest: MANIFEST }, { caller });
    expect(list.exports[0]?.['counts']).toEqual(counts);
  });

  it.each([
    [false, undefined],
    [true, COUNTS],
  ])('counts raw data for those who may have it: %s', async (raw, counts) => {
    const records = { outcome: COMPLETED, manifest: MANIFEST, job: { configuration: undefined } };
    const { list } = await listOf(records, { caller: known({ raw }) });
    expect(list.exports[0]).toMatchObject({ deidentified: false });
    expect(list.exports[0]).not.toHaveProperty('configuration');
    expect(list.exports[0]?.['counts']).toEqual(counts);
  });

  it('has the types that the token narrowed an export to', async () => {
    const { list } = await listOf({ job: { permittedTypes: ['Patient'] } });
    expect(list.exports[0]?.['types']).toEqual(['Patient']);
    expect((await listOf({})).list.exports[0]).not.toHaveProperty('types');
  });

  it('has a link to the next page, and takes its cursor and no other parameter', async () => {
    const ids = [JOB_ID, '1'.repeat(32)];
    const { list, asked } = await listOf({}, { ids, query: '?cursor=abc&_format=json' });
    expect(asked).toEqual([[OWNER, 'abc', 20]]);
    expect(list.exports).toHaveLength(2);
    expect(list.link).toEqual([
      { relation: 'next', url: 'https://app.example.org/fhir/_operations/export?cursor=more' },
    ]);
    expect(await refusalOf(listOf({}, { query: '?_count=5' }))).toMatch(
      /^400 .*no parameters but the cursor/,
    );
    expect(await refusalOf(listOf({}, { query: '?cursor=a&cursor=b' }))).toMatch(/^400/);
    expect(await refusalOf(listOf({}, { query: '?cursor=wrong' }))).toMatch(
      /^400 cursor: .*Follow the links/,
    );
  });
});
