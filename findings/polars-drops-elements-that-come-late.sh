#!/usr/bin/env bash
# nodejs-polars 0.25.2.
# Expected: an element that first occurs in a late line of an NDJSON file is a column with nulls before, or an error.
# Seen: columns come from the first lines alone (50 with readJSON); the element is dropped without an error. With
# inferSchemaLength: null it is there. In FHIR most elements are optional, so which are lost depends on the order of lines.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps nodejs-polars@0.25.2 >/dev/null

cat >probe.mjs <<'PROBE'
import polars from 'nodejs-polars';
const lines = Array.from({ length: 200 }, (_, row) => ({ id: `p${row}`, ...(row >= 150 ? { deceasedBoolean: true } : {}) }));
const file = Buffer.from(lines.map((line) => JSON.stringify(line) + '\n').join(''));
for (const options of [{ format: 'lines' }, { format: 'lines', inferSchemaLength: null }]) {
  const frame = polars.readJSON(file, options);
  console.log(JSON.stringify(options), frame.height, 'rows', JSON.stringify(frame.columns));
}
PROBE

cat >expected <<'EXPECTED'
{"format":"lines"} 200 rows ["id"]
{"format":"lines","inferSchemaLength":null} 200 rows ["id","deceasedBoolean"]
EXPECTED

node probe.mjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
