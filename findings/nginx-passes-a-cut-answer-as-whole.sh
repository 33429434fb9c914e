#!/usr/bin/env bash
# nginx 1.22.1 (Debian 12's, which has to be installed) before a server of Node 20, as proxy_pass sets it up.
# Expected: an answer without Content-Length that its server breaks off is broken off by nginx, too: the client sees that the
# chunked body has no end. A cache does not keep it.
# Seen: nginx asks its server by HTTP/1.0, where the end of the connection is the end of the body. It ends the client's
# chunked body (and its gzip) as it should, so 500 of 1,000 lines are a complete answer with status 200. proxy_cache keeps
# them for every later client. With "proxy_http_version 1.1", or with a Content-Length, the client sees the break.
set -euo pipefail
[ "$(nginx -v 2>&1)" = 'nginx version: nginx/1.22.1' ] || { echo 'needs nginx 1.22.1' >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >probe.mjs <<'PROBE'
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import { gunzipSync } from 'node:zlib';

const folder = process.cwd();
const lines = Array.from({ length: 1000 }, (_, index) => `${JSON.stringify({ resourceType: 'Patient', id: `p${index}` })}\n`);
const half = lines.slice(0, 500).join('');
let requests = 0;
const server = http.createServer((request, response) => {
  requests += 1;
  response.setHeader('content-type', 'application/fhir+ndjson');
  response.setHeader('cache-control', 'max-age=60');
  if (request.url.endsWith('/length')) response.setHeader('content-length', lines.join('').length);
  response.write(half, () => response.destroy());
});
await once(server.listen('server.socket'), 'listening');

const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`);
const places = {
  plain: '',
  gzip: 'gzip on; gzip_types application/fhir+ndjson;',
  cache: 'proxy_cache answers;',
  'http-1.1': 'proxy_http_version 1.1;',
};
const locations = Object.entries(places).map(
  ([name, directives]) => `location /${name}/ { proxy_pass http://unix:${folder}/server.socket:/; ${directives} }`,
);
writeFileSync('nginx.conf', `
  ${process.getuid() === 0 ? 'user root;' : ''} daemon off; pid ${folder}/pid; error_log ${folder}/error.log; events {}
  http { access_log off; ${temporary.join(' ')} proxy_cache_path ${folder}/answers keys_zone=answers:1m;
    server { listen unix:${folder}/nginx.socket; ${locations.join('\n')} } }`);
const nginx = spawn('nginx', ['-p', folder, '-c', `${folder}/nginx.conf`], { stdio: 'ignore' });

const ask = (socketPath, path) =>
  new Promise((resolve, reject) => {
    const request = http.get({ socketPath, path, headers: { host: 'localhost', 'accept-encoding': 'gzip' } }, async (response) => {
      const parts = [];
      try {
        for await (const part of response) parts.push(part);
      } catch {
        return resolve(`${response.statusCode}, broken off`);
      }
      const body = Buffer.concat(parts);
      const text = response.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
      resolve(`${response.statusCode}, complete, ${String(text).trimEnd().split('\n').length} lines`);
    });
    request.on('error', reject);
  });
for (;;) {
  const up = await ask('nginx.socket', '/plain/length').catch(() => undefined);
  if (up !== undefined) break;
  await new Promise((resolve) => setTimeout(resolve, 50));
}

console.log('no proxy:', await ask('server.socket', '/'));
for (const name of Object.keys(places)) console.log(`${name}:`, await ask('nginx.socket', `/${name}/`));
const before = requests;
console.log('cache, again:', await ask('nginx.socket', '/cache/'), `(${requests - before} requests to the server)`);
console.log('plain, with a length:', await ask('nginx.socket', '/plain/length'));
nginx.kill();
await once(nginx, 'exit');
process.exit(0);
PROBE

cat >expected <<'EXPECTED'
no proxy: 200, broken off
plain: 200, complete, 500 lines
gzip: 200, complete, 500 lines
cache: 200, complete, 500 lines
http-1.1: 200, broken off
cache, again: 200, complete, 500 lines (0 requests to the server)
plain, with a length: 200, broken off
EXPECTED

node probe.mjs | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
