import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { PseudonymTable } from '../../../functions/adapters/pseudonyms/pseudonymTable.js';
import { SourceLimiter } from '../../../functions/adapters/source/sourceLimiter.js';
import { openStorage } from '../../../functions/adapters/storage/storage.js';
import type { StorageAccount } from '../../../functions/settings/storageSettings.js';

const KEY = Buffer.from('a key of tests').toString('base64');
/** Refusals that a request outlasts, and one more. */
const ENOUGH = 2;
const TOO_MANY = 5;

let server: Server | undefined;
let requests = 0;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** An account that refuses the first requests, and then answers as given. */
async function refusing(
  status: number,
  times: number,
  answer: (response: ServerResponse) => void,
  headers: Record<string, string> = {},
): Promise<StorageAccount> {
  requests = 0;
  server = createServer((request, response) => {
    request.resume();
    request.once('end', () => {
      requests++;
      if (requests > times) answer(response);
      else response.writeHead(status, headers).end();
    });
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const endpoint = (service: string): string => `${service}Endpoint=http://127.0.0.1:${port}/account`;
  return {
    connectionString: `DefaultEndpointsProtocol=http;AccountName=account;AccountKey=${KEY};${endpoint('Blob')};${endpoint('Table')};`,
  };
}

const written = (response: ServerResponse): void => {
  response.writeHead(201, { etag: '"0x1"' }).end();
};

describe('a request to storage that is refused for a while is made again', () => {
  it.each([408, 429, 500, 502, 503, 504])('after %i', async (status) => {
    const account = await refusing(status, ENOUGH, written);
    const blob = openStorage(account).getContainerClient('state').getBlockBlobClient('a');
    await blob.upload('content', 7);
    expect(requests).toBe(ENOUGH + 1);
  });

  it('when it says that it may be', async () => {
    const account = await refusing(429, 1, written, { 'retry-after': '1' });
    const blob = openStorage(account).getContainerClient('state').getAppendBlobClient('a');
    const begin = performance.now();
    await blob.appendBlock('content', 7);
    expect(performance.now() - begin).toBeGreaterThan(990);
    expect(requests).toBe(2);
  });

  it('not for ever', async () => {
    const account = await refusing(429, TOO_MANY, written, { 'retry-after': '1' });
    const blob = openStorage(account).getContainerClient('state').getBlockBlobClient('a');
    await expect(blob.upload('content', 7)).rejects.toMatchObject({ statusCode: 429 });
    expect(requests).toBe(5);
  });

  it.each([400, 403, 404, 409, 412])('not after %i, which does not end by itself', async (status) => {
    const account = await refusing(status, 1, written);
    const blob = openStorage(account).getContainerClient('state').getBlockBlobClient('a');
    await expect(blob.upload('content', 7)).rejects.toMatchObject({ statusCode: status });
    expect(requests).toBe(1);
  });

  it('of the table of pseudonyms, too', async () => {
    const account = await refusing(429, 1, (response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"pseudonym":"one"}');
    });
    const limiter = new SourceLimiter(8);
    const table = new PseudonymTable({ account, key: 'k'.repeat(32), limiter, requester: 'job' });
    expect(await table.find({ domain: 'Patient' }, 'value')).toBe('one');
    expect(requests).toBe(2);
  });
});
