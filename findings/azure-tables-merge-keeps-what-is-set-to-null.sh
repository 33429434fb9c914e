#!/usr/bin/env bash
# @azure/data-tables 13.3.2 against the table service of Azurite 3.35.0.
# Expected: updateEntity or upsertEntity in the mode "Merge", the default, with a property that is null clears it, as an update
# of a row to NULL does and as null does in JSON Merge Patch.
# Seen: null is passed over, and the call succeeds: a name that was to be removed stays, and so does a property whose value
# became NaN. Only the mode "Replace" removes, and then everything that is not given.
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
const table = new TableClient(`http://127.0.0.1:${port}/devstoreaccount1`, 'jobs', credential, { allowInsecureConnection: true });
await table.createTable();
const stored = async () => {
  const { name, status, mean } = await table.getEntity('p', '1');
  return JSON.stringify({ name, status, mean });
};
await table.createEntity({ partitionKey: 'p', rowKey: '1', name: 'Muster', status: 'active', mean: 3 });
await table.updateEntity({ partitionKey: 'p', rowKey: '1', name: null, status: 'done', mean: NaN });
console.log('name set to null:', await stored());
await table.updateEntity({ partitionKey: 'p', rowKey: '1', name: null, status: 'done' }, 'Replace');
console.log('the same with Replace:', await stored());
azurite.kill();
process.exit(0);
PROBE

cat >expected <<'EXPECTED'
name set to null: {"name":"Muster","status":"done","mean":3}
the same with Replace: {"status":"done"}
EXPECTED

node probe.mjs | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
