import { describe, expect, it } from 'vitest';
import { FhirModel } from '../../functions/deid/model/fhirModel.js';
import { emptyReport, type JobPlan } from '../../functions/export/records/job.js';
import { buildManifest } from '../../functions/export/output/manifest.js';
import { shownManifest } from '../../functions/export/output/shownManifest.js';
import { elementNames } from '../../functions/export/request/elements.js';
import type { RawKickOff } from '../../functions/export/request/given.js';
import type { GuideVersion } from '../../functions/export/request/guide.js';
import { type KickOff, readKickOff } from '../../functions/export/request/kickOff.js';
import { jobRequest } from './requests.js';

/**
 * The rules of the Bulk Data Access guide for servers, by version and section: one row a rule. Sections of STU 2 and 3 are
 * of `export.html`, those of the ballot of STU 4 of the page that is named.
 */

const BASE = 'https://host.example/fhir/Patient/$export';
const CONTEXT = {
  isInCompartment: (): boolean => true,
  now: Date.parse('2026-11-21T12:00:00Z'),
  isResourceType: (name: string): boolean => ['Patient', 'Observation', 'Condition'].includes(name),
  hasElement: elementNames(FhirModel.of('R4')),
};

interface Request {
  query?: string;
  prefer?: string;
  parameters?: object[];
  more?: Partial<RawKickOff>;
}

/** What a request is read as, or what is wrong with it. */
function read({ query = '', prefer = '', parameters, more }: Request): Partial<KickOff> | string {
  const result = readKickOff(
    {
      level: { kind: 'patient' },
      method: parameters === undefined ? 'GET' : 'POST',
      url: `${BASE}${query}`,
      accept: 'application/fhir+json',
      prefer: ['respond-async', ...(prefer === '' ? [] : [prefer])].join(', '),
      body: parameters && JSON.stringify({ resourceType: 'Parameters', parameter: parameters }),
      ...more,
    },
    CONTEXT,
  );
  return result.kickOff ?? result.issues.map(({ diagnostics }) => diagnostics).join(' ');
}

const STU_4 = 'bulk-data-version=4.0.0-ballot';
const types = (...names: string[]): object[] => names.map((name) => ({ name: '_type', valueString: name }));

