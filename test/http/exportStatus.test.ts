import type { HttpRequest, InvocationContext } from '@azure/functions';
import type { DurableClient } from 'durable-functions';
import { expect, it } from 'vitest';
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
