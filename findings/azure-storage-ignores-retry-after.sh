#!/usr/bin/env bash
# @azure/storage-blob 12.32.0 and @azure/core-rest-pipeline 1.24.0 on the same answer, 503 with "Retry-After: 12".
# Expected: both wait 12 s, or both cap the wait by their option for the longest delay.
# Seen: the storage client does not look at the header: it asks again at once, then after 4 s. The pipeline below all
# other Azure clients (registry, identity) waits the whole 12 s although maxRetryDelayInMs is 2000: nothing caps the
# header, so a server can hold a call for as long as it likes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps @azure/storage-blob@12.32.0 @azure/core-rest-pipeline@1.24.0 >/dev/null

cat >probe.mjs <<'PROBE'
import http from 'node:http';
import { once } from 'node:events';
import { AnonymousCredential, BlobServiceClient } from '@azure/storage-blob';
import { createDefaultHttpClient, createPipelineFromOptions, createPipelineRequest } from '@azure/core-rest-pipeline';

let refusals = 0;
let times = [];
const server = http.createServer((_request, response) => {
  times.push(Date.now());
  if (times.length > refusals) response.writeHead(200).end();
  else response.writeHead(503, { 'retry-after': '12' }).end();
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${server.address().port}/account`;
const waits = () => times.slice(1).map((time, index) => `${Math.round((time - times[index]) / 1000)} s`).join(', ');

refusals = 2;
await new BlobServiceClient(url, new AnonymousCredential()).getContainerClient('files').getProperties();
console.log('storage client waited', waits());

refusals = 1;
times = [];
const pipeline = createPipelineFromOptions({ retryOptions: { maxRetryDelayInMs: 2000 } });
await pipeline.sendRequest(createDefaultHttpClient(), createPipelineRequest({ url, allowInsecureConnection: true }));
console.log('pipeline waited', waits());
process.exit(0);
PROBE

cat >expected <<'EXPECTED'
storage client waited 0 s, 4 s
pipeline waited 12 s
EXPECTED

node probe.mjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
