import { describe, expect, it } from 'vitest';
import { type RawKickOff, readKickOff } from '../../functions/export/kickOff.js';

const BASE = 'https://host.example/fhir/$export';
const context = {
  now: Date.parse('2026-11-21T12:00:00Z'),
  isResourceType: (name: string): boolean => ['Patient', 'Observation'].includes(name),
};

function read(query: string, more: Partial<RawKickOff> = {}): ReturnType<typeof readKickOff> {
  return readKickOff(
    {
      level: { kind: 'system' },
      method: 'GET',
      url: `${BASE}${query}`,
      accept: 'application/fhir+json',
      prefer: 'respond-async',
      body: undefined,
      ...more,
    },
    context,
  );
}

describe('a kick-off is accepted', () => {
  it.each([
    ['without parameters', '', {}, { types: undefined, since: undefined }],
    [
      'with types, repeated and comma-separated',
      '?_type=Patient,Observation&_type=Patient',
      {},
      { types: ['Patient', 'Observation'] },
    ],
    [
      'with names in any letter case',
      '?_TYPE=Patient&_Since=2020-01-01T00:00:00Z',
      {},
      { types: ['Patient'], since: '2020-01-01T00:00:00Z' },
    ],
    [
      'with an unencoded plus in an instant',
      '?_since=2020-01-01T00:00:00+02:00',
      {},
      { since: '2020-01-01T00:00:00+02:00' },
    ],
    [
      'with a transactionTime of a source whose clock is ahead',
      '?_since=2026-11-21T12:10:00Z',
      {},
      { since: '2026-11-21T12:10:00Z' },
    ],
    [
      'with _till, as Azure calls _until',
      '?_till=2020-01-01T00:00:00Z',
      {},
      { until: '2020-01-01T00:00:00Z' },
    ],
    [
      'with a configuration',
      '?_container=research&_anonymizationConfig=a/b.json&_anonymizationConfigEtag="0x1"',
      {},
      { container: 'research', configuration: { name: 'a/b.json', etag: '"0x1"' } },
    ],
    [
      'with a configuration in an image',
      '?_container=research&_anonymizationConfig=a/b.json&_anonymizationConfigCollectionReference=Contoso.azurecr.io/a/b:v1',
      {},
      {
        configuration: {
          name: 'a/b.json',
          etag: undefined,
          collection: {
            text: 'Contoso.azurecr.io/a/b:v1',
            registry: 'contoso.azurecr.io',
            repository: 'a/b',
            version: 'v1',
          },
        },
      },
    ],
    [
      'with Accept beside other types',
      '',
      { accept: 'text/html, application/fhir+json;fhirVersion=4.0' },
      {},
    ],
    ['with Prefer beside other preferences', '', { prefer: 'return=minimal, respond-async' }, {}],
    ['with what Azure knows', '?_isParallel=true&_maxCount=100', {}, { pageSize: 100 }],
    ['with every output format', '?_outputFormat=application/fhir%2Bndjson', {}, {}],
    ['with a host key', '?code=abc', {}, {}],
    [
      'leniently, with a note',
      '?_foo=1',
      { prefer: 'respond-async, handling=lenient' },
      { notes: ['The parameter "_foo" is not known and was ignored.'] },
    ],
    [
      'as POST with Parameters',
      '',
      {
        method: 'POST',
        body: '{"resourceType":"Parameters","parameter":[{"name":"_type","valueString":"Patient"},{"name":"_since","valueInstant":"2020-01-01T00:00:00Z"}]}',
      },
      { types: ['Patient'], since: '2020-01-01T00:00:00Z' },
    ],
  ] satisfies Array<[string, string, Partial<RawKickOff>, object]>)('%s', (_name, query, more, expected) => {
    const { kickOff, issues } = read(query, more);
    expect(issues).toEqual([]);
    expect(kickOff).toMatchObject(expected);
  });
});

