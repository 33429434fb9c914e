#!/usr/bin/env bash
# nginx 1.22.1 (Debian 12's, which has to be installed) before two servers of Node 20, as an upstream with its defaults.
# Expected: a kick-off, GET [base]/$export, that was passed on whole and whose answer does not come in time is answered 504, and
# no other server is asked: the first one may have begun.
# Seen: nginx asks the next server, since GET is taken to have no effect (proxy_next_upstream: error timeout). Two exports
# run, of which the client hears of one; nobody polls, downloads or deletes the other, and it stays there with its files. The same
# where the first one breaks off. Of a kick-off by POST, or with "proxy_next_upstream off", there is one.
set -euo pipefail
[ "$(nginx -v 2>&1)" = 'nginx version: nginx/1.22.1' ] || { echo 'needs nginx 1.22.1' >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
chmod 755 .

cat >probe.mjs <<'PROBE'
import http from 'node:http';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { once } from 'node:events';

async function freePort() {
  const server = http.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

let started = [];
/** The first server that gets a kick-off works on it without an answer, or breaks the connection off; the next one answers. */
async function startFhirServer() {
  const server = http.createServer((request, response) => {
    if (!request.url.includes('$export')) return response.end();
    started.push(`/status/${started.length + 1}`);
    if (started.length > 1) return response.writeHead(202, { 'Content-Location': started.at(-1) }).end();
    if (request.url.includes('breaks')) request.socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}
const servers = [await startFhirServer(), await startFhirServer()];

async function startNginx(directive) {
  const port = await freePort();
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${process.cwd()}/${name};`);
  writeFileSync(
    `nginx-${port}.conf`,
    `daemon off; pid ${process.cwd()}/nginx-${port}.pid; error_log ${process.cwd()}/error.log;
    events {}
    http {
      access_log off; ${folders.join(' ')}
      upstream fhir { ${servers.map((each) => `server 127.0.0.1:${each} max_fails=0;`).join(' ')} }
      server { listen 127.0.0.1:${port}; proxy_read_timeout 2s; ${directive} location / { proxy_pass http://fhir; } }
    }`,
  );
  const child = spawn('nginx', ['-p', process.cwd(), '-c', `nginx-${port}.conf`], { stdio: 'ignore' });
  for (let attempt = 0; attempt < 100; attempt++) {
    if (await fetch(`http://127.0.0.1:${port}/metadata`).then(() => true, () => false)) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { port, child };
}

for (const directive of ['', 'proxy_next_upstream off;']) {
  const { port, child } = await startNginx(directive);
  for (const [method, what] of [['GET', 'waits'], ['GET', 'breaks'], ['POST', 'waits']]) {
    started = [];
    const answer = await fetch(`http://127.0.0.1:${port}/fhir/$export?first=${what}`, { method, headers: { Prefer: 'respond-async' } });
    console.log(`${directive || 'defaults:'} ${method}, first server ${what}: ${answer.status} ${answer.headers.get('Content-Location')}, exports started: ${started.length}`);
  }
  child.kill();
}
process.exit(0);
PROBE

cat >expected <<'EXPECTED'
defaults: GET, first server waits: 202 /status/2, exports started: 2
defaults: GET, first server breaks: 202 /status/2, exports started: 2
defaults: POST, first server waits: 504 null, exports started: 1
proxy_next_upstream off; GET, first server waits: 504 null, exports started: 1
proxy_next_upstream off; GET, first server breaks: 502 null, exports started: 1
proxy_next_upstream off; POST, first server waits: 504 null, exports started: 1
EXPECTED

node probe.mjs | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
