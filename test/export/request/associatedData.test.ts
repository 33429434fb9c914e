import { describe, expect, it } from 'vitest';
import { readKickOff } from '../../../functions/export/request/kickOff.js';
import { elementNames } from '../../../functions/export/request/elements.js';
import { patientCompartment } from '../../../functions/fhir/patientCompartment.js';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';

const context = {
  now: Date.parse('2026-11-21T12:00:00Z'),
  isResourceType: (name: string): boolean => /^[A-Z]/.test(name),
  isInCompartment: (name: string): boolean => patientCompartment('R4').has(name),
  hasElement: elementNames(FhirModel.of('R4')),
};

function read(query: string, handling: 'strict' | 'lenient', body?: string): ReturnType<typeof readKickOff> {
  return readKickOff(
    {
      level: { kind: 'patient' },
      method: body === undefined ? 'GET' : 'POST',
      url: `https://host.example/fhir/Patient/$export${query}`,
      accept: 'application/fhir+json',
      prefer: `respond-async, handling=${handling}`,
      body,
    },
    context,
  );
}

/** https://hl7.org/fhir/uv/bulkdata/STU2/export.html#query-parameters includeAssociatedData */
describe('includeAssociatedData', () => {
  const RELEVANT = ['RelevantProvenanceResources'];
  it.each([
    ['is not there', '?_type=Patient', ['Patient'], undefined],
    ['without _type', '?includeAssociatedData=RelevantProvenanceResources', undefined, RELEVANT],
    [
      'adds Provenance to _type',
      '?_type=Patient&includeAssociatedData=RelevantProvenanceResources',
      ['Patient', 'Provenance'],
      RELEVANT,
    ],
    [
      'applies the value that gives more',
      '?includeAssociatedData=LatestProvenanceResources,RelevantProvenanceResources',
      undefined,
      RELEVANT,
    ],
    [
      'is repeated, in any letter case of its name',
      '?INCLUDEASSOCIATEDDATA=RelevantProvenanceResources&includeAssociatedData=LatestProvenanceResources',
      undefined,
      RELEVANT,
    ],
  ])('%s', (_name, query, types, associatedData) => {
    const { kickOff, issues } = read(query, 'strict');
    expect(issues).toEqual([]);
    expect(kickOff?.types).toEqual(types);
    expect(kickOff?.associatedData).toEqual(associatedData);
    expect(kickOff?.ignored).toEqual([]);
  });

  it.each([
    ['LatestProvenanceResources', /^includeAssociatedData: LatestProvenanceResources is not supported/],
    ['_myCustomPreset', /^includeAssociatedData: a value is not supported/],
    ['toString', /^includeAssociatedData: a value is not supported/],
  ])('of %s alone is refused, and ignored for a lenient caller', (value, words) => {
    const query = `?includeAssociatedData=${value}`;
    const refused = read(query, 'strict');
    expect(refused.kickOff).toBeUndefined();
    const { kickOff } = read(query, 'lenient');
    for (const found of [refused.issues, kickOff?.ignored]) {
      expect(found).toEqual([
        {
          severity: found === refused.issues ? 'error' : 'warning',
          code: 'not-supported',
          diagnostics: expect.stringMatching(words),
          expression: ['includeAssociatedData'],
        },
      ]);
    }
    expect(kickOff?.associatedData).toBeUndefined();
  });
});

/** https://hl7.org/fhir/uv/bulkdata/STU2/export.html#query-parameters `_type`: types outside of the Patient compartment */
describe('types of which an export of patients has what exported resources refer to', () => {
  it.each([
    ['are those that _type names beside one of the compartment', '?_type=Patient,Location', ['Location']],
    [
      'are all of them by includeAssociatedData',
      '?includeAssociatedData=_referenced',
      ['Practitioner', 'PractitionerRole', 'Organization', 'Location', 'Medication'],
    ],
    ['are none by default', '', undefined],
    ['are none where _type names no other', '?_type=Patient', undefined],
  ])('%s', (_name, query, referencedTypes) => {
    const { kickOff, issues } = read(query, 'strict');
    expect(issues).toEqual([]);
    expect(kickOff?.referencedTypes).toEqual(referencedTypes);
  });

  it.each([
    [
      'alone',
      '?_type=Practitioner,Location',
      '_type',
      /^_type names only types that are in no Patient compart/,
    ],
    [
      'with a filter',
      '?_type=Patient,Location&_typeFilter=Location%3Fname%3Dx',
      '_typeFilter',
      /^_typeFilter: of Location, .* cannot be filtered/,
    ],
  ])('are refused %s', (_name, query, expression, words) => {
    const { issues } = read(query, 'strict');
    expect(issues).toEqual([
      {
        severity: 'error',
        code: 'not-supported',
        diagnostics: expect.stringMatching(words),
        expression: [expression],
      },
    ]);
  });
});
