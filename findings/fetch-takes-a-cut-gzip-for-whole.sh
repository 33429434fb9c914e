#!/usr/bin/env bash
# Node's own fetch (undici) on Node 20, 22 and 24, and node-fetch 2.7.0; got 11.8.6 beside them.
# Expected: a gzip body that ends in its middle, in an HTTP answer that is complete, as a proxy or a server sends it whose
# compression was ended too early, is an error: the gzip format has length and checksum at its end.
# Seen: both fetch resolve, with the lines up to there, and the last of them cut. got rejects.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
platform=$(node -p 'process.platform')-$(node -p 'process.arch')
npm init -y >/dev/null
npm install --silent --no-audit --no-fund node-fetch@2.7.0 got@11.8.6 >/dev/null
for version in 20 22 24; do
  npm install --silent --no-audit --no-fund --prefix "node$version" "node-$platform@$version" >/dev/null
done

cat >probe.mjs <<'PROBE'
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';
import zlib from 'node:zlib';
const require = createRequire(import.meta.url);
const nodeFetch = require('node-fetch');
const got = require('got');

const ids = Array.from({ length: 3000 }, (_, index) => createHash('sha256').update(String(index)).digest('hex'));
const whole = zlib.gzipSync(ids.map((id) => `{"resourceType":"Patient","id":"${id}"}\n`).join(''));
const server = http.createServer((request, response) => {
  response.writeHead(200, { 'content-type': 'application/fhir+ndjson', 'content-encoding': 'gzip' });
  response.end(request.url === '/whole' ? whole : whole.subarray(0, whole.length / 2));
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const base = `http://127.0.0.1:${server.address().port}`;
for (const [name, read] of [
  ['fetch', async (url) => (await fetch(url)).text()],
  ['node-fetch', async (url) => (await nodeFetch(url)).text()],
  ['got', async (url) => (await got(url, { retry: 0 })).body],
]) {
  for (const path of ['/whole', '/cut']) {
    const outcome = await read(base + path).then(
      (text) => (text.endsWith('\n') && text.split('\n').length === 3001 ? 'all lines' : 'a part of the lines, no error'),
      () => 'an error',
    );
    console.log(`  ${name} ${path}: ${outcome}`);
  }
}
process.exit(0);
PROBE

for version in 20 22 24; do
  cat <<EXPECTED
Node $version
  fetch /whole: all lines
  fetch /cut: a part of the lines, no error
  node-fetch /whole: all lines
  node-fetch /cut: a part of the lines, no error
  got /whole: all lines
  got /cut: an error
EXPECTED
done >expected

for version in 20 22 24; do
  echo "Node $version"
  node$version/node_modules/node-*/bin/node probe.mjs
done | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
