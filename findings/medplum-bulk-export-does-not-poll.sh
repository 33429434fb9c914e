#!/usr/bin/env bash
# @medplum/core 5.2.13 (Node 22 or newer; run on 24).
# Expected: MedplumClient.bulkExport, typed to return the manifest, polls the status URL, waits as Retry-After says, and
# returns the manifest. Its kick-off is a GET, or a POST with Parameters.
# Seen: it returns the body of the 202 and never polls, unless pollStatusOnAccepted is given. With it, it polls every
# second whatever Retry-After says. The kick-off is a POST without a body, its parameters in the query.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund "node-$(node -p 'process.platform')-$(node -p 'process.arch')@24" >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps @medplum/core@5.2.13 >/dev/null

cat >probe.mjs <<'PROBE'
import http from 'node:http';
import { once } from 'node:events';

const requests = [];
const server = http.createServer((request, response) => {
  requests.push({ line: `${request.method} ${request.url}`, time: Date.now() });
  const origin = `http://127.0.0.1:${server.address().port}`;
  if (request.url.includes('$export')) response.writeHead(202, { 'content-location': `${origin}/status` }).end();
  else if (requests.filter(({ line }) => line === 'GET /status').length < 3) response.writeHead(202, { 'retry-after': '5' }).end();
  else {
    const manifest = { transactionTime: '2026-01-01T00:00:00Z', request: '', requiresAccessToken: false, output: [], error: [] };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(manifest));
  }
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { MedplumClient } = await import('@medplum/core');
const client = new MedplumClient({ baseUrl: `http://127.0.0.1:${server.address().port}/`, fhirUrlPath: 'fhir', fetch });
for (const options of [undefined, { pollStatusOnAccepted: true }]) {
  requests.length = 0;
  const given = JSON.stringify(options);
  const result = await client.bulkExport('', 'Patient', undefined, options);
  console.log(given, '->', result === '' ? 'an empty text' : Object.keys(result).join(' '));
  let last;
  for (const { line, time } of requests) {
    console.log(' ', line, last === undefined ? '' : `after ${Math.round((time - last) / 1000)} s`);
    last = time;
  }
}
process.exit(0);
PROBE

cat >expected <<'EXPECTED'
undefined -> an empty text
  POST /fhir/$export?_type=Patient 
{"pollStatusOnAccepted":true} -> transactionTime request requiresAccessToken output error
  POST /fhir/$export?_type=Patient 
  GET /status after 0 s
  GET /status after 1 s
  GET /status after 1 s
EXPECTED

node_modules/node-*/bin/node probe.mjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
