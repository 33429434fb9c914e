#!/usr/bin/env bash
# @azure/storage-blob 12.32.0 against Azurite 3.35.0.
# Expected: an append whose answer is lost on the network is not repeated, or is repeated so that it counts once.
# Seen: the client sends appendBlock again by itself, and the block stands in the blob twice; the call reports success.
# With an append position the second attempt is refused with 412, although the first one was written.
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
let answersToLose = 0;
const port = await startProxy(azurite.port, (request) => {
  if (!request.url.includes('comp=appendblock') || answersToLose-- <= 0) return false;
  request.socket.destroy();
  return true;
});
const container = containerAt(port);
await container.create();
const blob = container.getAppendBlobClient('Patient.ndjson');
await blob.create();

answersToLose = 1;
await blob.appendBlock('{"id":"a"}\n', 11);
console.log('without a position:', JSON.stringify(String(await blob.downloadToBuffer())));

answersToLose = 1;
const { code } = await blob.appendBlock('{"id":"b"}\n', 11, { conditions: { appendPosition: 22 } }).catch((error) => error);
console.log('with a position:', code, JSON.stringify(String(await blob.downloadToBuffer())));
azurite.child.kill();
process.exit(0);
PROBE

cat >expected <<'EXPECTED'
without a position: "{\"id\":\"a\"}\n{\"id\":\"a\"}\n"
with a position: AppendPositionConditionNotMet "{\"id\":\"a\"}\n{\"id\":\"a\"}\n{\"id\":\"b\"}\n"
EXPECTED

node probe.mjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
