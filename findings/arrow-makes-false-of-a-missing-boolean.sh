#!/usr/bin/env bash
# apache-arrow 21.2.0, tableFromJSON.
# Expected: a property that a row does not have is null.
# Seen: a missing boolean is false, a missing text is "", a missing number is NaN, and nullCount does not count
# them. An explicit null stays null. FHIR JSON has no explicit nulls, so every absent element reads as a value.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps apache-arrow@21.2.0 >/dev/null

cat >probe.mjs <<'PROBE'
import { tableFromJSON } from 'apache-arrow';
const rows = [{ active: true, gender: 'female', age: 3 }, { active: null, gender: null, age: null }, {}];
const table = tableFromJSON(rows);
for (const name of table.schema.names) {
  const column = table.getChild(name);
  console.log(name, '- explicit null:', column.get(1), '- missing:', column.get(2), '- nulls counted:', column.nullCount);
}
PROBE

cat >expected <<'EXPECTED'
active - explicit null: null - missing: false - nulls counted: 1
gender - explicit null: null - missing:  - nulls counted: 1
age - explicit null: null - missing: NaN - nulls counted: 1
EXPECTED

node probe.mjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
