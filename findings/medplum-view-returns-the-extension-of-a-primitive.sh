#!/usr/bin/env bash
# @medplum/core 5.2.13, which needs Node 22: run with a later one.
# Expected: a column of a ViewDefinition over a primitive that has no value but an extension (_display, as a
# data-absent-reason leaves it) is null, since a column of type string holds texts.
# Seen: at the root of the resource it is null. Within an element the cell is an object with the extension, which
# display.exists() counts as there, too. A table made of it has "[object Object]" where data is masked.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-save --no-audit --no-fund --prefix "$work/node" "node-$(node -p 'process.platform')-$(node -p 'process.arch')@24" >/dev/null
PATH="$(echo "$work"/node/node_modules/node-*/bin):$PATH"
npm install --silent --no-audit --no-fund --legacy-peer-deps @medplum/core@5.2.13 >/dev/null

cat >probe.mjs <<'PROBE'
import { evalSqlOnFhir } from '@medplum/core';
const masked = { extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'masked' }] };
const observation = { resourceType: 'Observation', id: 'a', _status: masked, code: { coding: [{ code: '1', _display: masked }] } };
for (const path of ['status', 'code.coding.first().display', 'code.coding.first().display.exists()']) {
  const column = [{ name: 'cell', path, type: 'string' }];
  const view = { resourceType: 'ViewDefinition', status: 'active', resource: 'Observation', select: [{ column }] };
  console.log(path, JSON.stringify(evalSqlOnFhir(view, [observation])));
}
PROBE

cat >expected <<'EXPECTED'
status [{"cell":null}]
code.coding.first().display [{"cell":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"masked"}]}}]
code.coding.first().display.exists() [{"cell":true}]
EXPECTED

node probe.mjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
