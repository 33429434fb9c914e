#!/usr/bin/env bash
# fhir-kit-client 2.0.3 (and fhirclient 2.6.3 beside it).
# Expected: a Bulk Data file requested by client.request comes back alike whatever its number of lines, as a text, a list
# or an error that says NDJSON is not supported.
# Seen: fhir-kit-client gives a file of one line as a resource, and throws "HTTP 200" for one of two lines. fhirclient
# gives neither text nor resource for both: a Response whose body has been left unread.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps fhir-kit-client@2.0.3 fhirclient@2.6.3 >/dev/null

cat >probe.mjs <<'PROBE'
import http from 'node:http';
import { once } from 'node:events';

import { createRequire } from 'node:module';
import * as kit from 'fhir-kit-client';
const fhirclient = createRequire(import.meta.url)('fhirclient');

const server = http.createServer((request, response) => {
  const lines = Number(request.url.at(-1));
  response.writeHead(200, { 'content-type': 'application/fhir+ndjson' }).end('{"resourceType":"Patient"}\n'.repeat(lines));
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const baseUrl = `http://127.0.0.1:${server.address().port}/fhir`;
const Client = kit.default ?? kit.Client;
const viaKit = new Client({ baseUrl });
const request = { url: '/', headers: {}, socket: {}, session: {} };
const viaSmart = fhirclient(request, {}).client({ serverUrl: baseUrl });
for (const lines of [1, 2]) {
  const outcome = (promise) => promise.then((value) => value.resourceType ?? value.constructor.name, (error) => `throws ${error.message.split(':')[0]}`);
  console.log(lines, 'fhir-kit-client:', await outcome(viaKit.request(`${baseUrl}/file${lines}`)));
  console.log(lines, 'fhirclient:', await outcome(viaSmart.request(`${baseUrl}/file${lines}`)));
}
process.exit(0);
PROBE

cat >expected <<'EXPECTED'
1 fhir-kit-client: Patient
1 fhirclient: Response
2 fhir-kit-client: throws HTTP 200
2 fhirclient: Response
EXPECTED

node probe.mjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
