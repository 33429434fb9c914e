#!/usr/bin/env bash
# cql-execution 3.3.2 with cql-exec-fhir 2.2.0, Node 20.
# Expected: a contained resource has the type that it says. In CQL, (M.contained[0] as FHIR.Medication).code is the code of the
# Medication in a MedicationRequest, and "is FHIR.Medication" is true, as in the element itself, where there is no other way
# to the code: FHIR R4 lets an order name its drug by a contained Medication.
# Seen: every contained resource is a Resource and nothing more. It has its id, "is FHIR.Medication" is false, "as" gives
# null, and so does each element. A measure of those who take a drug counts nobody whose orders are written so, and reports
# 0, not an error. The same orders with the Medication beside them, or with a CodeableConcept, are counted.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps cql-execution@3.3.2 cql-exec-fhir@2.2.0 >/dev/null

cat >probe.mjs <<'PROBE'
import cql from 'cql-execution';
import fhir from 'cql-exec-fhir';
const FHIR = '{http://hl7.org/fhir}';
const retrieve = (type) => ({
  type: 'Retrieve',
  dataType: FHIR + type,
  templateId: `http://hl7.org/fhir/StructureDefinition/${type}`,
});
const path = (source, name) => ({ type: 'Property', path: name, source });
const first = (source) => ({ type: 'First', source });
// What CQL has as first([MedicationRequest]).contained[0], and as first([Medication]).
const contained = first(path(first(retrieve('MedicationRequest')), 'contained'));
const beside = first(retrieve('Medication'));
const codeOf = (operand) => path(first(path(path({ type: 'As', operand, asType: `${FHIR}Medication` }, 'code'), 'coding')), 'code.value');
const definitions = {
  'contained id': path(contained, 'id.value'),
  'contained is Medication': { type: 'Is', operand: contained, isType: `${FHIR}Medication` },
  'contained code': codeOf(contained),
  'beside is Medication': { type: 'Is', operand: beside, isType: `${FHIR}Medication` },
  'beside code': codeOf(beside),
};
const library = new cql.Library({
  library: {
    identifier: { id: 'Study', version: '1' },
    schemaIdentifier: { id: 'urn:hl7-org:elm', version: 'r1' },
    usings: {
      def: [
        { localIdentifier: 'System', uri: 'urn:hl7-org:elm-types:r1' },
        { localIdentifier: 'FHIR', uri: 'http://hl7.org/fhir', version: '4.0.1' },
      ],
    },
    statements: {
      def: Object.entries(definitions).map(([name, expression]) => ({ name, context: 'Patient', accessLevel: 'Public', expression })),
    },
  },
});
const medication = {
  resourceType: 'Medication',
  id: 'drug',
  code: { coding: [{ system: 'http://www.nlm.nih.gov/research/umls/rxnorm', code: '161' }] },
};
const order = {
  resourceType: 'MedicationRequest',
  id: 'order',
  status: 'active',
  intent: 'order',
  subject: { reference: 'Patient/p' },
  contained: [medication],
  medicationReference: { reference: '#drug' },
};
const source = fhir.PatientSource.FHIRv401();
const entry = [{ resourceType: 'Patient', id: 'p' }, order, medication].map((resource) => ({ resource }));
source.loadBundles([{ resourceType: 'Bundle', type: 'collection', entry }]);
const { patientResults } = await new cql.Executor(library).exec(source);
for (const name of Object.keys(definitions)) console.log(`${name}: ${patientResults.p[name] ?? 'null'}`);
PROBE

cat >expected <<'EXPECTED'
contained id: drug
contained is Medication: false
contained code: null
beside is Medication: true
beside code: 161
EXPECTED

node probe.mjs | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
