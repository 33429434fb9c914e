#!/usr/bin/env bash
# fhirpath 5.2.0.
# Expected: adding a day to a dateTime keeps its offset: 2015-02-08T00:00:00+02:00.
# Seen: the result is written in UTC with the offset "-00:00", so its first ten characters are the day it started from:
# shifting a midnight east of Greenwich by one day does not change the date that a reader sees.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps fhirpath@5.2.0 >/dev/null

cat >probe.cjs <<'PROBE'
const fhirpath = require('fhirpath');
const r4 = require('fhirpath/fhir-context/r4');
for (const effectiveDateTime of ['2015-02-07T00:00:00+02:00', '2015-02-07T00:00:00Z', '2015-02-07']) {
  const [shifted] = fhirpath.evaluate({ resourceType: 'Observation', effectiveDateTime }, '(Observation.effective + 1 day).toString()', null, r4);
  console.log(effectiveDateTime, '+ 1 day =', shifted);
}
PROBE

cat >expected <<'EXPECTED'
2015-02-07T00:00:00+02:00 + 1 day = 2015-02-07T22:00:00-00:00
2015-02-07T00:00:00Z + 1 day = 2015-02-08T00:00:00-00:00
2015-02-07 + 1 day = 2015-02-08
EXPECTED

node probe.cjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
