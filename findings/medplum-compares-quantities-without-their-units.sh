#!/usr/bin/env bash
# @medplum/core 5.2.13, which needs Node 22: run with a later one. fhirpath 5.2.2 beside it.
# Expected: a Quantity is compared with its unit, converted by UCUM, as in fhirpath; or where units differ the answer is
# empty, or an error.
# Seen: the unit is left out of <, >, <= and >=: 900 g is more than 1 kg, and 120 mm[Hg] is more than 1 kg, too. A column or a
# filter of a view by weight or dose selects by the number alone, without an error. = looks at the unit and does not convert.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-save --no-audit --no-fund --prefix "$work/node" "node-$(node -p 'process.platform')-$(node -p 'process.arch')@24" >/dev/null
PATH="$(echo "$work"/node/node_modules/node-*/bin):$PATH"
npm install --silent --no-audit --no-fund --legacy-peer-deps @medplum/core@5.2.13 fhirpath@5.2.2 >/dev/null

cat >probe.mjs <<'PROBE'
import { evalFhirPath, evalSqlOnFhir } from '@medplum/core';
import fhirpath from 'fhirpath';
import r4 from 'fhirpath/fhir-context/r4/index.js';
const observation = (id, value, code) => ({
  resourceType: 'Observation',
  id,
  valueQuantity: { value, unit: code, system: 'http://unitsofmeasure.org', code },
});
const observations = [observation('grams', 900, 'g'), observation('kilograms', 2, 'kg'), observation('pressure', 120, 'mm[Hg]')];
for (const condition of ["value > 1 'kg'", "value < 1000 'g'", "value = 2000 'g'"]) {
  for (const [name, evaluate] of [
    ['Medplum', (resource) => evalFhirPath(condition, resource)],
    ['fhirpath', (resource) => fhirpath.evaluate(resource, condition, undefined, r4)],
  ]) {
    const answers = observations.map((resource) => `${resource.id} ${evaluate(resource)[0] ?? '(empty)'}`);
    console.log(`${condition} in ${name}: ${answers.join(', ')}`);
  }
}
const view = {
  resource: 'Observation',
  status: 'active',
  select: [{ column: [{ name: 'id', path: 'id' }] }],
  where: [{ path: "value.ofType(Quantity) > 1 'kg'" }],
};
console.log(`view: ${evalSqlOnFhir(view, observations).map(({ id }) => id).join(', ')}`);
PROBE

cat >expected <<'EXPECTED'
value > 1 'kg' in Medplum: grams true, kilograms true, pressure true
value > 1 'kg' in fhirpath: grams false, kilograms true, pressure (empty)
value < 1000 'g' in Medplum: grams true, kilograms true, pressure true
value < 1000 'g' in fhirpath: grams true, kilograms false, pressure (empty)
value = 2000 'g' in Medplum: grams false, kilograms false, pressure false
value = 2000 'g' in fhirpath: grams false, kilograms true, pressure false
view: grams, kilograms, pressure
EXPECTED

node probe.mjs | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
