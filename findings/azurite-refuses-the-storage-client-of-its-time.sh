#!/usr/bin/env bash
# Azurite 3.35.0, the newest that runs on Node 20, with @azure/storage-blob 12.32.0.
# Expected: the emulator and the client of the same vendor and Node version work together as they are installed.
# Seen: every request is answered 400 InvalidHeaderValue, because the client sends a newer API version. The flag
# --skipApiVersionCheck makes them work. The code of the answer is one that also stands for faulty names and headers.
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

async function startAzurite(location, ...more) {
  const port = await freePort();
  const flags = ['--blobHost', '127.0.0.1', '--blobPort', port, '--location', location, '--silent', ...more];
  const child = spawn(process.execPath, ['node_modules/azurite/dist/src/blob/main.js', ...flags], { stdio: 'ignore' });
  for (let attempt = 0; attempt < 100; attempt++) {
    if (await fetch(`http://127.0.0.1:${port}/`).then(() => true, () => false)) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { port, child };
}

for (const more of [[], ['--skipApiVersionCheck']]) {
  const azurite = await startAzurite(mkdtempSync('data-'), ...more);
  const outcome = await containerAt(azurite.port).create().then(() => 'created', ({ statusCode, code }) => `${statusCode} ${code}`);
  console.log(more.join(' ') || 'as installed:', outcome);
  azurite.child.kill();
}
process.exit(0);
PROBE

cat >expected <<'EXPECTED'
as installed: 400 InvalidHeaderValue
--skipApiVersionCheck created
EXPECTED

node probe.mjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
