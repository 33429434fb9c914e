import { Readable } from 'node:stream';
import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import type { DurableClient } from 'durable-functions';
import { expect, it } from 'vitest';
import type { HttpDependencies } from '../../functions/http/dependencies.js';
import { downloadFile, MAX_COMPRESSED_BYTES } from '../../functions/http/downloadFile.js';

const JOB_ID = '0'.repeat(32);

const ENDED = Date.parse('2026-01-01T00:00:00Z');
const HOUR_MS = 3_600_000;

interface Asked {
  hoursLater?: number;
  reason?: 'failed' | 'cancelled';
  bytes?: number;
}

/** HEAD, with gzip, of a file of a job that is complete, with or without a stop that was written after its end. */
async function headOf({ reason, bytes = 3, hoursLater = 1 }: Asked): Promise<HttpResponseInit> {
  const jobs = {
    records: async () => ({
      request: { jobId: JOB_ID, container: 'research', folder: 'folder/' },
      stop: reason === undefined ? undefined : { reason },
      outcome: { state: 'completed', at: new Date(ENDED).toISOString() },
    }),
    manifest: async () => ({
      output: [{ type: 'Patient', url: 'p.ndjson', count: 1 }],
      deleted: [],
      error: [],
    }),
  };
  const open = async (): Promise<Readable> => Readable.from([]);
  const files = { properties: async () => ({ bytes, etag: '"1"', lastModified: new Date(0) }), open };
  const request = {
    method: 'HEAD',
    params: { jobId: JOB_ID, file: 'p.ndjson' },
    headers: new Headers({ 'accept-encoding': 'gzip' }),
  };
  const settings = { jobRetentionHours: 48 };
  const now = (): number => ENDED + hoursLater * HOUR_MS;
  const handler = downloadFile({ settings, jobs, files, now } as unknown as HttpDependencies);
  return handler(request as unknown as HttpRequest, {} as DurableClient, {} as InvocationContext, {
    kind: 'unknown',
  });
}

it.each([
  [MAX_COMPRESSED_BYTES, 'gzip', '"1-gzip"'],
  [MAX_COMPRESSED_BYTES + 1, null, '"1"'],
])('a file of %i bytes is sent with coding %s', async (bytes, coding, etag) => {
  const headers = new Headers((await headOf({ bytes })).headers);
  expect([headers.get('content-encoding'), headers.get('etag')]).toEqual([coding, etag]);
});

it('files of a complete job stay, although a step after its end failed, until it is cancelled', async () => {
  expect((await headOf({ reason: 'failed' })).status).toBe(200);
  await expect(headOf({ reason: 'cancelled' })).rejects.toMatchObject({ status: 404 });
});

it('files whose retention is over are not found any more, whether or not they are deleted yet', async () => {
  expect((await headOf({ hoursLater: 47 })).status).toBe(200);
  await expect(headOf({ hoursLater: 48 })).rejects.toMatchObject({ status: 404 });
});

it('no browser takes a file for a page', async () => {
  expect(new Headers((await headOf({})).headers).get('x-content-type-options')).toBe('nosniff');
});
