#!/usr/bin/env bash
# fhirpath 5.2.0.
# Expected: comparing a Quantity that has a unit but no UCUM code with one in years is empty, as for units that do not
# convert; if it is an error, it is an Error.
# Seen: it throws a string, not an Error, so that handlers which read error.message report "undefined". With a code that
# is no unit (here "y") the same comparison is empty.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps fhirpath@5.2.0 >/dev/null

cat >probe.cjs <<'PROBE'
const fhirpath = require('fhirpath');
const r4 = require('fhirpath/fhir-context/r4');
for (const valueQuantity of [{ value: 95, unit: 'years' }, { value: 95, unit: 'years', system: 'http://unitsofmeasure.org', code: 'y' }]) {
  try {
    console.log(JSON.stringify(valueQuantity), JSON.stringify(fhirpath.evaluate({ resourceType: 'Observation', valueQuantity }, 'Observation.value > 89 years', null, r4)));
  } catch (thrown) {
    console.log(JSON.stringify(valueQuantity), 'throws a', typeof thrown, '- message:', thrown.message);
  }
}
PROBE

cat >expected <<'EXPECTED'
{"value":95,"unit":"years"} throws a string - message: undefined
{"value":95,"unit":"years","system":"http://unitsofmeasure.org","code":"y"} []
EXPECTED

node probe.cjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
