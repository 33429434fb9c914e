#!/usr/bin/env bash
# got 11.8.6, as bulk-data-client 1.2.1 has it, on Node 20 and 18.
# Expected: a request with the option "cache" resolves with the response, whatever its size and speed, on each version of
# Node that starts it; or it rejects.
# Seen: on Node 20, where head and body of the answer are read at once (up to 64 KiB), as a CapabilityStatement, it neither
# resolves nor rejects: with nothing left to wait for, the program ends in its middle, with code 0 and without a word.
# Where the body comes a moment later than the head, or without a cache, it resolves. On Node 18 it always does.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
platform=$(node -p 'process.platform')-$(node -p 'process.arch')
npm init -y >/dev/null
npm install --silent --no-audit --no-fund got@11.8.6 >/dev/null
for version in 18 20; do
  npm install --silent --no-audit --no-fund --prefix "node$version" "node-$platform@$version" >/dev/null
done

cat >server.cjs <<'SERVER'
const http = require('node:http');
const server = http.createServer((request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  if (request.url === '/later') {
    response.flushHeaders();
    setTimeout(() => response.end('{}'), 100);
  } else response.end('{}');
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
SERVER

cat >probe.cjs <<'PROBE'
const got = require('got');
const [, , url, cache] = process.argv;
let said = 'nothing';
process.on('exit', (code) => console.log(`  ${new URL(url).pathname} ${cache}: ${said}, exit code ${code}`));
got(url, { responseType: 'json', retry: 0, ...(cache === 'cached' ? { cache: new Map() } : {}) }).then(
  ({ statusCode }) => (said = `resolved with ${statusCode}`),
  (error) => (said = `rejected with ${error.message}`),
);
PROBE

node server.cjs >port &
server=$!
trap 'kill "$server"; rm -rf "$work"' EXIT
while [ ! -s port ]; do sleep 0.1; done

cat >expected <<'EXPECTED'
Node 18
  /together cached: resolved with 200, exit code 0
  /later cached: resolved with 200, exit code 0
  /together uncached: resolved with 200, exit code 0
Node 20
  /together cached: nothing, exit code 0
  /later cached: resolved with 200, exit code 0
  /together uncached: resolved with 200, exit code 0
EXPECTED

for version in 18 20; do
  echo "Node $version"
  for request in '/together cached' '/later cached' '/together uncached'; do
    timeout 20 node$version/node_modules/node-*/bin/node probe.cjs "http://127.0.0.1:$(cat port)${request% *}" "${request#* }"
  done
done | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
