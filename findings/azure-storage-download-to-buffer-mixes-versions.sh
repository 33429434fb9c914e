#!/usr/bin/env bash
# @azure/storage-blob 12.32.0 against Azurite 3.35.0.
# Expected: downloadToBuffer reads one version of the blob, or fails when the blob is replaced between two of its ranges.
# Seen: the ranges are requested without If-Match. The buffer holds the first range of the old version and the
# rest of the new one, and the call succeeds. A condition given by the caller (ifMatch) ends it with 412.
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
const direct = containerAt(azurite.port);
await direct.create();
const MiB = 1024 * 1024;
const put = (letter) => direct.getBlockBlobClient('file').upload(Buffer.alloc(12 * MiB, letter), 12 * MiB);
let isFirst = true;
let matches = [];
const port = await startProxy(azurite.port, async (request) => {
  if (request.method !== 'GET') return false;
  matches.push(request.headers['if-match'] === undefined ? 'no If-Match' : 'If-Match');
  if (isFirst) await put('B');
  isFirst = false;
  return false;
});
const blob = containerAt(port).getBlockBlobClient('file');
for (const isPinned of [false, true]) {
  await put('A');
  isFirst = true;
  matches = [];
  const conditions = isPinned ? { ifMatch: (await blob.getProperties()).etag } : {};
  try {
    const bytes = await blob.downloadToBuffer(0, undefined, { blockSize: 4 * MiB, concurrency: 1, conditions });
    const ranges = [0, 4, 8].map((at) => String.fromCharCode(bytes[at * MiB]));
    console.log('ranges of versions', ranges.join(' '), '-', matches.join(', '));
  } catch (error) {
    console.log('error', error.statusCode, '-', matches.join(', '));
  }
}
azurite.child.kill();
process.exit(0);
PROBE

cat >expected <<'EXPECTED'
ranges of versions A B B - no If-Match, no If-Match, no If-Match
error 412 - If-Match, If-Match
EXPECTED

node probe.mjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
