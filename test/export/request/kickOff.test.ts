import { describe, expect, it } from 'vitest';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import { elementNames } from '../../../functions/export/request/elements.js';
import type { RawKickOff } from '../../../functions/export/request/given.js';
import { knownParametersOnly, readKickOff } from '../../../functions/export/request/kickOff.js';
import { PARAMETERS } from '../../../functions/export/request/parameters.js';
import { isId } from '../../../functions/fhir/reference.js';

const BASE = 'https://host.example/fhir/$export';
const context = {
  now: Date.parse('2026-11-21T12:00:00Z'),
  isResourceType: (name: string): boolean => ['Patient', 'Observation'].includes(name),
  isInCompartment: (): boolean => true,
  hasElement: elementNames(FhirModel.of('R4')),
  domainPrefixes: new Set(['project-a-']),
};

function read(
  query: string,
  more: Partial<RawKickOff> = {},
  requiresAccept = false,
): ReturnType<typeof readKickOff> {
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
    { ...context, requiresAccept },
  );
}

function patients(...references: string[]): string {
  return JSON.stringify({
    resourceType: 'Parameters',
    parameter: references.map((reference) => ({ name: 'patient', valueReference: { reference } })),
  });
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
    ['with a prefix of domains', '?_domainPrefix=project-a-', {}, { domainPrefix: 'project-a-' }],
    ['with what Azure knows', '?_isParallel=true&_maxCount=100', {}, { pageSize: 100 }],
    ['with every output format', '?_outputFormat=application/fhir%2Bndjson', {}, {}],
    ['with a host key', '?code=abc', {}, {}],
    [
      'leniently, with a note',
      '?_foo=1',
      { prefer: 'respond-async, handling=lenient' },
      {
        ignored: [
          {
            severity: 'warning',
            code: 'not-supported',
            diagnostics:
              'The parameter "_foo" is not known and was ignored, so more may be exported than was meant.',
            expression: ['_foo'],
          },
        ],
      },
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
    ['an Accept of other types', '', { accept: 'text/html, application/fhir+xml' }, ['Accept']],
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
    ...[
      '_Anonymization',
      '%20_anonymizationConfig',
      '_anonymizationConfig%20',
      '%5fanonymizationConfg',
      '%255fanonymizationConfig',
      '_%E2%80%8Banonymization',
      '_%D0%B0nonymizationConfig',
      '_anonimizationConfig',
      '_annonymizationConfig',
      '_deidentify',
      '_anomymizationConfig',
      '_anoynmizationConfig',
      '_anonConfig',
      '_pseudonymise',
      '_configuration',
      '_collectionReference',
      '_redact',
    ].map((name): [string, string, Partial<RawKickOff>, string[]] => [
      `what may be meant to anonymize, even leniently: ${name}`,
      `?${name}=x`,
      { prefer: 'respond-async, handling=lenient' },
      [decodeURIComponent(name).replaceAll(/[^\x20-\x7e]/g, '?')],
    ]),
    ['a malformed _raw', '?_raw=yes', {}, ['_raw']],
    ['de-identified data by nothing', '?_raw=false', {}, ['_anonymizationConfig']],
    ['patients at system level', '', { method: 'POST', body: patients('Patient/1') }, ['patient']],
    [
      'patients in the URL of a POST, where they would be in logs',
      '?Patient=Patient/1',
      { level: { kind: 'patient' }, method: 'POST', body: '' },
      ['patient'],
    ],
    [
      'the container that another job has for itself',
      '?_container=20260131093000-0123456789abcdef0123456789abcdef',
      {},
      ['_container'],
    ],
    ['patients in a GET', '?patient=Patient/1', { level: { kind: 'patient' } }, ['patient']],
    ...['', 'Group/1', 'Patient/..', 'Patient/a b', 'https://else.example/Patient/1'].map(
      (reference): [string, string, Partial<RawKickOff>, string[]] => [
        `"${reference}" as a patient`,
        '',
        { level: { kind: 'patient' }, method: 'POST', body: patients(reference) },
        ['patient'],
      ],
    ),
    ['a _since that is no date', '?_since=2020-1-1', {}, ['_since']],
    ['an impossible day without a time', '?_since=2023-02-30', {}, ['_since']],
    ['a date that is read as a time in the future', '?_since=2027', {}, ['_since']],
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
    ...['*', '"*"'].map((etag): [string, string, object, string[]] => [
      `an ETag that every version has, ${etag}`,
      `?_container=research&_anonymizationConfig=a.json&_anonymizationConfigEtag=${etag}`,
      {},
      ['_anonymizationConfigEtag'],
    ]),
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
    ...[
      'fhirexport-leases', 'fhirexport-applease', 'fhirexport-largemessages', 'azure-webjobs-secrets',
      '$web', '$root', 'a', 'a--b', '-a1', 'Research', '..', 'a/b', 'a'.repeat(64),
    ].map((name): [string, string, Partial<RawKickOff>, string[]] => [
      `the container ${name}`,
      `?_container=${encodeURIComponent(name)}`,
      {},
      ['_container'],
    ]), // prettier-ignore
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

it.each([undefined, '*/*', 'application/json', 'text/html'])(
  'with REQUIRE_ACCEPT, Accept: %s is refused',
  (accept) => {
    const { issues } = read('', { accept }, true);
    expect(issues.map(({ expression }) => expression?.[0])).toEqual(['Accept']);
    expect(read('', { accept: 'text/html, application/fhir+json' }, true).issues).toEqual([]);
  },
);

it.each([
  ['_typ', '_type'],
  ['_Outputformat_', '_outputFormat'],
  ['_anonymisationConfig', '_anonymizationConfig'],
  ['includeAssociateData', 'includeAssociatedData'],
  ['_foo', undefined],
  ['x'.repeat(5000), undefined],
])('of a parameter %s, the one that was meant is named: %s', (name, meant) => {
  const [issue] = read(`?${name}=1`).issues;
  expect(/Did you mean (\w+)\?/.exec(issue?.diagnostics ?? '')?.[1]).toBe(meant);
});

describe('a default configuration', () => {
  const standard = { name: 'standard.json', collection: undefined };
  const readWith = (query: string): ReturnType<typeof readKickOff> =>
    readKickOff(
      {
        level: { kind: 'patient' },
        method: 'GET',
        url: `${BASE}${query}`,
        accept: 'application/fhir+json',
        prefer: 'respond-async, handling=lenient',
        body: undefined,
      },
      { ...context, defaultConfiguration: standard },
    );

  it.each([
    ['is used where none is named, without a container', '', { name: 'standard.json', isDefault: true }],
    ['is used with a container', '?_container=research', { name: 'standard.json', isDefault: true }],
    ['is used where raw data is not asked for', '?_raw=false', { name: 'standard.json', isDefault: true }],
    [
      'gives way to the one that is named',
      '?_container=research&_anonymizationConfig=own.json',
      { name: 'own.json', isDefault: false },
    ],
    ['gives way to raw data that is asked for', '?_RAW=True', undefined],
    // Ignored, such a name would have asked for raw data.
    ['does not give way to what is not known', '?_rawdata=true', { name: 'standard.json', isDefault: true }],
  ])('%s', (_name, query, expected) => {
    const { kickOff, issues } = readWith(query);
    expect(issues).toEqual([]);
    if (expected === undefined) expect(kickOff?.configuration).toBeUndefined();
    else expect(kickOff?.configuration).toMatchObject(expected);
  });

  it('is never mixed with parts of another', () => {
    expect(readWith('?_anonymizationConfigEtag=0x1').issues.map(({ expression }) => expression)).toEqual([
      ['_anonymizationConfig'],
    ]);
  });
});

it('patients are read by id, each once', () => {
  const { kickOff, issues } = read('', {
    level: { kind: 'group', groupId: 'g' },
    method: 'POST',
    body: patients('Patient/1', 'Patient/2', 'Patient/1'),
  });
  expect(issues).toEqual([]);
  expect(kickOff?.patients).toEqual(['1', '2']);
});

it('thousands of problems are reported in one answer of bounded size', () => {
  const { issues } = read(`?${Array.from({ length: 5000 }, (_, n) => `x${n}=1`).join('&')}`);
  expect(issues).toHaveLength(101);
  expect(issues.at(-1)?.diagnostics).toContain('4900 more');
  const types = read(`?_type=${Array.from({ length: 5000 }, (_, n) => `X${n}`).join(',')}`);
  expect(JSON.stringify(types.issues).length).toBeLessThan(2000);
});

it.each([
  ['https://h/fhir/$export', 'https://h/fhir/$export'],
  ['https://h/fhir/$export?code=secret&_type=Patient&x=1', 'https://h/fhir/$export?_type=Patient'],
  ['https://h/fhir/$export?c%6Fde=secret&%5FTYPE=Patient', 'https://h/fhir/$export?%5FTYPE=Patient'],
  [
    'https://h/fhir/$export?_type=Patient&_typeFilter=Patient?gender=male#code=1',
    'https://h/fhir/$export?_type=Patient&_typeFilter=Patient?gender=male',
  ],
])('the URL %s is repeated as %s', (url, expected) => {
  expect(knownParametersOnly(url)).toBe(expected);
});

it.each([
  ['a-1.B', true],
  ['x'.repeat(64), true],
  ['x'.repeat(255), true],
  ['x'.repeat(256), false],
  ['P_1', true],
  ['a,b', false],
  ['a|b', false],
  ['', false],
  ['.', false],
  ['..', false],
  ['...', true],
  ['a/b', false],
  ['a b', false],
  ['a%2Fb', false],
  ['é', false],
])('%s can be an id: %s', (text, expected) => {
  expect(isId(text)).toBe(expected);
});

it('raw data by a configuration may be asked for: whether that one counts as de-identification is known when it is read', () => {
  const { kickOff } = read('?_raw=true&_container=research&_anonymizationConfig=a.json');
  expect(kickOff).toMatchObject({ asksRaw: true, configuration: { name: 'a.json', isDefault: false } });
  expect(read('').kickOff).toMatchObject({ asksRaw: false });
});

describe('what the list says of a parameter holds:', () => {
  const all = Object.values(PARAMETERS);
  const given = (name: string, value: string): string => `${name}=${encodeURIComponent(value)}`;

  it.each(
    all.filter(({ takes }) => takes === 'one').map(({ name, levels }) => [name, levels.at(-1)] as const),
  )('%s is refused twice, and empty', (name, kind = 'system') => {
    const level = kind === 'group' ? ({ kind, groupId: 'a' } as const) : ({ kind } as const);
    const texts = (query: string): string[] =>
      read(query, { level }).issues.map(({ diagnostics }) => diagnostics);
    expect(texts(`?${given(name, '1')}&${given(name.toUpperCase(), '1')}`)).toContain(
      `${name} may be given once only.`,
    );
    expect(texts(`?${name}=`)).toContain(`${name} is empty. Give it a value or leave it out.`);
  });

  it.each(all.flatMap(({ name, aliases }) => aliases.map((alias: string) => [name, alias] as const)))(
    '%s and %s are one',
    (name, alias) => {
      const { issues } = read(
        `?${given(name, '2020-01-01T00:00:00Z')}&${given(alias, '2020-01-01T00:00:00Z')}`,
      );
      expect(issues.map(({ diagnostics }) => diagnostics)).toEqual([
        `${name} and ${alias} are the same parameter: give one of them.`,
      ]);
    },
  );

  it.each(all.map(({ name }) => name))('a manifest repeats %s, and not what looks like it', (name) => {
    expect(knownParametersOnly(`${BASE}?${name.toUpperCase()}=1&${name}x=2`)).toBe(
      `${BASE}?${name.toUpperCase()}=1`,
    );
  });
});

it.each(['project-b-', 'project-a', 'PROJECT-A-', ''])(
  'a prefix of domains that the settings do not name is refused: %s',
  (prefix) => {
    const { issues } = read(`?_domainPrefix=${prefix}`);
    expect(issues.map(({ expression }) => expression?.[0])).toEqual(['_domainPrefix']);
    expect(JSON.stringify(issues)).not.toContain('project-a-');
  },
);
