import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PROJECT_ROOT } from '../../../local/paths.js';
import { waitFor } from './waitFor.js';

const MEBIBYTE = 1_048_576;
/** The figures of the whole: `DOWNLOAD_CLIENTS=16 DOWNLOAD_MEBIBYTES=256`. */
const CLIENTS = Number(process.env['DOWNLOAD_CLIENTS'] ?? 8);
const FILE_BYTES = Number(process.env['DOWNLOAD_MEBIBYTES'] ?? 64) * MEBIBYTE;
const MAX_IDLE_BYTES = 32 * MEBIBYTE;
const MAX_CLIENT_BYTES = 6 * MEBIBYTE;

/** Gives as many bytes as it is asked for, no faster than they are taken. */
function serve(response: ServerResponse, bytes: number): void {
  const chunk = Buffer.alloc(64 * 1024, '{"resourceType":"Patient"}\n');
  let left = bytes;
  const source = new Readable({
    read() {
      this.push(left > 0 ? chunk.subarray(0, left) : null);
      left -= chunk.length;
    },
  });
  response.setHeader('content-length', bytes);
  pipeline(source, response, () => undefined);
}

let storage: Server;
let openReads = 0;
let host: ChildProcess;
let url: string;
let log = '';
const data = mkdtempSync(join(tmpdir(), 'downloads-'));

beforeAll(async () => {
  expect(existsSync(join(PROJECT_ROOT, 'dist')), 'npm run build').toBe(true);
  storage = createServer((request, response) => {
    openReads++;
    response.once('close', () => openReads--);
    serve(response, Number(request.headers['x-bytes']));
  }).listen(0, '127.0.0.1');
  await once(storage, 'listening');
  host = fork(join(PROJECT_ROOT, 'dist/local/host/main.js'), {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      ...process.env,
      PORT: '0',
      LOCAL_DATA: data,
      AzureWebJobsScriptRoot: fileURLToPath(new URL('download-app', import.meta.url)),
      STORAGE_URL: `http://127.0.0.1:${(storage.address() as AddressInfo).port}/`,
      FILE_BYTES: String(FILE_BYTES),
    },
  });
  for (const stream of [host.stdout, host.stderr]) stream?.on('data', (text) => (log += String(text)));
  await waitFor(async () => log.includes('"ready"'), 'the host to start');
  url = /"url":"([^"]+)"/.exec(log)?.[1] ?? '';
});
afterAll(async () => {
  host.kill('SIGTERM');
  await once(host, 'exit');
  storage.closeAllConnections();
  storage.close();
  rmSync(data, { recursive: true, force: true });
});

function open(headers: Record<string, string> = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(`${url}/file`, { headers, agent: false }, resolve).on('error', reject);
  });
}

async function memory(): Promise<number> {
  const { rss } = (await (await fetch(`${url}/memory`)).json()) as { rss: number };
  return rss;
}

async function length(response: IncomingMessage): Promise<number> {
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) bytes += chunk.length;
  return bytes;
}

test('slow clients of large files cost a bounded memory each, and are no error when they go away', async () => {
  await length(await open());
  const idle = await memory();
  const started = performance.now();
  expect(await length(await open())).toBe(FILE_BYTES);
  const seconds = (performance.now() - started) / 1000;
  const slow = await Promise.all(Array.from({ length: CLIENTS }, () => open()));
  for (const response of slow) response.pause();
  let most = 0;
  for (let count = 0; count < 20; count++) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    most = Math.max(most, await memory());
  }
  console.log(
    `${CLIENTS} clients of ${FILE_BYTES / MEBIBYTE} MiB: ${Math.round((most - idle) / MEBIBYTE)} MiB above ${Math.round(idle / MEBIBYTE)}; a fast one ${Math.round(FILE_BYTES / MEBIBYTE / seconds)} MiB/s`,
  );
  expect(most - idle).toBeLessThan(MAX_IDLE_BYTES + CLIENTS * MAX_CLIENT_BYTES);
  for (const response of slow) response.destroy();
  await waitFor(async () => openReads === 0, 'all reads of the storage to end');
  expect(
    log
      .split('\n')
      .filter((line) => /"level":"(error|warning)","category":"Function|MaxListeners/.test(line)),
  ).toEqual([]);
});

test('a part of a file has its length', async () => {
  const response = await open({ range: 'bytes=1000-1099' });
  expect([response.statusCode, await length(response)]).toEqual([206, 100]);
});
