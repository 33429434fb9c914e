#!/usr/bin/env bash
# fetch of Node 20, axios 1.21.1, got 14.6.6: a range of a file that its server stores as gzip (Content-Encoding: gzip, as S3
# and Azure Blob Storage send it whatever Accept-Encoding says). A range is of the stored bytes: RFC 9110, section 14.1.1.
# Expected: the bytes of the range as they were sent, since the rest of the coded file is not there to decode; or an error.
# Seen: fetch, which asks for "identity" with a range, and axios unpack what there is and stop without an error where it
# ends: the 100 bytes that were asked for and sent become others, and more of them. A download that is resumed by the number of
# bytes it has got asks for a wrong place. got fails. A range from the middle is an error in all three.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund axios@1.21.1 got@14.6.6 >/dev/null

cat >probe.mjs <<'PROBE'
import http from 'node:http';
import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import axios from 'axios';
import got from 'got';

const stored = gzipSync('{"resourceType":"Patient","active":true}\n'.repeat(100_000));
let sent;
const server = http.createServer(({ headers }, response) => {
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range);
  const part = stored.subarray(Number(from), Number(to) + 1);
  sent = part.length;
  response
    .writeHead(206, {
      'content-encoding': 'gzip',
      'content-length': part.length,
      'content-range': `bytes ${from}-${to}/${stored.length}`,
    })
    .end(part);
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${server.address().port}/`;
const clients = {
  fetch: async (headers) => (await fetch(url, { headers })).arrayBuffer(),
  axios: async (headers) => (await axios.get(url, { headers, responseType: 'arraybuffer' })).data,
  got: async (headers) => (await got(url, { headers, responseType: 'buffer', retry: { limit: 0 } })).body,
};
for (const range of ['bytes=0-99', 'bytes=1000-1099']) {
  for (const [name, ask] of Object.entries(clients)) {
    const bytes = await ask({ range }).then(
      ({ byteLength }) => (byteLength === sent ? 'as many' : byteLength < sent ? 'fewer' : 'more'),
      () => 'an error',
    );
    console.log(`${range} ${name}: ${bytes}`);
  }
}
process.exit(0);
PROBE

cat >expected <<'EXPECTED'
bytes=0-99 fetch: more
bytes=0-99 axios: more
bytes=0-99 got: an error
bytes=1000-1099 fetch: an error
bytes=1000-1099 axios: an error
bytes=1000-1099 got: an error
EXPECTED

node probe.mjs | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
