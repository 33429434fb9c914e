#!/usr/bin/env bash
# got 14.6.6, axios-retry 4.5.0 with axios 1.21.1, @azure/core-rest-pipeline 1.24.0, ky 1.14.3, undici 7.30.2, Node 20.
# A server answers 429 with "Retry-After: 2592000" (30 days, as a bulk export with a quota a month may).
# Expected: each waits, or gives up, or waits as long as its own limit permits. None asks again within three seconds.
# Seen: three of the five make all of their attempts within a fraction of a second. Their wait is more than a timer of
# Node can hold (2,147,483,647 ms, 24.8 days), and such a timer ends after 1 ms. ky and undici's RetryAgent wait.
# The same happens with servers that give a moment as seconds since 1970 (bulk-data-server 2.1.1 of smart-on-fhir).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps got@14.6.6 axios@1.21.1 axios-retry@4.5.0 @azure/core-rest-pipeline@1.24.0 ky@1.14.3 undici@7.30.2 >/dev/null

cat >probe.mjs <<'PROBE'
import http from 'node:http';
import { once } from 'node:events';
import { createDefaultHttpClient, createPipelineFromOptions, createPipelineRequest } from '@azure/core-rest-pipeline';
import axios from 'axios';
import axiosRetry from 'axios-retry';
import got from 'got';
import ky from 'ky';
import { Agent, request, RetryAgent } from 'undici';

let requests = 0;
const server = http.createServer((_, response) => {
  requests++;
  response.writeHead(429, { 'retry-after': '2592000' }).end();
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${server.address().port}/`;
const retrying = axios.create();
axiosRetry(retrying, { retries: 3, retryCondition: ({ response }) => response?.status === 429 });
const clients = {
  got: () => got(url, { retry: { limit: 3 } }),
  'axios-retry': () => retrying.get(url),
  'core-rest-pipeline': () =>
    createPipelineFromOptions({ retryOptions: { maxRetries: 3 } }).sendRequest(
      createDefaultHttpClient(),
      createPipelineRequest({ url, allowInsecureConnection: true }),
    ),
  ky: () => ky(url, { retry: { limit: 3 }, timeout: false }),
  'undici RetryAgent': () => request(url, { dispatcher: new RetryAgent(new Agent(), { maxRetries: 3 }) }),
};
for (const [name, ask] of Object.entries(clients)) {
  requests = 0;
  ask().catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 3000));
  console.log(`${name}: ${requests} in 3 s`);
}
process.exit(0);
PROBE

cat >expected <<'EXPECTED'
got: 4 in 3 s
axios-retry: 4 in 3 s
core-rest-pipeline: 4 in 3 s
ky: 1 in 3 s
undici RetryAgent: 1 in 3 s
EXPECTED

node probe.mjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
