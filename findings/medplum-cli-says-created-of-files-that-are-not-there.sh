#!/usr/bin/env bash
# @medplum/cli 5.0.10 (medplum bulk export), which needs Node 22: run with a later one, before a server of Node.
# Expected: it downloads the files of the manifest, each into a file of its own, and exits with an error, or says so, if one cannot
# be downloaded or written. Addresses of a manifest are opaque: a part may be named by the query, as signed links are.
# Seen: the name of a file is made of the path of its address alone, so two parts that differ by the query are written into one
# file: half of the patients are lost. An answer 503 is written as data: an OperationOutcome is the only line of Observations,
# of which count says 500. Where the folder does not exist, nothing is written. Of each of them it says "is created", and exits
# with 0.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-save --no-audit --no-fund --prefix "$work/node" "node-$(node -p 'process.platform')-$(node -p 'process.arch')@24" >/dev/null
PATH="$(echo "$work"/node/node_modules/node-*/bin):$PATH"
npm install --silent --no-audit --no-fund --legacy-peer-deps --ignore-scripts @medplum/cli@5.0.10 >/dev/null

cat >probe.mjs <<'PROBE'
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';

const send = (response, status, type, body) => response.writeHead(status, { 'Content-Type': type }).end(body);
const server = createServer(({ url }, response) => {
  const base = `http://127.0.0.1:${server.address().port}`;
  const { pathname, searchParams } = new URL(url, base);
  const output = [
    { type: 'Patient', url: `${base}/file?part=1`, count: 1 },
    { type: 'Patient', url: `${base}/file?part=2`, count: 1 },
    { type: 'Observation', url: `${base}/busy`, count: 500 },
  ];
  const manifest = { transactionTime: '2026-01-01T00:00:00Z', request: base, requiresAccessToken: true, output, error: [] };
  if (pathname.endsWith('/$export')) response.writeHead(202, { 'Content-Location': `${base}/status` }).end();
  else if (pathname === '/status') send(response, 200, 'application/json', JSON.stringify(manifest));
  else if (pathname === '/file')
    send(response, 200, 'application/fhir+ndjson', `${JSON.stringify({ resourceType: 'Patient', id: `p${searchParams.get('part')}` })}\n`);
  else send(response, 503, 'application/fhir+json', '{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"transient"}]}');
});
await once(server.listen(0, '127.0.0.1'), 'listening');

const cli = 'node_modules/@medplum/cli/dist/cjs/index.cjs';
const bulkExport = (folder) =>
  new Promise((resolve) => {
    const options = ['--base-url', `http://127.0.0.1:${server.address().port}/`, '--access-token', 'token', '-d', folder];
    const done = (error, stdout) => resolve({ code: error?.code ?? 0, created: stdout.match(/is created/g)?.length ?? 0 });
    execFile(process.execPath, [cli, 'bulk', 'export', ...options], { timeout: 60_000, env: { ...process.env, HOME: process.cwd() } }, done);
  });

mkdirSync('there');
for (const folder of ['there', 'missing']) {
  const { code, created } = await bulkExport(folder);
  const files = existsSync(folder) ? readdirSync(folder).sort() : [];
  console.log(`folder ${folder}: 3 files in the manifest, ${created} "is created", exit ${code}, ${files.length} files`);
  for (const file of files)
    console.log(`  ${file}: ${readFileSync(`${folder}/${file}`, 'utf8').trim().split('\n').map((line) => JSON.parse(line).resourceType)}`);
}
server.close();
server.closeAllConnections();
PROBE

cat >expected <<'EXPECTED'
folder there: 3 files in the manifest, 3 "is created", exit 0, 2 files
  Observation_busy.ndjson: OperationOutcome
  Patient_file.ndjson: Patient
folder missing: 3 files in the manifest, 3 "is created", exit 0, 0 files
EXPECTED

node probe.mjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
