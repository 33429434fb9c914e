import { once } from 'node:events';
import { request } from 'node:http';
import { app } from '@azure/functions';
import { downloadFile } from '../../../../dist/functions/http/downloadFile.js';
import { watchResponses } from '../../../../dist/functions/http/responseConnections.js';

// The download of the app, with a file that the server at STORAGE_URL gives instead of a blob.
app.setup({ enableHttpStream: true });
watchResponses();

const bytes = Number(process.env.FILE_BYTES);
const jobs = {
  records: async (jobId) => ({
    request: { jobId, container: 'research', folder: '' },
    stop: undefined,
    outcome: { state: 'completed', at: '2026-01-01T00:00:00Z' },
  }),
  manifest: async () => ({
    output: [{ type: 'Patient', url: 'p.ndjson', count: 1 }],
    deleted: [],
    error: [],
  }),
};
const files = {
  properties: async () => ({ bytes, etag: '"1"', lastModified: new Date(0) }),
  open: async (_container, _name, { part }) => {
    const [response] = await once(
      request(process.env.STORAGE_URL, { headers: { 'x-bytes': part?.count ?? bytes } }).end(),
      'response',
    );
    return response;
  },
};
const settings = { jobRetentionHours: 24 };
const download = downloadFile({ settings, jobs, files, now: () => Date.parse('2026-01-01T01:00:00Z') });
app.http('download', {
  authLevel: 'anonymous',
  route: 'file',
  handler: (message, context) =>
    download(
      {
        method: message.method,
        headers: message.headers,
        params: { jobId: '0'.repeat(32), file: 'p.ndjson' },
      },
      undefined,
      context,
      { kind: 'unknown' },
    ),
});
app.http('memory', {
  authLevel: 'anonymous',
  route: 'memory',
  handler: () => ({ jsonBody: { rss: process.memoryUsage.rss() } }),
});
