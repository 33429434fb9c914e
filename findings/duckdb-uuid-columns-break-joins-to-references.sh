#!/usr/bin/env bash
# DuckDB 1.5.6 (@duckdb/node-api 1.5.6-r.1).
# Expected: ids are texts; joining Observation.subject.reference to 'Patient/' || Patient.id finds every patient.
# Seen: an id that looks like a UUID becomes the type UUID and is written in lower case, while the reference stays text
# as it was: FHIR ids are case-sensitive, so patients with upper-case ids have no observations. No error.
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
const id = '6F9619FF-8B86-D011-B42D-00CF4FC964FF';
writeFileSync('Patient.ndjson', JSON.stringify({ id }) + '\n');
writeFileSync('Observation.ndjson', JSON.stringify({ subject: { reference: `Patient/${id}` } }) + '\n');
for (const types of ['', ", columns = {id: 'VARCHAR'}"]) {
  const reader = await connection.runAndReadAll(`
    SELECT any_value(typeof(p.id)) AS type, count(o.subject) AS observations
    FROM read_ndjson('Patient.ndjson'${types}) p
    LEFT JOIN read_ndjson('Observation.ndjson') o ON o.subject.reference = 'Patient/' || p.id`);
  console.log(types === '' ? 'by default' : 'as VARCHAR', JSON.stringify(reader.getRowObjectsJson()));
}
process.exit(0);
PROBE

cat >expected <<'EXPECTED'
by default [{"type":"UUID","observations":"0"}]
as VARCHAR [{"type":"VARCHAR","observations":"1"}]
EXPECTED

node probe.mjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
