#!/usr/bin/env bash
# undici 7.30.2, RetryAgent, on Node 20.
# Expected: a download that breaks off is resumed by a range only if the file is provably the same (RFC 9110, section 13.1.5:
# a strong validator); otherwise it begins anew or is an error.
# Seen: without an ETag, or with a weak one, as nginx gives with gzip, the rest is requested by Range alone. The server has
# replaced the file meanwhile: the body is the first half of the old and the second half of the new one, status 200, no
# error. Content-Range has the same length; Last-Modified has changed and is not looked at. With a strong ETag it is an error.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund undici@7.30.2 >/dev/null

cat >probe.mjs <<'PROBE'
import http from 'node:http';
import { once } from 'node:events';
import { Agent, RetryAgent, request } from 'undici';

const line = (version, id) => `{"id":"${id}","version":${version}}\n`;
const file = (version) => Array.from({ length: 1000 }, (_, index) => line(version, 1000 + index)).join('');
const validators = {
  'no validator': () => ({}),
  'Last-Modified': (version) => ({ 'Last-Modified': new Date(Date.UTC(2026, 0, version)).toUTCString() }),
  'weak ETag': (version) => ({ ETag: `W/"${version}"` }),
  'strong ETag': (version) => ({ ETag: `"${version}"` }),
};

for (const [name, validator] of Object.entries(validators)) {
  const ranges = [];
  const server = http.createServer((asked, answer) => {
    const match = /^bytes=(\d+)-/.exec(asked.headers.range ?? '');
    if (!match) {
      // The first version, broken off in its middle.
      const bytes = file(1);
      answer.writeHead(200, { ...validator(1), 'Content-Length': bytes.length, 'Accept-Ranges': 'bytes' });
      answer.write(bytes.slice(0, bytes.length / 2), () => setTimeout(() => answer.destroy(), 200));
      return;
    }
    ranges.push(asked.headers.range);
    if (asked.headers['if-match'] && asked.headers['if-match'] !== validator(2).ETag) return answer.writeHead(412).end();
    const bytes = file(2);
    const rest = bytes.slice(Number(match[1]));
    answer.writeHead(206, { ...validator(2), 'Content-Range': `bytes ${match[1]}-${bytes.length - 1}/${bytes.length}`, 'Content-Length': rest.length });
    answer.end(rest);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const dispatcher = new RetryAgent(new Agent(), { minTimeout: 10 });
  const result = await request(`http://127.0.0.1:${server.address().port}/Patient.ndjson`, { dispatcher })
    .then(async ({ statusCode, body }) => {
      const lines = (await body.text()).trimEnd().split('\n').map((text) => JSON.parse(text));
      const of = (version) => lines.filter((each) => each.version === version).length;
      return `status ${statusCode}, ${of(1)} lines of the old and ${of(2)} of the new version`;
    })
    .catch((error) => error.code);
  console.log(`${name}: ${result}; then asked for ${ranges.join(', ')}`);
}
process.exit(0);
PROBE

cat >expected <<'EXPECTED'
no validator: status 200, 500 lines of the old and 500 of the new version; then asked for bytes=13000-25999
Last-Modified: status 200, 500 lines of the old and 500 of the new version; then asked for bytes=13000-25999
weak ETag: status 200, 500 lines of the old and 500 of the new version; then asked for bytes=13000-25999
strong ETag: UND_ERR_REQ_RETRY; then asked for bytes=13000-25999
EXPECTED

node probe.mjs | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
