#!/usr/bin/env bash
# @azure/identity 4.13.1 (with @azure/msal-node 5.6.0), with a managed identity as App Service and Functions give it.
# Expected: calls of getToken of one credential that are made at the same time share one request, as calls after it share
# the token that it keeps.
# Seen: each makes a request of its own until the first answer is there: 100 calls, 100 requests, to an endpoint that limits
# them; and a call that got 429 without Retry-After is not repeated. Its error is CredentialUnavailableError, by which a
# chain of credentials takes the next one, as if there were no identity.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps @azure/identity@4.13.1 @azure/msal-node@5.6.0 >/dev/null

cat >probe.mjs <<'PROBE'
import { once } from 'node:events';
import http from 'node:http';

let statuses = [];
let requests = 0;
const server = http.createServer((request, response) => {
  requests += 1;
  response.statusCode = statuses.shift() ?? 200;
  response.setHeader('content-type', 'application/json');
  const { searchParams } = new URL(request.url, 'http://localhost');
  const token = {
    access_token: 'token',
    client_id: '00000000-0000-0000-0000-000000000000',
    expires_on: String(Math.floor(Date.now() / 1000) + 86_400),
    resource: searchParams.get('resource'),
    token_type: 'Bearer',
  };
  // All requests of one moment are there before the first answer.
  setTimeout(() => response.end(JSON.stringify(response.statusCode === 200 ? token : { message: 'busy' })), 1000);
});
await once(server.listen(0, '127.0.0.1'), 'listening');
process.env.IDENTITY_ENDPOINT = `http://127.0.0.1:${server.address().port}/token`;
process.env.IDENTITY_HEADER = 'header';
const { ManagedIdentityCredential } = await import('@azure/identity');

async function attempt(title, resource, calls, first = []) {
  statuses = first;
  requests = 0;
  const credential = new ManagedIdentityCredential();
  const results = await Promise.allSettled(Array.from({ length: calls }, () => credential.getToken(`${resource}/.default`)));
  const outcomes = new Set(results.map(({ status, reason }) => (status === 'fulfilled' ? 'a token' : reason.name)));
  console.log(`${title}: ${requests} requests, ${[...outcomes].join(' or ')}`);
}
await attempt('100 calls at once', 'https://one.example', 100);
await attempt('100 calls afterwards', 'https://one.example', 100);
await attempt('a call, first answer 500', 'https://two.example', 1, [500]);
await attempt('a call, first answer 429', 'https://three.example', 1, [429]);
process.exit(0);
PROBE

cat >expected <<'EXPECTED'
100 calls at once: 100 requests, a token
100 calls afterwards: 0 requests, a token
a call, first answer 500: 2 requests, a token
a call, first answer 429: 1 requests, CredentialUnavailableError
EXPECTED

node probe.mjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
