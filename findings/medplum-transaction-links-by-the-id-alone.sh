#!/usr/bin/env bash
# @medplum/core 5.2.13, which needs Node 22: run with a later one.
# Expected: convertToTransactionBundle, which makes a Bundle of an export ready to be loaded, gives each resource a new address
# and lets each reference follow its resource. An id is unique within a type only (FHIR R4, "Resource.id"), so Patient/7 and
# Encounter/7 are two resources, as in every source that numbers its tables by themselves, and so are their pseudonyms.
# Seen: addresses are kept by the id alone, and the last resource with an id gets all references to it. The encounter is its own
# subject, and the observation is of the encounter; nothing refers to the patient any more, without an error. Where the two
# ids differ it is right.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-save --no-audit --no-fund --prefix "$work/node" "node-$(node -p 'process.platform')-$(node -p 'process.arch')@24" >/dev/null
PATH="$(echo "$work"/node/node_modules/node-*/bin):$PATH"
npm install --silent --no-audit --no-fund --legacy-peer-deps @medplum/core@5.2.13 >/dev/null

cat >probe.mjs <<'PROBE'
import { convertToTransactionBundle } from '@medplum/core';
for (const [patient, encounter] of [['7', '8'], ['7', '7']]) {
  const subject = { reference: `Patient/${patient}` };
  const resources = [
    { resourceType: 'Patient', id: patient },
    { resourceType: 'Encounter', id: encounter, status: 'finished', class: { code: 'AMB' }, subject },
    { resourceType: 'Observation', id: '9', status: 'final', code: { text: 'weight' }, subject, encounter: { reference: `Encounter/${encounter}` } },
  ];
  const entry = resources.map((resource) => ({ resource }));
  const { entry: converted } = convertToTransactionBundle({ resourceType: 'Bundle', type: 'collection', entry });
  const types = new Map(converted.map(({ fullUrl, resource }) => [fullUrl, resource.resourceType]));
  console.log(`Patient/${patient}, Encounter/${encounter}: ${types.size} addresses`);
  const lines = converted.flatMap(({ resource }) =>
    ['subject', 'encounter'].flatMap((name) =>
      resource[name] ? [`  ${resource.resourceType}.${name} is ${types.get(resource[name].reference) ?? 'nothing'}`] : [],
    ),
  );
  console.log(lines.sort().join('\n'));
}
PROBE

cat >expected <<'EXPECTED'
Patient/7, Encounter/8: 3 addresses
  Encounter.subject is Patient
  Observation.encounter is Encounter
  Observation.subject is Patient
Patient/7, Encounter/7: 3 addresses
  Encounter.subject is Encounter
  Observation.encounter is Encounter
  Observation.subject is Encounter
EXPECTED

node probe.mjs | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
