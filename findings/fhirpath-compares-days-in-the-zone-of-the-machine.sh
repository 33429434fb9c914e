#!/usr/bin/env bash
# fhirpath 5.2.2.
# Expected: whether a dateTime with an offset is on or after a day, "effective >= @2015-02-07", does not depend on the machine.
# Midnight of that day, 2015-02-07T00:00:00+02:00 as a date shift leaves it, is on it; or, since the day has no offset, the
# answer is empty.
# Seen: the day is that of the machine's time zone, and the dateTime is converted to it. The same line is before the day in
# Berlin, London and New York, where events of the first day drop out of a period, and neither in Tokyo.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps fhirpath@5.2.2 >/dev/null

cat >probe.cjs <<'PROBE'
const fhirpath = require('fhirpath');
const r4 = require('fhirpath/fhir-context/r4');
const observation = { resourceType: 'Observation', effectiveDateTime: '2015-02-07T00:00:00.000+02:00' };
const results = ['effective >= @2015-02-07', 'effective < @2015-02-07'].map((path) => {
  const [value = 'empty'] = fhirpath.evaluate(observation, path, undefined, r4);
  return `${path} ${value}`;
});
console.log(`${process.env.TZ}: ${results.join(', ')}`);
PROBE

cat >expected <<'EXPECTED'
Europe/London: effective >= @2015-02-07 false, effective < @2015-02-07 true
Europe/Berlin: effective >= @2015-02-07 false, effective < @2015-02-07 true
America/New_York: effective >= @2015-02-07 false, effective < @2015-02-07 true
Asia/Tokyo: effective >= @2015-02-07 empty, effective < @2015-02-07 empty
EXPECTED

for zone in Europe/London Europe/Berlin America/New_York Asia/Tokyo; do TZ=$zone node probe.cjs; done | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
