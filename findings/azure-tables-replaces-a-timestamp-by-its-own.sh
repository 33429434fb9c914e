#!/usr/bin/env bash
# @azure/data-tables 13.3.2 against the table service of Azurite 3.35.0.
# Expected: properties of an entity with the names "timestamp" and "etag" are the caller's own, as the service's are named
# Timestamp and odata.etag; or createEntity refuses them. NaN is kept, as the service has it as a double, or refused.
# Seen: all are taken, and none is stored. "timestamp" comes back with the time of writing, so the time of an event becomes the
# time at which it was recorded; "etag" comes back as that of the entity; NaN is nothing. The client renames the one to
# Timestamp, which the service sets itself, and writes NaN as null.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @azure/data-tables@13.3.2 azurite@3.35.0 >/dev/null

cat >probe.mjs <<'PROBE'
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { AzureNamedKeyCredential, TableClient } from '@azure/data-tables';

async function freePort() {
  const server = http.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

const port = await freePort();
const flags = ['--tableHost', '127.0.0.1', '--tablePort', port, '--location', 'data', '--skipApiVersionCheck', '--silent'];
const azurite = spawn(process.execPath, ['node_modules/azurite/dist/src/table/main.js', ...flags], { stdio: 'ignore' });
for (let attempt = 0; attempt < 100; attempt++) {
  if (await fetch(`http://127.0.0.1:${port}/`).then(() => true, () => false)) break;
  await new Promise((resolve) => setTimeout(resolve, 100));
}

// The emulator's published key.
const key = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
const credential = new AzureNamedKeyCredential('devstoreaccount1', key);
const table = new TableClient(`http://127.0.0.1:${port}/devstoreaccount1`, 'events', credential, { allowInsecureConnection: true });
table.pipeline.addPolicy(
  { name: 'print', sendRequest: (request, next) => (request.body?.includes('RowKey') && console.log('sent:', request.body), next(request)) },
  { afterPhase: 'Serialize' },
);
await table.createTable();
const began = Date.now();
await table.createEntity({ partitionKey: 'p', rowKey: '1', timestamp: '2015-02-07T00:00:00Z', etag: 'mine', mean: NaN });
const entity = await table.getEntity('p', '1');
const age = (Date.parse(entity.timestamp) - began) / 60_000;
console.log('timestamp:', entity.timestamp.startsWith('2015') ? 'as written' : Math.abs(age) < 10 ? 'the time of writing' : entity.timestamp);
console.log('etag:', entity.etag.replace(/%3A|[\d.-]+/g, '#').replace(/#.*#/, '#'));
console.log('mean:', 'mean' in entity ? entity.mean : '(nothing)');
azurite.kill();
process.exit(0);
PROBE

cat >expected <<'EXPECTED'
sent: {"PartitionKey":"p","RowKey":"1","Timestamp":"2015-02-07T00:00:00Z","odata.etag":"mine","mean":null}
timestamp: the time of writing
etag: W/"datetime'#Z'"
mean: (nothing)
EXPECTED

node probe.mjs | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
