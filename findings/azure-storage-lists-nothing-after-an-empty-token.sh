#!/usr/bin/env bash
# @azure/storage-blob 12.32.0, with Azurite 3.35.0.
# Expected: byPage({ continuationToken: '' }) is the first page, as with no token: the service knows no empty marker, and a
# caller without a cursor passes what it has.
# Seen: no page at all, and no error. '' is also what the last page itself has as its token, so a client that keeps
# cursors cannot tell "from the beginning" and "at the end" by the text, and an empty list looks like an empty container.
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
const server = http.createServer().listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address();
server.close();
await once(server, 'close');
const flags = ['--blobHost', '127.0.0.1', '--blobPort', port, '--location', mkdtempSync('data-'), '--skipApiVersionCheck', '--silent'];
const child = spawn(process.execPath, ['node_modules/azurite/dist/src/blob/main.js', ...flags], { stdio: 'ignore' });
for (let attempt = 0; attempt < 100; attempt++) {
  if (await fetch(`http://127.0.0.1:${port}/`).then(() => true, () => false)) break;
  await new Promise((resolve) => setTimeout(resolve, 100));
}
const credential = new StorageSharedKeyCredential('devstoreaccount1', key);
const container = new BlobServiceClient(`http://127.0.0.1:${port}/devstoreaccount1`, credential).getContainerClient('files');
await container.create();
for (const name of ['a', 'b', 'c']) await container.getBlockBlobClient(name).upload('x', 1);

async function pages(settings) {
  const found = [];
  for await (const page of container.listBlobsFlat().byPage({ maxPageSize: 2, ...settings }))
    found.push({ names: page.segment.blobItems.map(({ name }) => name).join(), token: page.continuationToken });
  return found;
}
const whole = await pages({});
const empty = await pages({ continuationToken: '' });
console.log('without a token:', JSON.stringify(whole.map(({ names }) => names)), 'the last token:', JSON.stringify(whole.at(-1).token));
console.log("with '':", JSON.stringify(empty));
child.kill('SIGKILL');
const isAsSeen = whole.length === 2 && whole.at(-1).token === '' && empty.length === 0;
console.log(isAsSeen ? 'as seen' : 'changed');
process.exit(isAsSeen ? 0 : 1);
PROBE
node probe.mjs
