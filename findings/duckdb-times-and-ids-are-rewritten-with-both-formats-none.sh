#!/usr/bin/env bash
# DuckDB 1.5.6 (@duckdb/node-api 1.5.6-r.1).
# Expected: with dateformat = 'none' and timestampformat = 'none', which keep dates as text, read_ndjson makes no other
# types of texts either.
# Seen: texts that look like times become TIME and those that look like UUIDs become UUID, whatever the options: 08:00 is
# 08:00:00, digits beyond microseconds are cut, an id in upper case is in lower case and equals no reference to it. In
# Parquet, a time is a number of microseconds. No option prevents it but reading texts as JSON (maximum_depth = 1);
# from_json with the result of json_group_structure keeps every text.
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
const line = { id: '0C3151BD-1CBF-4D64-B04D-CD9187A4C6E0', opens: '08:00', closes: '17:30:00.123456789', born: '1976' };
writeFileSync('lines.ndjson', JSON.stringify(line) + '\n');
const show = async (name, from) => {
  const reader = await connection.runAndReadAll(`SELECT id, opens, closes, born FROM ${from}`);
  console.log(name, reader.columnTypes().join(' '), JSON.stringify(reader.getRowsJson()[0]));
};
await show('none', `read_ndjson('lines.ndjson', dateformat = 'none', timestampformat = 'none')`);
await connection.run(`SET VARIABLE structure = (SELECT json_group_structure(json) FROM read_ndjson_objects('lines.ndjson'))`);
await show('structure', `(SELECT unnest(from_json(json, getvariable('structure'))) FROM read_ndjson_objects('lines.ndjson'))`);
process.exit(0);
PROBE

cat >expected <<'EXPECTED'
none UUID TIME TIME VARCHAR ["0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0","08:00:00","17:30:00.123456","1976"]
structure VARCHAR VARCHAR VARCHAR VARCHAR ["0C3151BD-1CBF-4D64-B04D-CD9187A4C6E0","08:00","17:30:00.123456789","1976"]
EXPECTED

node probe.mjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
