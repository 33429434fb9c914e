#!/usr/bin/env bash
# fhirpath 5.2.2 (and 5.2.0).
# Expected: where() with a boolean element as its condition keeps what has it true: communication.where(preferred) is the
# languages that are preferred. FHIRPath, "where": the condition has to be true.
# Seen: it keeps whatever has the element, true or false, and so does exists(preferred): of two languages, one of them not
# preferred, both. "preferred = true", "preferred and true", iif(preferred, …) and all(preferred) look at the value.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps fhirpath@5.2.2 >/dev/null

cat >probe.cjs <<'PROBE'
const fhirpath = require('fhirpath');
const r4 = require('fhirpath/fhir-context/r4');
const patient = {
  resourceType: 'Patient',
  active: false,
  communication: [
    { language: { text: 'Dutch' }, preferred: true },
    { language: { text: 'French' }, preferred: false },
    { language: { text: 'Greek' } },
  ],
};
for (const path of [
  'communication.where(preferred).language.text',
  'communication.where(preferred = true).language.text',
  'communication.where(preferred and true).language.text',
  'communication.where(iif(preferred, true, false)).language.text',
  'exists(active)',
  'all(active)',
]) {
  console.log(`${path}: ${fhirpath.evaluate(patient, path, undefined, r4).join(', ')}`);
}
PROBE

cat >expected <<'EXPECTED'
communication.where(preferred).language.text: Dutch, French
communication.where(preferred = true).language.text: Dutch
communication.where(preferred and true).language.text: Dutch
communication.where(iif(preferred, true, false)).language.text: Dutch
exists(active): true
all(active): false
EXPECTED

node probe.cjs | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
