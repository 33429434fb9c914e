#!/usr/bin/env bash
# fhirclient 2.6.3 (the SMART JS client).
# Expected: client.byCodes(observations, 'code')('29463-7', '3141-9') gives the Observations that have one of the codes, each
# once, whatever its other codes are.
# Seen: an Observation is given once for each of its codings that fits: a weight that has both LOINC codes twice, as HL7's own
# example of a weight has them, and one whose hospital copied the code into its own system twice by one code alone. Means and
# counts weigh it double. The system is not looked at: a local code that has the same text fits as well.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps fhirclient@2.6.3 >/dev/null

cat >probe.mjs <<'PROBE'
import smart from 'fhirclient';
// Outside of a browser it takes request, response and session of a web framework; nothing here needs them.
const client = smart({ url: '/', headers: {}, socket: {}, session: {} }, {}).client({ serverUrl: 'http://localhost/fhir' });
const loinc = 'http://loinc.org';
const local = 'http://hospital.example.org/codes';
const observation = (id, value, ...coding) => ({
  resourceType: 'Observation',
  id,
  status: 'final',
  code: { coding },
  valueQuantity: { value, unit: 'kg' },
});
const observations = [
  observation('one code', 60, { system: loinc, code: '29463-7' }),
  observation('two of LOINC', 90, { system: loinc, code: '29463-7' }, { system: loinc, code: '3141-9' }),
  observation('copied', 120, { system: loinc, code: '29463-7' }, { system: local, code: '29463-7' }),
  observation('another code', 5, { system: local, code: '3141-9' }),
];
const byCode = client.byCodes(observations, 'code');
for (const codes of [['29463-7'], ['29463-7', '3141-9']]) {
  const found = byCode(...codes);
  const mean = found.reduce((sum, { valueQuantity }) => sum + valueQuantity.value, 0) / found.length;
  console.log(`${codes.join(' and ')}: ${found.map(({ id }) => id).join(', ')}; mean ${mean.toFixed(1)}`);
}
PROBE

cat >expected <<'EXPECTED'
29463-7: one code, two of LOINC, copied, copied; mean 97.5
29463-7 and 3141-9: one code, two of LOINC, copied, copied, two of LOINC, another code; mean 80.8
EXPECTED

node probe.mjs | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
