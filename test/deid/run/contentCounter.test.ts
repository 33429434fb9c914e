import { expect, it } from 'vitest';
import { ContentCounter } from '../../../functions/deid/run/contentCounter.js';
import { emptyTypeReport } from '../../../functions/deid/run/typeReport.js';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import { contentOf } from '../../../functions/export/records/content.js';
import { tapeOf } from '../../../functions/json/json.js';

interface Expected {
  elements: Record<string, number>;
  dates?: Record<string, number>;
  references?: Record<string, number>;
  extensions?: Record<string, number>;
  systems?: Record<string, number>;
}

const EXTENSION = '"extension":[{"url":"http://example.org/x","valueDateTime":"2015-02-07T13:28:17Z"}]';

it.each<[string, string[], Expected]>([
  [
    'root elements by their names in JSON, siblings under their own',
    [
      '{"resourceType":"Patient","id":"a","birthDate":"1970-01-02","_birthDate":{"id":"x"}}',
      '{"resourceType":"Patient","id":"b","_birthDate":{"id":"y"}}',
    ],
    { elements: { id: 2, birthDate: 1, _birthDate: 2 }, dates: { day: 1 } },
  ],
  [
    'URIs of extensions and code systems that are published, and no other by its name',
    [
      '{"resourceType":"Patient","extension":[{"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-race","extension":[{"url":"ombCategory","valueCoding":{"system":"urn:oid:2.16.840.1.113883.6.238"}},{"url":"MrsMiller"}]},{"url":"http://example.org/MrsMiller"}],"birthDate":"1970","_birthDate":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/patient-birthTime"}]},"identifier":[{"system":"http://loinc.org"}]}',
      '{"resourceType":"Observation","code":{"coding":[{"system":"http://loinc.org","code":"1"},{"system":"http://loinc.org/MrsMiller"}]},"valueQuantity":{"system":"http://unitsofmeasure.org"}}',
      '{"resourceType":"Condition","onsetAge":{"system":"http://unitsofmeasure.org"},"code":{"coding":[{"_system":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason"}]}}]}}',
    ],
    {
      elements: {
        extension: 1,
        birthDate: 1,
        _birthDate: 1,
        identifier: 1,
        code: 2,
        valueQuantity: 1,
        onsetAge: 1,
      },
      dates: { year: 1 },
      extensions: {
        'http://hl7.org/fhir/us/core/StructureDefinition/us-core-race': 1,
        'http://hl7.org/fhir/StructureDefinition/patient-birthTime': 1,
        'http://hl7.org/fhir/StructureDefinition/data-absent-reason': 1,
        part: 2,
        other: 1,
      },
      systems: {
        'urn:oid:2.16.840.1.113883.6.238': 1,
        'http://loinc.org': 1,
        'http://unitsofmeasure.org': 2,
        other: 1,
      },
    },
  ],
  [
    'no name that the FHIR version does not define',
    ['{"resourceType":"Patient","mrsMiller":1,"_mrsMiller":{}}'],
    { elements: { '(unknown)': 2 } },
  ],
  [
    'dates of every precision, in lists, extensions, siblings and contained resources',
    [
      `{"resourceType":"Patient","meta":{"lastUpdated":"2020-01-01T00:00:00.000+00:00"},"birthDate":"1970","_birthDate":{${EXTENSION}},"contained":[{"resourceType":"Patient","birthDate":"1970-05"}]}`,
    ],
    {
      elements: { meta: 1, birthDate: 1, _birthDate: 1, contained: 1 },
      dates: { year: 1, month: 1, timeWithOffset: 2 },
      extensions: { other: 1 },
    },
  ],
  [
    'dates by type and not by form: no texts, no times, none in elements that are not defined',
    [
      '{"resourceType":"Observation","valueString":"2015","valueTime":"12:00:00","note":[{"text":"2015-02-07"}],"issued":"2015-02-07T00:00:00","effectiveDateTime":"in 2015","x":{"valueDateTime":"2015"}}',
    ],
    {
      elements: {
        valueString: 1,
        valueTime: 1,
        note: 1,
        issued: 1,
        effectiveDateTime: 1,
        '(unknown)': 1,
      },
      dates: { time: 1 },
    },
  ],
  [
    'dates of repeated primitives',
    [
      '{"resourceType":"Timing"}',
      '{"resourceType":"Observation","effectiveTiming":{"event":["2015","2016",null]}}',
    ],
    { elements: { effectiveTiming: 1 }, dates: { year: 2 } },
  ],
  [
    'references by what they lead to',
    [
      '{"resourceType":"Observation","subject":{"reference":"Patient/a"},"performer":[{"reference":"#p"},{"reference":"http://example.org/fhir/Practitioner/1"},{"reference":"MrsMiller/1"},{"display":"x"}],"encounter":{"reference":"urn:uuid:9b1f6b8e-7a5c-4c8e-9a0b-1f2e3d4c5b6a"}}',
    ],
    {
      elements: { subject: 1, performer: 1, encounter: 1 },
      references: { Patient: 1, Practitioner: 1, contained: 1, urn: 1, other: 1 },
    },
  ],
  [
    'what the resources of a Bundle contain',
    [
      '{"resourceType":"Bundle","timestamp":"2020-01-01T00:00:00Z","entry":[{"resource":{"resourceType":"Patient","birthDate":"1970-01-02","generalPractitioner":[{"reference":"Practitioner/1"}]}},{"resource":{"resourceType":"None","birthDate":"1970"}}]}',
    ],
    {
      elements: { timestamp: 1, entry: 1 },
      dates: { day: 1, timeWithOffset: 1 },
      references: { Practitioner: 1 },
    },
  ],
])('counts %s', (_name, resources, expected) => {
  const { elements, dates = {}, references = {}, extensions = {}, systems = {} } = expected;
  const counter = new ContentCounter(FhirModel.of('R4'));
  const report = emptyTypeReport();
  for (const text of resources) {
    const { tape, node } = tapeOf(text);
    counter.add(tape, node, report);
  }
  expect(contentOf(report)).toEqual({
    resources: resources.length,
    notValid: 0,
    problems: {},
    elements,
    dates: { year: 0, month: 0, day: 0, time: 0, timeWithOffset: 0, ...dates },
    references,
    extensions,
    systems,
  });
});

it('does not look into what is nested deeper than any resource', () => {
  const depth = 20_000;
  const text = `{"resourceType":"Patient","extension":${'[{"extension":'.repeat(depth)}[]${'}]'.repeat(depth)}}`;
  const { tape, node } = tapeOf(text);
  const report = emptyTypeReport();
  new ContentCounter(FhirModel.of('R4')).add(tape, node, report);
  expect(report.elements).toEqual(new Map([['extension', 1]]));
});
