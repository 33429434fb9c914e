#!/usr/bin/env bash
# @medplum/ccda 5.1.10, which needs Node 22: run with a later one. convertFhirToCcda, and convertCcdaToFhir of what it has made,
# as two systems would.
# Expected: a date keeps its precision, since C-CDA has years, too; a value with a comparator is a range, as C-CDA writes it
# (IVL_PQ), or is left out; an Observation that was withdrawn, entered-in-error, is left out or nullified, as an Immunization is;
# what was not done carries negationInd.
# Seen: on the way back a year of birth is 1 January, a year of onset is midnight of 1 January, and February 2015, too: the month is
# lost. In the C-CDA they are right. "<" 5 is 5 there and back. A withdrawn value, 900 mmol/L of sodium, is a final one, and a
# procedure that was not done is done. Nothing says so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-save --no-audit --no-fund --prefix "$work/node" "node-$(node -p 'process.platform')-$(node -p 'process.arch')@24" >/dev/null
PATH="$(echo "$work"/node/node_modules/node-*/bin):$PATH"
npm install --silent --no-audit --no-fund --legacy-peer-deps @medplum/ccda@5.1.10 @medplum/core@5.1.10 >/dev/null

cat >probe.mjs <<'PROBE'
import { convertCcdaToFhir, convertCcdaToXml, convertFhirToCcda, convertXmlToCcda } from '@medplum/ccda';

const terminology = 'http://terminology.hl7.org/CodeSystem';
const subject = { reference: 'Patient/p' };
const concept = (system, code) => ({ coding: [{ system, code }] });
const snomed = (code) => concept('http://snomed.info/sct', code);
const observation = (id, code, value, rest = {}) => ({
  resourceType: 'Observation',
  id,
  status: 'final',
  category: [concept(`${terminology}/observation-category`, 'vital-signs')],
  code: concept('http://loinc.org', code),
  subject,
  effectiveDateTime: '2015-02',
  valueQuantity: { unit: 'mmol/L', system: 'http://unitsofmeasure.org', code: 'mmol/L', ...value },
  ...rest,
});
const sections = {
  '11450-4': [
    {
      resourceType: 'Condition',
      id: 'c',
      clinicalStatus: concept(`${terminology}/condition-clinical`, 'active'),
      category: [concept(`${terminology}/condition-category`, 'problem-list-item')],
      code: snomed('44054006'),
      subject,
      onsetDateTime: '2015',
    },
  ],
  '8716-3': [
    observation('o1', '14937-7', { value: 5, comparator: '<' }),
    observation('o2', '2951-2', { value: 900 }, { status: 'entered-in-error' }),
    observation('o3', '2823-3', { value: 4.1 }),
  ],
  '47519-4': [
    { resourceType: 'Procedure', id: 'r', status: 'not-done', code: snomed('80146002'), subject, performedDateTime: '2015' },
  ],
};
const composition = {
  resourceType: 'Composition',
  id: 'd',
  status: 'final',
  type: concept('http://loinc.org', '34133-9'),
  subject,
  date: '2015-02-07T00:00:00Z',
  author: [{ display: 'a' }],
  title: 't',
  section: Object.entries(sections).map(([code, list]) => ({
    title: code,
    code: concept('http://loinc.org', code),
    entry: list.map(({ resourceType, id }) => ({ reference: `${resourceType}/${id}` })),
  })),
};
const patient = { resourceType: 'Patient', id: 'p', gender: 'female', birthDate: '1976' };
const resources = [composition, patient, ...Object.values(sections).flat()];
const bundle = { resourceType: 'Bundle', type: 'document', entry: resources.map((resource) => ({ fullUrl: `urn:uuid:${resource.id}`, resource })) };

const xml = convertCcdaToXml(convertFhirToCcda(bundle));
console.log('in the C-CDA:', xml.match(/<birthTime[^>]*>/)[0], ...xml.match(/<value xsi:type="[A-Z_]*PQ"[^>]*>/g), xml.match(/<procedure[^>]*>/)[0]);
const back = convertCcdaToFhir(convertXmlToCcda(xml)).entry.map(({ resource }) => resource);
const of = (type) => back.filter(({ resourceType }) => resourceType === type);
for (const { birthDate } of of('Patient')) console.log('born 1976:', birthDate);
for (const { onsetDateTime } of of('Condition')) console.log('onset 2015:', onsetDateTime);
for (const { status, effectiveDateTime, code, valueQuantity } of of('Observation'))
  console.log(code.coding[0].code, status, effectiveDateTime, valueQuantity?.comparator ?? 'no comparator', valueQuantity?.value);
for (const { status } of of('Procedure')) console.log('not-done:', status);
PROBE

cat >expected <<'EXPECTED'
in the C-CDA: <birthTime value="1976"/> <value xsi:type="PQ" unit="mmol/L" value="5"/> <value xsi:type="PQ" unit="mmol/L" value="900"/> <value xsi:type="PQ" unit="mmol/L" value="4.1"/> <procedure classCode="PROC" moodCode="EVN">
born 1976: 1976-01-01
onset 2015: 2015-01-01T00:00:00Z
14937-7 final 2015-01-01T00:00:00Z no comparator 5
2951-2 final 2015-01-01T00:00:00Z no comparator 900
2823-3 final 2015-01-01T00:00:00Z no comparator 4.1
not-done: completed
EXPECTED

node probe.mjs 2>/dev/null | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
