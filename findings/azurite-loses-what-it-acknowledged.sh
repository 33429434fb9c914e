#!/usr/bin/env bash
# Azurite 3.35.0, with @azure/storage-blob 12.32.0.
# Expected: what was answered with 201 is still there after the process was killed and started again.
# Seen: bytes are written at once, but the list of blobs only every few seconds: an append blob created and filled half
# a second before the kill does not exist afterwards.
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

const location = mkdtempSync('data-');
let azurite = await startAzurite(location);
await containerAt(azurite.port).create();
await new Promise((resolve) => setTimeout(resolve, 12_000));

const blob = containerAt(azurite.port).getAppendBlobClient('Patient.ndjson');
await blob.create();
for (let block = 0; block < 5; block++) await blob.appendBlock('{}\n', 3);
console.log('before the kill: blob exists', await blob.exists());
await new Promise((resolve) => setTimeout(resolve, 500));
azurite.child.kill('SIGKILL');
await once(azurite.child, 'exit');

azurite = await startAzurite(location);
const container = containerAt(azurite.port);
console.log('after it: container exists', await container.exists());
console.log('after it: blob exists', await container.getAppendBlobClient('Patient.ndjson').exists());
azurite.child.kill();
process.exit(0);
PROBE

cat >expected <<'EXPECTED'
before the kill: blob exists true
after it: container exists true
after it: blob exists false
EXPECTED

node probe.mjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
