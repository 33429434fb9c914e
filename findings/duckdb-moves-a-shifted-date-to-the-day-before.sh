#!/usr/bin/env bash
# DuckDB 1.5.6 (@duckdb/node-api 1.5.6-r.1).
# Expected: a FHIR dateTime with an offset is read as TIMESTAMP WITH TIME ZONE, or as text; the date in it can be taken.
# Seen: read_ndjson makes it TIMESTAMP without zone, converted to UTC, in whatever time zone the session is: midnight at
# +02:00, as a date shift leaves it, is the day before. One value of a finer fraction than microseconds anywhere in the
# sample turns the same column into text, where the date is right.
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
await connection.run("SET TimeZone = 'Europe/Berlin'");
const read = async (name, ...lines) => {
  writeFileSync(name, lines.map((line) => JSON.stringify(line) + '\n').join(''));
  const reader = await connection.runAndReadAll(
    `SELECT typeof(effectiveDateTime) AS type, substr(effectiveDateTime::VARCHAR, 1, 10) AS day FROM read_ndjson('${name}') WHERE id = 'a'`,
  );
  console.log(name, JSON.stringify(reader.getRowObjectsJson()));
};
const a = { id: 'a', effectiveDateTime: '2015-02-07T00:00:00.000+02:00' };
await read('plain.ndjson', a);
await read('finer.ndjson', a, { id: 'b', effectiveDateTime: '2015-02-07T00:00:00.123456789+02:00' });
process.exit(0);
PROBE

cat >expected <<'EXPECTED'
plain.ndjson [{"type":"TIMESTAMP","day":"2015-02-06"}]
finer.ndjson [{"type":"VARCHAR","day":"2015-02-07"}]
EXPECTED

node probe.mjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
