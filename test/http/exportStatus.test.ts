import type { HttpRequest, InvocationContext } from '@azure/functions';
import type { DurableClient } from 'durable-functions';
import { expect, it } from 'vitest';
import type { ManifestPages } from '../../functions/export/output/manifestPages.js';
import type { HttpDependencies } from '../../functions/http/dependencies.js';
import { exportStatus } from '../../functions/http/exportStatus.js';
import type { JobRequest } from '../../functions/export/records/job.js';
import { jobRequest } from '../export/requests.js';

const JOB_ID = '0'.repeat(32);

/** The answer for a job whose orchestration is in a state and whose outcome is read in this order. */
async function statusOf(
  runtimeStatus: string,
  outcomes: Array<object | undefined>,
  change: Partial<JobRequest> = {},
): Promise<{ status: number; text: string; jobStatus: string | null }> {
  const jobs = {
    records: async () => ({
      request: jobRequest({ jobId: JOB_ID, ...change }),
      outcome: outcomes.shift(),
      stop: undefined,
    }),
    plan: async () => undefined,
    progress: async () => [],
  };
  const handler = exportStatus({ jobs, settings: {}, now: () => 0 } as unknown as HttpDependencies);
  const client = { getStatus: async () => ({ runtimeStatus }) };
  const answer = await handler(
    { params: { jobId: JOB_ID }, method: 'GET', headers: new Headers() } as unknown as HttpRequest,
    client as unknown as DurableClient,
    {} as InvocationContext,
    { kind: 'unknown' },
  );
  const text = typeof answer.body === 'string' ? answer.body : '';
  return {
    status: answer.status ?? 200,
    text,
    jobStatus: new Headers(answer.headers).get('x-export-status'),
  };
}

it.each([
  ['runs', 'Running', [undefined], 202, /^$/],
  ['ended, and its outcome came meanwhile', 'Completed', [undefined, { state: 'completed' }], 202, /^$/],
  ['ended, and its outcome is lost', 'Completed', [undefined, undefined], 500, /lost what was written last/],
  ['failed', 'Failed', [undefined], 500, /ended unexpectedly/],
] as const)('the status of a job that %s', async (_name, runtimeStatus, outcomes, status, text) => {
  const answer = await statusOf(runtimeStatus, [...outcomes]);
  expect(answer.status).toBe(status);
  expect(answer.text).toMatch(text);
});

/** https://hl7.org/fhir/uv/bulkdata/STU3/export.html#bulk-data-status-request */
it.each([
  ['runs', 'Running', '202 Accepted', /^$/],
  ['failed', 'Failed', '500 Internal Server Error', /ended unexpectedly/],
] as const)(
  'the status of the status request, of a job that %s',
  async (_name, runtimeStatus, jobStatus, text) => {
    const answer = await statusOf(runtimeStatus, [undefined, undefined], { hasSeparateStatus: true });
    expect(answer).toEqual({ status: 200, jobStatus, text: expect.stringMatching(text) });
  },
);

/** https://hl7.org/fhir/uv/bulkdata/STU3/export.html#response---in-progress-status */
it('a running job has a manifest of what is ready where the request allows it, and links to the next page', async () => {
  let pages: ManifestPages = { pages: [] };
  const record = { files: [{ type: 'Patient', name: 'f/P.ndjson', count: 2, bytes: 9 }] };
  const jobs = {
    records: async () => ({
      request: jobRequest({ jobId: JOB_ID, folder: 'f/', allowsPartialManifests: true }),
    }),
    plan: async () => ({
      transactionTime: '2026-01-01T00:00:00Z',
      partitions: [{ window: { type: 'Patient' } }],
    }),
    progress: async () => [{ partition: pages.pages.length, resources: 1, isDone: true }],
    partition: async () => record,
    manifestPages: async () => pages,
    changeManifestPages: async (_: string, change: (stored: ManifestPages) => ManifestPages) =>
      (pages = change(pages)),
  };
  const settings = { downloadLinks: 'app' };
  const handler = exportStatus({ jobs, settings, now: () => 0 } as unknown as HttpDependencies);
  const client = { getStatus: async () => ({ runtimeStatus: 'Running' }) } as unknown as DurableClient;
  const ask = async (page?: string): Promise<[number | undefined, object]> => {
    const params = { jobId: JOB_ID, ...(page === undefined ? {} : { page }) };
    const request = { params, method: 'GET', headers: new Headers() } as unknown as HttpRequest;
    const answer = await handler(request, client, {} as InvocationContext, { kind: 'unknown' });
    return [answer.status, JSON.parse(String(answer.body)) as object];
  };
  const output = [
    { type: 'Patient', url: `http://host/fhir/_operations/export/${JOB_ID}/files/P.ndjson`, count: 2 },
  ];
  expect(await ask()).toEqual([202, expect.objectContaining({ output, error: [] })]);
  const link = [{ relation: 'next', url: `http://host/fhir/_operations/export/${JOB_ID}/manifests/1` }];
  expect(await ask()).toEqual([202, expect.objectContaining({ output, link })]);
  expect((await ask('1'))[1]).toMatchObject({ output: [{ type: 'Patient' }] });
  await expect(ask('9')).rejects.toMatchObject({ status: 404 });
});

it.each([
  ['return=representation', undefined, true],
  ['wait=1; x, Return=Representation', undefined, true],
  ['return=minimal', undefined, false],
  [undefined, undefined, false],
  // How many resources there are of a type is not said where patients are counted.
  ['return=representation', 10, false],
])(
  'Prefer: %s, of patients counted from %s on: how far each type is: %s',
  async (prefer, minPatients, isShown) => {
    const part = (type: string, estimate?: number): object => ({ window: { type }, estimate });
    const jobs = {
      records: async () => ({
        request: jobRequest({ jobId: JOB_ID, ...(minPatients === undefined ? {} : { minPatients }) }),
      }),
      plan: async () => ({
        transactionTime: '2026-01-01T00:00:00Z',
        first: 3,
        partitions: [part('Patient', 5), part('Patient', 7), part('Condition', 9), part('Group'), part('')],
      }),
      progress: async () => [
        { partition: 3, resources: 5, isDone: true },
        { partition: 4, resources: 2, isDone: false },
        { partition: 5, resources: 9, isDone: true },
      ],
    };
    const handler = exportStatus({ jobs, settings: {}, now: () => 0 } as unknown as HttpDependencies);
    const answer = await handler(
      {
        params: { jobId: JOB_ID },
        method: 'GET',
        headers: new Headers(prefer === undefined ? {} : { prefer }),
      } as unknown as HttpRequest,
      { getStatus: async () => ({ runtimeStatus: 'Running' }) } as unknown as DurableClient,
      {} as InvocationContext,
      { kind: 'unknown' },
    );
    expect(answer.status).toBe(202);
    expect(new Headers(answer.headers).get('preference-applied')).toBe(
      isShown ? 'return=representation' : null,
    );
    expect(answer.body === undefined ? undefined : JSON.parse(String(answer.body))).toEqual(
      isShown
        ? {
            progress: [
              { type: 'Patient', resources: 7, total: 12, isDone: false },
              { type: 'Condition', resources: 9, total: 9, isDone: true },
              { type: 'Group', resources: 0, isDone: false },
            ],
          }
        : undefined,
    );
  },
);
