import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { openDispatchers } from '../../../functions/adapters/dispatchers.js';
import { BulkClient, type ReachedFile } from '../../../functions/adapters/source/bulkClient.js';
import { SourceLimiter } from '../../../functions/adapters/source/sourceLimiter.js';
import { SourceRequests } from '../../../functions/adapters/source/sourceRequests.js';
import type { FilePart } from '../../../functions/export/records/job.js';
import { failureOf } from './support.js';

const TEXT = Buffer.from('{"resourceType":"Patient","id":"a"}\n{"resourceType":"Patient","id":"b"}\n');

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** What a client does with a server; `requests` has those that the server got. */
async function withServer(
  answer: Answer,
  use: (client: BulkClient, base: string, requests: IncomingMessage[]) => Promise<void>,
  fileHosts: ReadonlySet<string> = new Set(),
): Promise<void> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const dispatcherFor = openDispatchers({ timeoutMs: 20_000, keepAliveMs: 100 });
  const credentials = {
    remedy: 'none',
    header: async () => ({ name: 'authorization', value: 'Bearer ours' }),
    renewed: async () => undefined,
  };
  const client = new BulkClient({
    baseUrl: `${base}/fhir`,
    fileHosts,
    maxAttempts: 1,
    maxLine: 1_048_576,
    requests: new SourceRequests(dispatcherFor, credentials, 20),
    limiter: new SourceLimiter(4),
    job: 'job',
    log: () => undefined,
  });
  try {
    await use(client, base, requests);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** All of a file, as the plan has it read. */
async function readAll(client: BulkClient, file: ReachedFile): Promise<string> {
  const { bytes, etag, isGzip } = await client.probe(file, 1);
  const part: FilePart = {
    name: '',
    etag,
    number: 1,
    begin: 0,
    end: bytes ?? Number.MAX_SAFE_INTEGER,
    ...(isGzip ? { isGzip } : {}),
    bulk: { hasRanges: bytes !== undefined, ...(bytes === undefined ? {} : { bytes }) },
  };
  let text = '';
  for await (const block of client.blocks(part, file, undefined)) text += block.bytes.toString();
  return text;
}

const accepts = ({ headers }: IncomingMessage): boolean =>
  /\bgzip\b/.test(String(headers['accept-encoding'] ?? ''));

function sendCoded(response: ServerResponse, status: number, body: Buffer): void {
  response.writeHead(status, { 'Content-Encoding': 'gzip' }).end(body);
}

/** Servers and stores that give a file in gzip. */
const CODED: Record<string, Answer> = {
  'a content coding that was not asked for': (_, response) => sendCoded(response, 200, gzipSync(TEXT)),
  'a content coding in an answer to a range': ({ headers }, response) => {
    const body = gzipSync(TEXT);
    if (headers.range === undefined) return sendCoded(response, 200, body);
    response.setHeader('Content-Range', `bytes 0-1/${body.length}`);
    return sendCoded(response, 206, body.subarray(0, 2));
  },
  'a content coding where it is accepted': (request, response) =>
    accepts(request) ? sendCoded(response, 200, gzipSync(TEXT)) : response.writeHead(200).end(TEXT),
  'a gzip file': (_, response) => response.writeHead(200).end(gzipSync(TEXT)),
  'a gzip file that is called a content coding where that is accepted': (request, response) =>
    accepts(request) ? sendCoded(response, 200, gzipSync(TEXT)) : response.writeHead(200).end(gzipSync(TEXT)),
  'a gzip file with a content coding': (_, response) => sendCoded(response, 200, gzipSync(gzipSync(TEXT))),
};

it.each(Object.entries(CODED))('a file is read whole that is given as %s', async (_, answer) => {
  await withServer(answer, async (client, base) => {
    expect(await readAll(client, { url: `${base}/file`, needsToken: false })).toBe(TEXT.toString());
  });
});

it('a server that answers ranges without bytes is not asked without end', async () => {
  const answer: Answer = ({ headers }, response) => {
    const [, from = '0', to = '0'] = /^bytes=(\d+)-(\d+)$/.exec(String(headers.range)) ?? [];
    response.writeHead(206, { 'Content-Range': `bytes ${from}-${to}/${TEXT.length}` });
    response.end(to === '1' ? TEXT.subarray(0, 2) : '');
  };
  await withServer(answer, async (client, base, requests) => {
    const failure = await failureOf(readAll(client, { url: `${base}/file`, needsToken: false }));
    expect(failure).toMatchObject({ code: 'source-export-lost' });
    expect(requests.length).toBeLessThan(10);
  });
});

it('a file to which the source redirects is read there without its credentials', async () => {
  const other: Answer = (_, response) => response.writeHead(200).end(TEXT);
  await withServer(other, async (_own, otherBase, there) => {
    const redirecting: Answer = (_, response) =>
      response.writeHead(302, { Location: `${otherBase}/signed?signature=s` }).end();
    const use = async (client: BulkClient, base: string, here: IncomingMessage[]): Promise<void> => {
      expect(await readAll(client, { url: `${base}/file`, needsToken: true })).toBe(TEXT.toString());
      expect(here.every(({ headers }) => headers.authorization === 'Bearer ours')).toBe(true);
      expect(there).not.toHaveLength(0);
      expect(there.some(({ headers }) => headers.authorization !== undefined)).toBe(false);
    };
    await withServer(redirecting, use, new Set([new URL(otherBase).host]));
    there.length = 0;
    await withServer(redirecting, async (client, base) => {
      const failure = await failureOf(readAll(client, { url: `${base}/file`, needsToken: true }));
      expect(failure.code).toBe('source-foreign-link');
      expect(failure.message).not.toContain('signature');
      expect(there).toHaveLength(0);
    });
  });
});
