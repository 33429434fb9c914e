import type { HttpRequest, InvocationContext } from '@azure/functions';
import type { DurableClient } from 'durable-functions';
import { expect, it } from 'vitest';
import type { HttpDependencies } from '../../functions/http/dependencies.js';
import { exportStatus } from '../../functions/http/exportStatus.js';
import { jobRequest } from '../export/requests.js';

const JOB_ID = '0'.repeat(32);

/** The answer for a job whose orchestration is in a state and whose outcome is read in this order. */
async function statusOf(
  runtimeStatus: string,
  ...outcomes: Array<object | undefined>
): Promise<{ status: number; text: string }> {
  const jobs = {
    records: async () => ({
      request: jobRequest({ jobId: JOB_ID }),
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
  return { status: answer.status ?? 200, text: typeof answer.body === 'string' ? answer.body : '' };
}

it.each([
  ['runs', 'Running', [undefined], 202, /^$/],
  ['ended, and its outcome came meanwhile', 'Completed', [undefined, { state: 'completed' }], 202, /^$/],
  ['ended, and its outcome is lost', 'Completed', [undefined, undefined], 500, /lost what was written last/],
  ['failed', 'Failed', [undefined], 500, /ended unexpectedly/],
] as const)('the status of a job that %s', async (_name, runtimeStatus, outcomes, status, text) => {
  const answer = await statusOf(runtimeStatus, ...outcomes);
  expect(answer.status).toBe(status);
  expect(answer.text).toMatch(text);
});