describe('a kick-off', () => {
  it.each<[version: string, section: string, rule: string, request: Request, expected: RegExp | object]>([
    ['2.0.0', 'query-parameters', 'a GET is supported', {}, { guide: '2.0.0' }],
    ['2.0.0', 'query-parameters', 'a POST of Parameters is supported', { parameters: types('Patient') }, { types: ['Patient'] }],
    ['2.0.0', 'bulk-data-kick-off-request', 'repeated and comma-separated values are the same', { query: '?_type=Patient,Observation&_type=Condition' }, { types: ['Patient', 'Observation', 'Condition'] }],
    ['2.0.0', 'query-parameters', '_outputFormat: the three names of NDJSON', { query: '?_outputFormat=application%2Ffhir%2Bndjson' }, {}],
    ['2.0.0', 'query-parameters', 'what is not supported is an error', { query: '?colour=red' }, /colour/],
    ['2.0.0', 'query-parameters', '... or ignored and reported with handling=lenient', { query: '?colour=red', prefer: 'handling=lenient' }, { ignored: [expect.anything()] }],
    ['2.0.0', 'query-parameters', 'patient: by POST only', { query: '?patient=Patient/1' }, /patient can be given only in the body of a POST/],
    ['3.0.0', 'query-parameters', '_until is supported', { query: '?_until=2026-01-01T00:00:00Z' }, { until: '2026-01-01T00:00:00Z' }],
    ['3.0.0', 'headers', 'separate-export-status is applied, and said so', { prefer: 'separate-export-status' }, { hasSeparateStatus: true, applied: ['separate-export-status'] }],
    ['3.0.0', 'query-parameters', 'allowPartialManifests is a boolean', { parameters: [{ name: 'allowPartialManifests', valueBoolean: true }] }, { allowsPartialManifests: true }],
    ['3.0.0', 'query-parameters', '... false is as if it were not there', { query: '?allowPartialManifests=false' }, { guide: '2.0.0' }],
    ['3.0.0', 'query-parameters', '... and nothing else', { query: '?allowPartialManifests=1' }, /must be true or false/],
    ['3.0.0', 'query-parameters', 'organizeOutputBy: by Patient', { query: '?organizeOutputBy=Patient' }, { organizedBy: 'Patient' }],
    ['3.0.0', 'query-parameters', '... an error where another type is not supported', { query: '?organizeOutputBy=Group' }, /only Patient is supported/],
    ['3.0.0', 'query-parameters', '... that a lenient caller has ignored', { query: '?organizeOutputBy=Group', prefer: 'handling=lenient' }, { ignored: [expect.anything()] }],
    ['3.0.0', 'query-parameters', '... not at the system level', { query: '?organizeOutputBy=Patient', more: { level: { kind: 'system' } } }, /only with \[base\]\/Patient/],
    ['4.0.0-ballot', 'async.html#parameters', '... nor with files of a largest size', { query: '?organizeOutputBy=Patient&_maximumFileSize=2000000' }, /cannot go with _maximumFileSize/],
    ['4.0.0-ballot', 'export.html#data-provider-capability-documentation', 'the version by the name of the operation', { parameters: [], more: { guide: '4.0.0-ballot' } }, { guide: '4.0.0-ballot', applied: [] }],
    ['4.0.0-ballot', 'none: our own', 'the version by Prefer', { prefer: STU_4, parameters: [] }, { guide: '4.0.0-ballot', applied: [STU_4] }],
    ['4.0.0-ballot', 'none: our own', '... by its first number', { prefer: 'bulk-data-version=4', parameters: [] }, { guide: '4.0.0-ballot' }],
    ['3.0.0', 'none: our own', '... of each version', { prefer: 'bulk-data-version=3.0' }, { guide: '3.0.0', applied: ['bulk-data-version=3.0.0'] }],
    ['4.0.0-ballot', 'none: our own', '... an unknown one is refused', { prefer: 'bulk-data-version=5' }, /must be one of 2\.0\.0, 3\.0\.0, 4\.0\.0-ballot/],
    ['4.0.0-ballot', 'none: our own', '... and one that the path contradicts', { prefer: 'bulk-data-version=2', more: { guide: '4.0.0-ballot' } }, /\$export-v4 is 4\.0\.0-ballot/],
    ['4.0.0-ballot', 'export.html#kick-off-request', 'no GET', { prefer: STU_4 }, /takes a POST/],
    ['4.0.0-ballot', 'export.html#kick-off-request', 'parameters in the Parameters resource alone', { prefer: STU_4, parameters: [], query: '?_type=Patient' }, /no parameters in the URL/],
    ['4.0.0-ballot', 'export.html#kick-off-request', '... keys of the host are no parameters of the operation', { prefer: STU_4, parameters: [], query: '?code=abc' }, {}],
    ['4.0.0-ballot', 'export.html#kick-off-request', 'several values: the parameter is repeated', { prefer: STU_4, parameters: types('Patient', 'Observation') }, { types: ['Patient', 'Observation'] }],
    ['4.0.0-ballot', 'export.html#kick-off-request', '... and not separated by commas', { prefer: STU_4, parameters: types('Patient,Observation') }, /_type: .*Repeat the parameter/],
    ['4.0.0-ballot', 'export.html#_typefilter-parameter', '_typeFilter: a search may hold commas', { prefer: STU_4, parameters: [...types('Observation'), { name: '_typeFilter', valueString: 'Observation?code=1,2' }] }, { typeFilters: [{ type: 'Observation', search: [['code', '1,2']] }] }],
    ['4.0.0-ballot', 'export.html#_typefilter-parameter', '... several filters may not be in one', { prefer: STU_4, parameters: [...types('Observation'), { name: '_typeFilter', valueString: 'Observation?code=1,Observation?code=2' }] }, /_typeFilter: .*Repeat the parameter/],
    ['4.0.0-ballot', 'OperationDefinition-patient-export.html', 'includeAssociatedData is a Coding', { prefer: STU_4, parameters: [{ name: 'includeAssociatedData', valueCoding: { code: 'RelevantProvenanceResources' } }] }, { associatedData: ['RelevantProvenanceResources'] }],
    ['4.0.0-ballot', 'async.html#parameters', '_minimumFileSize and _maximumFileSize', { prefer: STU_4, parameters: [{ name: '_minimumFileSize', valuePositiveInt: 5000 }, { name: '_maximumFileSize', valuePositiveInt: 2_000_000 }] }, { minFileBytes: 5000, maxFileBytes: 2_000_000 }],
    ['4.0.0-ballot', 'async.html#parameters', '... the second is the greater', { parameters: [{ name: '_minimumFileSize', valuePositiveInt: 2_000_000 }, { name: '_maximumFileSize', valuePositiveInt: 2_000_000 }] }, /must be greater/],
    ['4.0.0-ballot', 'async.html#parameters', '... both are positive integers', { parameters: [{ name: '_minimumFileSize', valueString: '-1' }] }, /whole number of bytes/],
  ])('by %s, %s: %s', (_version, _section, _rule, request, expected) => {
    const kickOff = read(request);
    if (expected instanceof RegExp) expect(kickOff).toMatch(expected);
    else expect(kickOff).toMatchObject(expected);
  }); // prettier-ignore
});

const file = (type: string, name: string): Parameters<typeof buildManifest>[0]['output'][number] => ({
  type,
  name: `folder/${name}`,
  count: 2,
  bytes: 300,
});

