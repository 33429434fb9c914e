#!/usr/bin/env bash
# nodejs-polars 0.26.1, which needs Node 22: run with a later one.
# Expected: scanJson of several files by a pattern, with inferSchemaLength: null ("all lines"), has the elements of all
# files, or an error says that they differ.
# Seen: the schema is that of the first file alone. An element that first occurs in another file is no column, without an
# error; the rows of that file are there. With the files joined to one Buffer and readJSON, it is there.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-save --no-audit --no-fund --prefix "$work/node" "node-$(node -p 'process.platform')-$(node -p 'process.arch')@24" >/dev/null
PATH="$(echo "$work"/node/node_modules/node-*/bin):$PATH"
npm install --silent --no-audit --no-fund --legacy-peer-deps nodejs-polars@0.26.1 >/dev/null

cat >probe.mjs <<'PROBE'
import { readFileSync, writeFileSync } from 'node:fs';
import polars from 'nodejs-polars';
writeFileSync('Patient-1.ndjson', '{"id":"a","gender":"male"}\n');
writeFileSync('Patient-2.ndjson', '{"id":"b","deceasedBoolean":true}\n');
const show = (name, frame) => console.log(name, frame.height, 'rows', JSON.stringify(frame.columns));
const options = { inferSchemaLength: null };
show('scanJson', polars.scanJson('Patient-*.ndjson', options).collectSync());
const files = ['Patient-1.ndjson', 'Patient-2.ndjson'].map((file) => readFileSync(file));
show('readJSON', polars.readJSON(Buffer.concat(files), { format: 'lines', ...options }));
PROBE

cat >expected <<'EXPECTED'
scanJson 2 rows ["id","gender"]
readJSON 2 rows ["id","gender","deceasedBoolean"]
EXPECTED

node probe.mjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
