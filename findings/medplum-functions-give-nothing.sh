#!/usr/bin/env bash
# @medplum/core 5.2.13, which needs Node 22: run with a later one. fhirpath 5.2.2 beside it.
# Expected: a function of FHIRPath works, or is an error, as others that Medplum does not have are ("Unrecognized function").
# Seen: children(), descendants(), repeat(), split(), trim() and encode() are there and give nothing, whatever they are called
# on. A view that takes the id out of an absolute reference, subject.reference.split('/').last(), has null in every row, so
# its join finds nobody; a search of all Quantities by descendants() counts 0. replaceMatches() works.
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
const observation = {
  resourceType: 'Observation',
  id: 'a',
  status: 'final',
  subject: { reference: 'https://example.org/fhir/Patient/p1' },
  valueQuantity: { value: 1 },
  component: [{ valueQuantity: { value: 2 } }],
  note: [{ text: ' fine ' }],
};
const medplum = (path) => {
  try {
    return JSON.stringify(evalFhirPath(path, observation));
  } catch (error) {
    return error.message.split('Error: ').at(-1);
  }
};
for (const path of [
  "subject.reference.split('/').last()",
  "subject.reference.replaceMatches('.*/', '')",
  'children().count()',
  'descendants().ofType(Quantity).count()',
  'repeat(component).count()',
  'note.text.trim()',
  "status.encode('hex')",
  'component.value.value.sum()',
]) {
  console.log(`${path}: Medplum ${medplum(path)}, fhirpath ${JSON.stringify(fhirpath.evaluate(observation, path, undefined, r4))}`);
}
const column = [{ name: 'patient', path: "subject.reference.split('/').last()" }];
console.log(`view: ${JSON.stringify(evalSqlOnFhir({ resource: 'Observation', status: 'active', select: [{ column }] }, [observation]))}`);
PROBE

cat >expected <<'EXPECTED'
subject.reference.split('/').last(): Medplum [], fhirpath ["p1"]
subject.reference.replaceMatches('.*/', ''): Medplum ["p1"], fhirpath ["p1"]
children().count(): Medplum [0], fhirpath [6]
descendants().ofType(Quantity).count(): Medplum [0], fhirpath [2]
repeat(component).count(): Medplum [0], fhirpath [1]
note.text.trim(): Medplum [], fhirpath ["fine"]
status.encode('hex'): Medplum [], fhirpath ["66696e616c"]
component.value.value.sum(): Medplum Unrecognized function: sum, fhirpath [2]
view: [{"patient":null}]
EXPECTED

node probe.mjs | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
