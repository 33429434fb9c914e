#!/usr/bin/env bash
# @azure/storage-blob 12.32.0 and @azure/data-tables 13.3.2, with their own settings for retries, on a server that refuses once.
# Expected: both libraries of one storage account, which retry by default, ask again after what a busy service or a gateway
# before it answers: 408, 429, 500, 502, 503, 504.
# Seen: the client of blobs asks again after 500 and 503 alone. After 408, 502 and 504, where the client of tables asks again, and
# after 429, where that does so if there is a Retry-After, one answer ends the call.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps @azure/storage-blob@12.32.0 @azure/data-tables@13.3.2 >/dev/null

cat >probe.mjs <<'PROBE'
import { createServer } from 'node:http';
import { once } from 'node:events';
import { BlobServiceClient } from '@azure/storage-blob';
import { TableClient } from '@azure/data-tables';

const key = Buffer.from('a key of tests').toString('base64');
async function ask(status, headers, call) {
  let requests = 0;
  const server = createServer((request, response) => {
    request.resume();
    requests += 1;
    if (requests === 1) response.writeHead(status, headers).end();
    else response.writeHead(200, { etag: '"0x1"', 'content-type': 'application/json' }).end('{}');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const at = (service) => `${service}Endpoint=http://127.0.0.1:${server.address().port}/account`;
  const account = `DefaultEndpointsProtocol=http;AccountName=account;AccountKey=${key};${at('Blob')};${at('Table')};`;
  const end = await call(account).then(() => 'answered', (error) => `ended by ${error.statusCode}`);
  server.closeAllConnections();
  server.close();
  return `${end} after ${requests}`;
}
const blob = (account) => BlobServiceClient.fromConnectionString(account).getContainerClient('c').getBlobClient('b').getProperties();
const table = (account) =>
  TableClient.fromConnectionString(account, 't', { allowInsecureConnection: true }).getEntity('p', 'r');
for (const [status, headers] of [[408], [429], [429, { 'retry-after': '1' }], [500], [502], [503], [504]]) {
  const name = headers === undefined ? status : `${status} with Retry-After`;
  console.log(`${name}: blob ${await ask(status, headers, blob)}, table ${await ask(status, headers, table)}`);
}
PROBE

cat >expected <<'EXPECTED'
408: blob ended by 408 after 1, table answered after 2
429: blob ended by 429 after 1, table ended by 429 after 1
429 with Retry-After: blob ended by 429 after 1, table answered after 2
500: blob answered after 2, table answered after 2
502: blob ended by 502 after 1, table answered after 2
503: blob answered after 2, table answered after 2
504: blob ended by 504 after 1, table answered after 2
EXPECTED

node probe.mjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
