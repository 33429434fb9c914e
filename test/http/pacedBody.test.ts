import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { pacedBody } from '../../functions/http/pacedBody.js';

const CHUNK = 64 * 1024;
let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

interface Given {
  chunks: number;
  breaksAt?: number;
  hangsAt?: number;
  mostMs?: number;
}

/** One answer, written as the programming model does: as fast as the body gives it. */
async function answer({ chunks, breaksAt, hangsAt, mostMs = 60_000 }: Given): Promise<{
  client: IncomingMessage;
  source: Readable;
  response: ServerResponse;
  written: Promise<void>;
  given: () => number;
}> {
  let given = 0;
  const source = Readable.from(
    (async function* () {
      for (; given < chunks; given++) {
        if (given === breaksAt) throw new Error('the storage broke off');
        if (given === hangsAt) await new Promise((resolve) => setTimeout(resolve, 500));
        yield Buffer.alloc(CHUNK);
      }
    })(),
  );
  let written: Promise<void> | undefined;
  let response: ServerResponse | undefined;
  server = createServer((_request, outgoing) => {
    response = outgoing;
    outgoing.on('error', () => undefined);
    outgoing.setHeader('content-length', chunks * CHUNK);
    written = (async () => {
      for await (const chunk of pacedBody(source, outgoing, mostMs)) outgoing.write(chunk);
      outgoing.end();
    })();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const request = get(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, { agent: false });
  const [client]: IncomingMessage[] = await once(request, 'response');
  if (!client || !response || !written) throw new Error('no answer');
  return { client, source, response, written, given: () => given };
}

async function read(client: IncomingMessage): Promise<number> {
  let bytes = 0;
  for await (const chunk of client as AsyncIterable<Buffer>) bytes += chunk.length;
  return bytes;
}

describe('an answer that is paced', () => {
  it('comes whole, and leaves no listener behind', async () => {
    const { client, written, response, source } = await answer({ chunks: 400 });
    const before = response.listenerCount('drain');
    expect(await read(client)).toBe(400 * CHUNK);
    await written;
    expect(source.destroyed).toBe(true);
    expect([before, response.listenerCount('drain')].every((count) => count <= 1)).toBe(true);
    expect(response.listenerCount('close')).toBeLessThanOrEqual(2);
  });

  it('is not further ahead of a client that does not read than the buffers are large', async () => {
    const { client, given } = await answer({ chunks: 4000 });
    client.pause();
    await new Promise((resolve) => setTimeout(resolve, 500));
    // Half a MiB here, and what two sockets of the loopback interface hold.
    expect(given() * CHUNK).toBeLessThan(12 * 1024 * 1024);
    client.destroy();
  });

  it.each<[string, Given]>([
    ['the storage breaks off', { chunks: 40, breaksAt: 10 }],
    ['the time is over', { chunks: 40, hangsAt: 10, mostMs: 100 }],
  ])('is aborted, never ended cleanly, where %s, which is no error of the function', async (_name, given) => {
    const { client, written, source } = await answer(given);
    await expect(read(client)).rejects.toThrow(/aborted/);
    await expect(written).resolves.toBeUndefined();
    expect(source.destroyed).toBe(true);
  });

  it('ends without an error where the client goes away, and reads no more', async () => {
    const { client, written, source, given } = await answer({ chunks: 4000 });
    client.destroy();
    await written;
    expect(source.destroyed).toBe(true);
    expect(given()).toBeLessThan(4000);
  });
});
