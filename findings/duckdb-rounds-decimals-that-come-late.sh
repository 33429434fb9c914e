#!/usr/bin/env bash
# DuckDB 1.5.6 (@duckdb/node-api 1.5.6-r.1).
# Expected: a number with decimals that comes after the sample of read_ndjson (20,480 lines), in an element that had whole
# numbers so far, is read as it is, or is an error, as a text in its place is.
# Seen: it is rounded to a whole number, without an error: 7.5 is 8, 0.4 is 0. An Observation's values are whole numbers for
# long where files are sorted by code. With sample_size = -1 it is a DOUBLE. A number in place of a text is an error.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps @duckdb/node-api@1.5.6-r.1 >/dev/null

cat >probe.mjs <<'PROBE'
import { writeFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';

const connection = await (await DuckDBInstance.create(':memory:')).connect();
const line = (id, value) => `${JSON.stringify({ id, valueQuantity: { value } })}\n`;
const first = Array.from({ length: 30_000 }, (_, index) => line(`a${index}`, 100)).join('');
writeFileSync('decimals.ndjson', first + line('z1', 7.5) + line('z2', 0.4));
writeFileSync('text.ndjson', first + line('z1', '7.5 mg'));
for (const [file, options] of [
  ['decimals', ''],
  ['decimals', ', sample_size = -1'],
  ['text', ''],
]) {
  const rows = await connection
    .runAndReadAll(
      `SELECT id, valueQuantity.value AS value, typeof(valueQuantity.value) AS type
       FROM read_ndjson('${file}.ndjson'${options}) WHERE id LIKE 'z%' ORDER BY id`,
    )
    .then(
      (reader) => JSON.stringify(reader.getRowObjectsJson()),
      (error) => error.message.split(/[:.]/)[0],
    );
  console.log(`${file}${options}: ${rows}`);
}
process.exit(0);
PROBE

cat >expected <<'EXPECTED'
decimals: [{"id":"z1","value":"8","type":"BIGINT"},{"id":"z2","value":"0","type":"BIGINT"}]
decimals, sample_size = -1: [{"id":"z1","value":7.5,"type":"DOUBLE"},{"id":"z2","value":0.4,"type":"DOUBLE"}]
text: Invalid Input Error
EXPECTED

node probe.mjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