function manifestBy(
  guide: GuideVersion | undefined,
  organizedBy?: { organizedBy: 'Patient' },
): Record<string, unknown> {
  const request = jobRequest({
    ...organizedBy,
    jobId: 'a',
    folder: 'folder/',
    requestUrl: 'http://a/fhir/$export?_type=Patient',
  });
  const stored = buildManifest({
    request,
    plan: {
      transactionTime: '2026-01-01T00:00:00Z',
      partitions: [],
      notes: ['one', 'two'],
    } satisfies JobPlan,
    output:
      organizedBy === undefined
        ? [file('Patient', 'Patient-0.ndjson')]
        : [
            file('Patient', '0.ndjson'),
            { ...file('Patient', '1.ndjson'), isContinued: true },
            file('Patient', '2.ndjson'),
          ],
    deleted: [file('Bundle', 'deleted-Condition-2.ndjson')],
    deletionNotes: [],
    errors: [file('OperationOutcome', 'OperationOutcome-x.ndjson')],
    report: { ...emptyReport(), dropped: { 'Patient.name': 3 } },
    foreign: 0,
    ofOthers: 0,
    withheld: [],
  });
  const shown = shownManifest(
    stored,
    { requiresAccessToken: true, urlOf: (name) => `http://a/${name}` },
    guide,
  );
  return { ...shown };
}

describe('a manifest', () => {
  const stu2 = manifestBy(undefined);
  const stu4 = manifestBy('4.0.0-ballot');
  const byPatient = { organizedBy: 'Patient' } as const;
  const OUTCOMES = 'http://a/OperationOutcome-x.ndjson';
  const ours = (name: string): string => `urn:fhir-deidentified-export:manifest:${name}`;

  it.each<[version: string, section: string, rule: string, shown: Record<string, unknown>, expected: object]>([
    ['2.0.0', 'response---complete-status', 'request is the kick-off URL', stu2, { request: 'http://a/fhir/$export?_type=Patient' }],
    ['2.0.0', 'response---complete-status', 'files have type, url and count', stu2, { output: [{ type: 'Patient', url: 'http://a/Patient-0.ndjson', count: 2 }] }],
    ['2.0.0', 'response---complete-status', 'messages are in error', stu2, { error: [{ type: 'OperationOutcome', url: OUTCOMES, count: 2 }] }],
    ['2.0.0', 'response---complete-status', 'extension is an object', stu2, { extension: { report: 'http://a/report.json', deidentified: false } }],
    ['3.0.0', 'response---output-manifest', 'without its parameters, it is that of STU 2', manifestBy('3.0.0'), stu2],
    ['3.0.0', 'response---output-manifest', 'outputOrganizedBy is what organizeOutputBy was, and files have no type then', manifestBy('3.0.0', byPatient), {
      outputOrganizedBy: 'Patient',
      output: [
        { url: 'http://a/0.ndjson', continuesInFile: 'http://a/1.ndjson', count: 2 },
        { url: 'http://a/1.ndjson', count: 2 },
        { url: 'http://a/2.ndjson', count: 2 },
      ],
    }],
    ['4.0.0-ballot', 'StructureDefinition-BulkDataManifest.html', '... the same', manifestBy('4.0.0-ballot', byPatient), {
      outputOrganizedBy: 'Patient',
      output: [
        { url: 'http://a/0.ndjson', continuesInFile: 'http://a/1.ndjson', count: 2, fileSize: 300 },
        { url: 'http://a/1.ndjson', count: 2, fileSize: 300 },
        { url: 'http://a/2.ndjson', count: 2, fileSize: 300 },
      ],
    }],
    ['4.0.0-ballot', 'StructureDefinition-BulkDataManifest.html', 'manifestType names the logical model', stu4, { manifestType: 'http://hl7.org/fhir/uv/bulkdata/StructureDefinition/BulkDataManifest' }],
    ['4.0.0-ballot', 'StructureDefinition-BulkDataManifest.html', 'outputFormat is the type of the files', stu4, { outputFormat: 'application/fhir+ndjson' }],
    ['4.0.0-ballot', 'StructureDefinition-BulkDataManifest.html', 'files of output have fileSize, too', stu4, { output: [{ type: 'Patient', url: 'http://a/Patient-0.ndjson', count: 2, fileSize: 300 }] }],
    ['4.0.0-ballot', 'StructureDefinition-BulkDataManifest.html', 'files of deleted have no type', stu4, { deleted: [{ url: 'http://a/deleted-Condition-2.ndjson', count: 2, fileSize: 300 }] }],
    ['4.0.0-ballot', 'StructureDefinition-BulkDataManifest.html', 'messages are in outcome', stu4, { outcome: [{ url: OUTCOMES, count: 2, fileSize: 300 }] }],
    ['4.0.0-ballot', 'changes.html', 'extension is a list of FHIR extensions', stu4, { extension: expect.arrayContaining([
      { url: ours('deidentified'), valueBoolean: false },
      { url: ours('resourcesRead'), valueInteger: 0 },
      { url: ours('notes'), valueString: 'one' },
      { url: ours('notes'), valueString: 'two' },
      { url: ours('report'), valueUrl: 'http://a/report.json' },
    ]) }],
  ])('by %s, %s: %s', (_version, _section, _rule, shown, expected) => {
    expect(shown).toMatchObject(expected);
  }); // prettier-ignore

  it('by 4.0.0-ballot, changes.html: there is no request and no error', () => {
    expect(Object.keys(stu4)).not.toContain('request');
    expect(Object.keys(stu4)).not.toContain('error');
    expect(JSON.stringify(manifestBy('3.0.0', byPatient)['output'])).not.toContain('type');
  });
});
