import { describe, expect, it } from 'vitest';
import { readKickOff } from '../../../functions/export/request/kickOff.js';
import { elementNames } from '../../../functions/export/request/elements.js';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';

const context = {
  now: Date.parse('2026-11-21T12:00:00Z'),
  isResourceType: (name: string): boolean => ['Patient', 'Observation', 'Provenance'].includes(name),
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