describe('a kick-off is refused, naming the parameter', () => {
  it.each([
    ['a missing Accept', '', { accept: undefined }, ['Accept']],
    ['another Accept', '', { accept: 'application/json' }, ['Accept']],
    ['a missing Prefer', '', { prefer: undefined }, ['Prefer']],
    ['a malformed handling', '', { prefer: 'respond-async, handling=maybe' }, ['Prefer']],
    [
      'everything at once',
      '?_type=Foo&_since=yesterday&_outputFormat=csv&_maxCount=0',
      { prefer: '' },
      ['Prefer', '_outputFormat', '_since', '_type', '_maxCount'],
    ],
    ['an unknown parameter', '?_foo=1', {}, ['_foo']],
    [
      'a misspelled anonymization parameter, even leniently',
      '?_anonymisationConfig=x',
      { prefer: 'respond-async' },
      ['_anonymisationConfig'],
    ],
    [
      'an unknown _anonym… parameter, even leniently',
      '?_ANONYMIZATIONCONFIGS=x',
      { prefer: 'respond-async, handling=lenient' },
      ['_ANONYMIZATIONCONFIGS'],
    ],
    ['a date instead of an instant', '?_since=2020-01-01', {}, ['_since']],
    ['an impossible day', '?_since=2023-02-30T00:00:00Z', {}, ['_since']],
    ['a future _since', '?_since=2026-11-21T12:10:01Z', {}, ['_since']],
    ['_since after _until', '?_since=2020-01-02T00:00:00Z&_until=2020-01-01T00:00:00Z', {}, ['_since']],
    ['_until twice over', '?_until=2020-01-01T00:00:00Z&_till=2020-01-01T00:00:00Z', {}, ['_until']],
    ['an empty _type', '?_type=', {}, ['_type']],
    ['a configuration without container', '?_anonymizationConfig=a.json', {}, ['_container']],
    ['an ETag without configuration', '?_anonymizationConfigEtag=0x1', {}, ['_anonymizationConfig']],
    [
      'a configuration outside its container',
      '?_container=research&_anonymizationConfig=../exports/x',
      {},
      ['_anonymizationConfig'],
    ],
    [
      'an ETag that none can be',
      '?_container=research&_anonymizationConfig=a.json&_anonymizationConfigEtag=%22%0d%0a%22',
      {},
      ['_anonymizationConfigEtag'],
    ],
    [
      'an image without configuration',
      '?_anonymizationConfigCollectionReference=r.example.org/a:v1',
      {},
      ['_anonymizationConfig'],
    ],
    [
      'an image with an ETag',
      '?_container=research&_anonymizationConfig=a.json&_anonymizationConfigEtag=0x1&_anonymizationConfigCollectionReference=r.example.org/a:v1',
      {},
      ['_anonymizationConfigEtag'],
    ],
    [
      'an image without tag',
      '?_container=research&_anonymizationConfig=a.json&_anonymizationConfigCollectionReference=r.example.org/a',
      {},
      ['_anonymizationConfigCollectionReference'],
    ],
    [
      'an empty image',
      '?_container=research&_anonymizationConfig=a.json&_anonymizationConfigCollectionReference=',
      {},
      ['_anonymizationConfigCollectionReference'],
    ],
    ['an illegal container', '?_container=My.Container', {}, ['_container']],
    ['the container of the configurations', '?_container=anonymization', {}, ['_container']],
    ['the container of the private state', '?_container=fhir-export-jobs', {}, ['_container']],
    ['a container of the task hub', '?_container=fhirexport-leases', {}, ['_container']],
    ['a body that is not JSON', '', { method: 'POST', body: 'hello' }, ['Parameters']],
    [
      'a body that is no Parameters',
      '',
      { method: 'POST', body: '{"resourceType":"Patient"}' },
      ['Parameters'],
    ],
    [
      'a parameter without value',
      '',
      { method: 'POST', body: '{"resourceType":"Parameters","parameter":[{"name":"_type"}]}' },
      ['Parameters'],
    ],
  ] satisfies Array<[string, string, Partial<RawKickOff>, string[]]>)(
    '%s',
    (_name, query, more, expected) => {
      const { kickOff, issues } = read(query, more);
      expect(kickOff).toBeUndefined();
      expect(issues.map(({ expression }) => expression?.[0])).toEqual(expected);
      for (const { diagnostics } of issues) expect(diagnostics.length).toBeGreaterThan(10);
    },
  );
});
