#!/usr/bin/env bash
# fqm-execution 1.8.6 with cql-execution 3.3.2 and cql-exec-fhir 2.2.0, Node 20.
# Expected: fqm-execution evaluates a measure at offset 0 ("2015-01-01" as its period's start is 2015-01-01T00:00:00.000Z), so
# FHIR dates without a time, which have no offset either, are compared with the period as they are, on every machine.
# Seen: such a date has the offset that the machine has at the moment of the run, and one side of a comparison is converted to
# that of the other. In New York an event of 2014, or of 2014-12-31, is not before 2015. In Berlin one of 2016 is not after
# it, and one of 2015-12-31 is in it, which it is not in UTC. In London the same files give other numbers in July than in
# January. What cannot be decided counts as no, and nothing says so. A comparison by a precision of its own ("during year
# of") converts nothing: it is the same everywhere, and has those dated by the year alone.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps --ignore-scripts \
  fqm-execution@1.8.6 cql-execution@3.3.2 cql-exec-fhir@2.2.0 >/dev/null

cat >probe.mjs <<'PROBE'
import { mock } from 'node:test';
const [, , month, ...dates] = process.argv;
mock.timers.enable({ apis: ['Date'], now: Date.parse(`2026-${month}-15T12:00:00Z`) });
const { Calculator } = (await import('fqm-execution')).default;

// The ELM of: context Patient; define "All": exists [Patient]
// define "Related": exists ([Condition] C where C.onset.value <relation> "Measurement Period")
const retrieve = (type) => ({
  type: 'Retrieve',
  dataType: `{http://hl7.org/fhir}${type}`,
  templateId: `http://hl7.org/fhir/StructureDefinition/${type}`,
});
const period = { type: 'ParameterRef', name: 'Measurement Period' };
const relations = {
  before: { type: 'Before', to: { type: 'Start', operand: period } },
  in: { type: 'In', to: period },
  after: { type: 'After', to: { type: 'End', operand: period } },
  'in, by year': { type: 'In', precision: 'Year', to: period },
};
const conditions = ({ to, ...operator }) => ({
  type: 'Exists',
  operand: {
    type: 'Query',
    source: [{ alias: 'C', expression: retrieve('Condition') }],
    relationship: [],
    where: { ...operator, operand: [{ type: 'Property', path: 'onset.value', scope: 'C' }, to] },
  },
});
const define = (name, expression) => ({ name, context: 'Patient', accessLevel: 'Public', expression });
const library = (relation) => ({
  library: {
    identifier: { id: 'Study', version: '1' },
    schemaIdentifier: { id: 'urn:hl7-org:elm', version: 'r1' },
    usings: {
      def: [
        { localIdentifier: 'System', uri: 'urn:hl7-org:elm-types:r1' },
        { localIdentifier: 'FHIR', uri: 'http://hl7.org/fhir', version: '4.0.1' },
      ],
    },
    parameters: { def: [{ name: 'Measurement Period', accessLevel: 'Public' }] },
    statements: {
      def: [
        define('Patient', { type: 'SingletonFrom', operand: retrieve('Patient') }),
        define('All', { type: 'Exists', operand: retrieve('Patient') }),
        define('Related', conditions(relation)),
      ],
    },
  },
});
const coding = (system, code) => ({ coding: [{ system: `http://terminology.hl7.org/CodeSystem/${system}`, code }] });
const population = (code, expression) => ({
  id: code,
  code: coding('measure-population', code),
  criteria: { language: 'text/cql', expression },
});
const url = 'http://example.org/Library/Study';
const measure = (relation) => [
  {
    resourceType: 'Measure',
    url: 'http://example.org/Measure/Study',
    status: 'active',
    library: [url],
    scoring: coding('measure-scoring', 'proportion'),
    group: [
      {
        id: 'group',
        population: [
          population('initial-population', 'All'),
          population('denominator', 'All'),
          population('numerator', 'Related'),
        ],
      },
    ],
  },
  {
    resourceType: 'Library',
    url,
    version: '1',
    status: 'active',
    type: coding('library-type', 'logic-library'),
    content: [{ contentType: 'application/elm+json', data: btoa(JSON.stringify(library(relation))) }],
  },
];
const bundle = (resources) => ({ resourceType: 'Bundle', type: 'collection', entry: resources.map((resource) => ({ resource })) });
const patients = dates.map((onsetDateTime, id) =>
  bundle([
    { resourceType: 'Patient', id: `${id}` },
    { resourceType: 'Condition', id: `${id}`, subject: { reference: `Patient/${id}` }, onsetDateTime },
  ]),
);
const options = { measurementPeriodStart: '2015-01-01', measurementPeriodEnd: '2015-12-31', calculateHTML: false };
console.log(`${process.env.TZ}, month ${month}`);
for (const [name, relation] of Object.entries(relations)) {
  const { results } = await Calculator.calculate(bundle(measure(relation)), patients, { ...options });
  const counted = results.flatMap(({ detailedResults: [{ populationResults }] }, index) =>
    populationResults.some(({ populationType, result }) => populationType === 'numerator' && result) ? [dates[index]] : [],
  );
  console.log(`  ${name} 2015: ${counted.join(' ')}`);
}
PROBE

cat >expected <<'EXPECTED'
UTC, month 01
  before 2015: 2014 2014-12-31
  in 2015: 2015-06-01
  after 2015: 2016-01-01 2016
  in, by year 2015: 2015 2015-06-01 2015-12-31
America/New_York, month 01
  before 2015: 
  in 2015: 2015-06-01
  after 2015: 2016-01-01 2016
  in, by year 2015: 2015 2015-06-01 2015-12-31
Europe/Berlin, month 01
  before 2015: 2014 2014-12-31
  in 2015: 2015-06-01 2015-12-31
  after 2015: 
  in, by year 2015: 2015 2015-06-01 2015-12-31
Europe/London, month 01
  before 2015: 2014 2014-12-31
  in 2015: 2015-06-01
  after 2015: 2016-01-01 2016
  in, by year 2015: 2015 2015-06-01 2015-12-31
Europe/London, month 07
  before 2015: 2014 2014-12-31
  in 2015: 2015-06-01 2015-12-31
  after 2015: 
  in, by year 2015: 2015 2015-06-01 2015-12-31
EXPECTED

for machine in 'UTC 01' 'America/New_York 01' 'Europe/Berlin 01' 'Europe/London 01' 'Europe/London 07'; do
  TZ=${machine% *} node probe.mjs "${machine#* }" 2014 2014-12-31 2015 2015-06-01 2015-12-31 2016-01-01 2016 2>/dev/null
done | tee actual
diff -u expected actual && echo 'as recorded' || { echo 'the behaviour changed' >&2; exit 1; }
