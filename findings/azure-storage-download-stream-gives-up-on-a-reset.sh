#!/usr/bin/env bash
# @azure/storage-blob 12.32.0 against Azurite 3.35.0.
# Expected: the stream of download() goes on by itself after a connection was reset half-way; maxRetryRequests (5 by
# default) is documented as the number of such retries.
# Seen: no second request is made. The stream ends with the error "The operation was aborted." though nobody aborted it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps @azure/storage-blob@12.32.0 azurite@3.35.0 >/dev/null

cat >probe.mjs <<'PROBE'
import http from 'node:http';
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { once } from 'node:events';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';

// The emulator's published key.
const key = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
const credential = new StorageSharedKeyCredential('devstoreaccount1', key);
const containerAt = (port) =>
  new BlobServiceClient(`http://127.0.0.1:${port}/devstoreaccount1`, credential).getContainerClient('files');

async function freePort() {
  const server = http.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function startAzurite(location) {
  const port = await freePort();
  const flags = ['--blobHost', '127.0.0.1', '--blobPort', port, '--location', location, '--skipApiVersionCheck', '--silent'];
  const child = spawn(process.execPath, ['node_modules/azurite/dist/src/blob/main.js', ...flags], { stdio: 'ignore' });
  for (let attempt = 0; attempt < 100; attempt++) {
    if (await fetch(`http://127.0.0.1:${port}/`).then(() => true, () => false)) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { port, child };
}

/** A proxy that gives each answer to `intercept` first; true: it has dealt with the answer. */
async function startProxy(target, intercept) {
  const server = http.createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    const onward = http.request({ port: target, host: '127.0.0.1', method: request.method, path: request.url, headers: request.headers });
    onward.end(body);
    const [answer] = await once(onward, 'response');
    const bytes = Buffer.concat(await answer.toArray());
    if (await intercept(request, answer, bytes, response)) return;
    response.writeHead(answer.statusCode, answer.headers).end(bytes);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}

const azurite = await startAzurite(mkdtempSync('data-'));
let requests = 0;
const port = await startProxy(azurite.port, (request, answer, bytes, response) => {
  if (request.method !== 'GET') return false;
  requests++;
  response.writeHead(answer.statusCode, answer.headers);
  response.write(bytes.subarray(0, bytes.length / 2), () => setTimeout(() => response.socket.destroy(), 100));
  return true;
});
const container = containerAt(port);
await container.create();
const blob = container.getBlockBlobClient('file');
await blob.upload(Buffer.alloc(1024 * 1024), 1024 * 1024);
const { readableStreamBody } = await blob.download(0, undefined, { maxRetryRequests: 5 });
let read = 0;
readableStreamBody.on('data', (chunk) => (read += chunk.length));
const [error] = await once(readableStreamBody, 'error').catch((thrown) => [thrown]);
console.log(`${read} of ${1024 * 1024} bytes; ${requests} request; ${error.name}: ${error.message}`);
azurite.child.kill();
process.exit(0);
PROBE

cat >expected <<'EXPECTED'
524288 of 1048576 bytes; 1 request; AbortError: The operation was aborted.
EXPECTED

node probe.mjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
