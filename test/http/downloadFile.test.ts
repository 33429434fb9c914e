import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import type { DurableClient } from 'durable-functions';
import { expect, it } from 'vitest';
import type { HttpDependencies } from '../../functions/http/dependencies.js';
import { downloadFile } from '../../functions/http/downloadFile.js';

const JOB_ID = '0'.repeat(32);

/** HEAD of a file of a job that is complete, with a stop that was written after its end. */
async function answerWith(reason: 'failed' | 'cancelled'): Promise<HttpResponseInit> {
  const jobs = {
    request: async () => ({ jobId: JOB_ID, container: 'research', folder: 'folder/' }),
    stop: async () => ({ reason }),
    outcome: async () => ({ state: 'completed', at: '2026-01-01T00:00:00Z' }),
    manifest: async () => ({
      output: [{ type: 'Patient', url: 'p.ndjson', count: 1 }],
      deleted: [],
      error: [],
    }),
  };
  const files = { properties: async () => ({ bytes: 3, etag: '"1"', lastModified: new Date(0) }) };
  const request = { method: 'HEAD', params: { jobId: JOB_ID, file: 'p.ndjson' }, headers: new Headers() };
  const handler = downloadFile({ jobs, files } as unknown as HttpDependencies);
  const answer = await handler(
    request as unknown as HttpRequest,
    {} as DurableClient,
    {} as InvocationContext,
    { kind: 'unknown' },
  );
  return answer;
}

it('files of a complete job stay, although a step after its end failed, until it is cancelled', async () => {
  expect((await answerWith('failed')).status).toBe(200);
  await expect(answerWith('cancelled')).rejects.toMatchObject({ status: 404 });
});

it('no browser takes a file for a page', async () => {
  expect(new Headers((await answerWith('failed')).headers).get('x-content-type-options')).toBe('nosniff');
});
