#!/usr/bin/env bash
# fhir 4.12.0 (npm), xmlToObj and objToXml.
# Expected: an element that repeats, of which one has an extension and no value (as a masked given name), comes back from XML
# with null in its place, as FHIR JSON has it: "given": [null, "Ann"], "_given": [{…}, null]. A decimal is a number.
# Seen: values and extensions are two lists without nulls, so the extension of the masked name is that of "Ann", and the first
# name is gone. Decimals are texts, "0.5", which no FHIR parser takes. The XML in between is right.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps fhir@4.12.0 >/dev/null

cat >probe.cjs <<'PROBE'
const { Fhir } = require('fhir');
const fhir = new Fhir();
const masked = { extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'masked' }] };
const patient = { resourceType: 'Patient', name: [{ given: [null, 'Ann'], _given: [masked, null] }] };
const observation = { resourceType: 'Observation', status: 'final', code: { text: 'weight' }, valueQuantity: { value: 0.5 } };
const xml = fhir.objToXml(patient);
console.log(/<given>.*?<\/given><given value="Ann"\/>/s.test(xml) ? 'XML: the first name is masked, the second is Ann' : xml);
const [name] = fhir.xmlToObj(xml).name;
console.log(`given: ${JSON.stringify(name.given)}, _given: ${JSON.stringify(name._given)?.replace(/\{.*\}/, '{…}')}`);
console.log(`value: ${JSON.stringify(fhir.xmlToObj(fhir.objToXml(observation)).valueQuantity.value)}`);
PROBE

cat >expected <<'EXPECTED'
XML: the first name is masked, the second is Ann
given: ["Ann"], _given: [{…}]
value: "0.5"
EXPECTED

node probe.cjs | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
