#!/usr/bin/env bash
# DuckDB 1.5.6 writes Parquet; hyparquet 1.31.5 and parquet-wasm 0.8.0 with apache-arrow 21.2.0 read it.
# Expected: a column of type DECIMAL(18, 2), which keeps digits that a DOUBLE might not, reads as the nearest number or as a
# text with its decimal point, as DuckDB reads it back.
# Seen: hyparquet multiplies by a power of ten: 0.35 is 0.35000000000000003, and 13,929 of the values 0.00 to 999.99 are not
# equal to themselves. apache-arrow gives the digits without the point: 0.35 is 35, a hundred times as much.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps \
  @duckdb/node-api@1.5.6-r.1 hyparquet@1.31.5 parquet-wasm@0.8.0 apache-arrow@21.2.0 >/dev/null

cat >probe.mjs <<'PROBE'
import { readFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
import { tableFromIPC } from 'apache-arrow';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { readParquet } from 'parquet-wasm/node';

const connection = await (await DuckDBInstance.create(':memory:')).connect();
const numbers = 'SELECT (i / 100)::DECIMAL(18, 2) AS value FROM range(100000) AS numbers(i) ORDER BY i';
await connection.run(`COPY (${numbers}) TO 'values.parquet' (FORMAT parquet)`);
const right = Array.from({ length: 100_000 }, (_, index) => Number((index / 100).toFixed(2)));

const duckdb = (await connection.runAndReadAll("FROM 'values.parquet'")).getRowObjectsJson();
const hyparquet = await parquetReadObjects({ file: await asyncBufferFromFile('values.parquet') });
const arrow = tableFromIPC(readParquet(readFileSync('values.parquet')).intoIPCStream()).toArray();
for (const [name, rows, number] of [
  ['duckdb', duckdb, Number],
  ['hyparquet', hyparquet, Number],
  ['apache-arrow', arrow, (value) => Number(value.toString())],
]) {
  const wrong = rows.filter((row, index) => number(row.value) !== right[index]).length;
  console.log(`${name}: 0.35 is ${rows[35].value}, ${wrong} of ${rows.length} are not equal`);
}
process.exit(0);
PROBE

cat >expected <<'EXPECTED'
duckdb: 0.35 is 0.35, 0 of 100000 are not equal
hyparquet: 0.35 is 0.35000000000000003, 13929 of 100000 are not equal
apache-arrow: 0.35 is 35, 99999 of 100000 are not equal
EXPECTED

node probe.mjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
