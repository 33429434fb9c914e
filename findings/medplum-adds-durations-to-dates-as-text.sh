#!/usr/bin/env bash
# @medplum/core 5.2.13, which needs Node 22: run with a later one.
# Expected: a date plus a duration is a date (FHIRPath, "Date/Time Arithmetic"), or an error says that it is not supported.
# Seen: plus appends the number to the text: 2015-02-28 and one day, or one year, is 2015-02-281, in a column of type date,
# too. Minus gives null, and a comparison with that is false: by "birthDate <= today() - 18 years" nobody is of age.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-save --no-audit --no-fund --prefix "$work/node" "node-$(node -p 'process.platform')-$(node -p 'process.arch')@24" >/dev/null
PATH="$(echo "$work"/node/node_modules/node-*/bin):$PATH"
npm install --silent --no-audit --no-fund --legacy-peer-deps @medplum/core@5.2.13 >/dev/null

cat >probe.mjs <<'PROBE'
import { evalFhirPath, evalSqlOnFhir } from '@medplum/core';
const patient = { resourceType: 'Patient', birthDate: '1976-02-28' };
for (const path of [
  'birthDate + 1 day',
  'birthDate + 1 year',
  'birthDate - 1 day',
  'birthDate <= today() - 18 years',
]) {
  console.log(`${path}: ${JSON.stringify(evalFhirPath(path, patient))}`);
}
const column = { name: 'next', path: 'birthDate + 1 day', type: 'date' };
console.log(JSON.stringify(evalSqlOnFhir({ resource: 'Patient', status: 'active', select: [{ column: [column] }] }, [patient])));
PROBE

cat >expected <<'EXPECTED'
birthDate + 1 day: ["1976-02-281"]
birthDate + 1 year: ["1976-02-281"]
birthDate - 1 day: [null]
birthDate <= today() - 18 years: [false]
[{"next":"1976-02-281"}]
EXPECTED

node probe.mjs | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
