import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ExportClient, type Manifest } from '../../cli/export/exportClient.js';
import { SAMPLE_CONFIGURATION } from '../../local/stack.js';
import { VERSION } from '../../functions/common/version.js';
import { runExport } from '../cli/export/runExport.js';
import { downloadLines, startTestStack, type TestStack, untilNextPoll } from './harness.js';

const KICK_OFF = { accept: 'application/fhir+json', prefer: 'respond-async' };
const SAFE_HARBOR = `_container=research&_anonymizationConfig=${SAMPLE_CONFIGURATION}`;
const UNKNOWN_JOB = '0123456789abcdef0123456789abcdef';

interface Outcome {
  resourceType: string;
  issue: Array<{ severity: string; code: string; diagnostics: string; expression?: string[] }>;
}

function parametersResource(...parameter: object[]): string {
  return JSON.stringify({ resourceType: 'Parameters', parameter });
}

interface Report {
  seconds: number;
}

let test: TestStack;
let host: string;

beforeAll(async () => {
  test = await startTestStack({});
  host = test.stack.baseUrl.replace(/\/fhir$/, '');
  await test.putConfiguration('wrong.json', {
    fhirPathRules: [
      { path: 'Patient.name', method: 'shred' },
      { path: 'Patient.(', method: 'redact' },
    ],
  });
  await test.putConfiguration('fails.json', {
    fhirPathRules: [{ path: 'Observation.status', method: 'generalize', cases: { '$this > 5': '1' } }],
    parameters: {},
  });
  await test.putConfiguration('unlike.json', {
    extends: 'hipaa-safe-harbor-r4@1',
    parameters: { minClassSize: 5000 },
  });
});
afterAll(() => test.end());

describe('every answer other than success is an OperationOutcome that names what is wrong', () => {
  it.each([
    ['an unknown path', 'GET', '/nothing/here', {}, 404, /GET or POST \[base\]\/\$export/],
    ['an unknown path below the base', 'GET', '/fhir/Patient/1', {}, 404, /\$export/],
    ['a wrong method on the operation', 'PUT', '/fhir/$export', {}, 405, /GET, POST/],
    [
      'a wrong method on a status',
      'POST',
      `/fhir/_operations/export/${UNKNOWN_JOB}`,
      {},
      405,
      /GET, HEAD, DELETE/,
    ],
    ['a wrong method on the metadata', 'DELETE', '/fhir/metadata', {}, 405, /GET/],
    ['a search for groups', 'GET', '/fhir/Group?name=a', {}, 400, /no parameters/],
    [
      'a search for configurations',
      'GET',
      '/fhir/_operations/configurations?name=a',
      {},
      400,
      /no parameters/,
    ],
    ['a wrong method on the exports', 'DELETE', '/fhir/_operations/export', {}, 405, /GET, HEAD/],
    [
      'the exports, where callers are not told apart',
      'GET',
      '/fhir/_operations/export',
      {},
      403,
      /do not distinguish/,
    ],
    ['a wrong method on the groups', 'POST', '/fhir/Group', {}, 405, /GET/],
    ['an OPTIONS request', 'OPTIONS', '/fhir/$export', {}, 405, /GET, POST/],
    ['no headers', 'GET', '/fhir/$export', { accept: '*/*' }, 400, /Prefer: respond-async/],
    ['a raw export', 'GET', '/fhir/$export', KICK_OFF, 403, /ALLOW_RAW_EXPORT/],
    ['the percent-encoded operation', 'GET', '/fhir/%24export', KICK_OFF, 403, /ALLOW_RAW_EXPORT/],
    ['an unknown type', 'GET', `/fhir/$export?_type=Foo&${SAFE_HARBOR}`, KICK_OFF, 400, /"Foo"/],
    [
      'a missing configuration',
      'GET',
      '/fhir/$export?_container=research&_anonymizationConfig=none.json',
      KICK_OFF,
      400,
      /no blob of this name/,
    ],
    [
      'another ETag',
      'GET',
      `/fhir/$export?${SAFE_HARBOR}&_anonymizationConfigEtag=0x123`,
      KICK_OFF,
      400,
      /another ETag/,
    ],
    [
      'a wrong configuration',
      'GET',
      '/fhir/$export?_container=research&_anonymizationConfig=wrong.json',
      KICK_OFF,
      400,
      /fhirPathRules\[0\].*method/,
    ],
    ['$export on another type', 'GET', '/fhir/Observation/$export', KICK_OFF, 400, /Patient\/\$export/],
    ['$export on one patient', 'POST', '/fhir/Patient/1/$export', KICK_OFF, 400, /Group\/\[id\]\/\$export/],
    ['$export on one resource', 'GET', '/fhir/Observation/1/%24export', KICK_OFF, 400, /Patient\/\$export/],
    ['a wrong method on the patients', 'PUT', '/fhir/Patient/$export', {}, 405, /GET, POST/],
    ['a wrong method on a group', 'DELETE', '/fhir/Group/1/$export', {}, 405, /GET, POST/],
    ['PATCH on the operation', 'PATCH', '/fhir/$export', KICK_OFF, 405, /GET, POST/],
    ['a raw export of the patients', 'GET', '/fhir/Patient/$export', KICK_OFF, 403, /ALLOW_RAW_EXPORT/],
    ['a raw export of a group', 'GET', '/fhir/Group/g.1-A/$export', KICK_OFF, 403, /ALLOW_RAW_EXPORT/],
    ['a raw export that is asked for', 'GET', '/fhir/$export?_raw=true', KICK_OFF, 403, /ALLOW_RAW_EXPORT/],
    ['a group id that is none', 'GET', '/fhir/Group/a*b/$export', KICK_OFF, 400, /id of the Group/],
    ['a group id with a slash', 'GET', '/fhir/Group/a%2Fb/$export', KICK_OFF, 400, /id of the Group/],
    [
      'a group id that leads elsewhere',
      'GET',
      '/fhir/Group/%252e%252e/$export',
      KICK_OFF,
      400,
      /id of the Group/,
    ],
    [
      'a group id that is not encoded well',
      'GET',
      '/fhir/Group/%ff/$export',
      KICK_OFF,
      400,
      /id of the Group/,
    ],
    [
      'a group id that is too long',
      'GET',
      `/fhir/Group/${'a'.repeat(256)}/$export`,
      KICK_OFF,
      400,
      /id of the Group/,
    ],
    ['a zero byte in a type', 'GET', `/fhir/$export?_type=%00&${SAFE_HARBOR}`, KICK_OFF, 400, /"\?"/],
    [
      'a zero byte in a configuration',
      'GET',
      '/fhir/$export?_container=research&_anonymizationConfig=a%00',
      KICK_OFF,
      400,
      /must be the name of a blob/,
    ],
    [
      'a container with dots',
      'GET',
      `/fhir/$export?_container=../x&_anonymizationConfig=${SAMPLE_CONFIGURATION}`,
      KICK_OFF,
      400,
      /legal container name/,
    ],
    [
      'the container of the configurations',
      'GET',
      `/fhir/$export?_container=anonymization&_anonymizationConfig=${SAMPLE_CONFIGURATION}`,
      KICK_OFF,
      400,
      /the app itself uses/,
    ],
    [
      'a container that is not given',
      'GET',
      `/fhir/$export?_anonymizationConfig=${SAMPLE_CONFIGURATION}`,
      KICK_OFF,
      400,
      /_container is required/,
    ],
    [
      'thousands of types',
      'GET',
      `/fhir/$export?${SAFE_HARBOR}&_type=${Array.from({ length: 1000 }, (_, n) => `T${n}`).join(',')}`,
      KICK_OFF,
      400,
      /990 more/,
    ],
    [
      'another output format',
      'GET',
      `/fhir/$export?_outputFormat=text/csv&${SAFE_HARBOR}`,
      KICK_OFF,
      400,
      /application\/fhir\+ndjson/,
    ],
    [
      'a date of another form as _since',
      'GET',
      `/fhir/$export?_since=1.1.2020&${SAFE_HARBOR}`,
      KICK_OFF,
      400,
      /FHIR instant/,
    ],
    [
      '_since in the future',
      'GET',
      `/fhir/$export?_since=2999-01-01T00:00:00Z&${SAFE_HARBOR}`,
      KICK_OFF,
      400,
      /future/,
    ],
    [
      'a filter that is cut off at an &',
      'GET',
      `/fhir/$export?${SAFE_HARBOR}&_typeFilter=Patient?gender=male&active=true`,
      KICK_OFF,
      400,
      /"active" looks like a part of a filter for Patient whose & was not percent-encoded/,
    ],
    [
      'a filter of another type',
      'GET',
      `/fhir/$export?_type=Group&_typeFilter=Patient%3Fgender%3Dmale&${SAFE_HARBOR}`,
      KICK_OFF,
      400,
      /Add it to _type/,
    ],
    [
      'a filter that sorts',
      'GET',
      `/fhir/$export?_type=Patient&_typeFilter=Patient%3F_sort%3Dname&${SAFE_HARBOR}`,
      KICK_OFF,
      400,
      /_sort may not/,
    ],
    [
      'an element of no type',
      'GET',
      `/fhir/$export?_elements=Foo.bar&${SAFE_HARBOR}`,
      KICK_OFF,
      400,
      /root elements/,
    ],
    [
      'a misspelt element',
      'GET',
      `/fhir/$export?_type=Patient&_elements=birthdate&${SAFE_HARBOR}`,
      KICK_OFF,
      400,
      /no root element of .*"birthdate"/,
    ],
    [
      'patients in a GET',
      'GET',
      `/fhir/Patient/$export?patient=Patient/1&${SAFE_HARBOR}`,
      KICK_OFF,
      400,
      /body of a POST/,
    ],
    [
      'an unknown parameter',
      'GET',
      `/fhir/$export?_foo=1&${SAFE_HARBOR}`,
      KICK_OFF,
      400,
      /"_foo".*handling=lenient/,
    ],
    [
      'a mistaken parameter, leniently',
      'GET',
      `/fhir/$export?_anonymizatonConfig=x`,
      { ...KICK_OFF, prefer: 'respond-async, handling=lenient' },
      400,
      /Did you mean _anonymizationConfig\? Otherwise leave it out\./,
    ],
    [
      'an ETag with an image',
      'GET',
      `/fhir/$export?${SAFE_HARBOR}&_anonymizationConfigEtag=0x1&_anonymizationConfigCollectionReference=r.example/a:1`,
      KICK_OFF,
      400,
      /cannot go with/,
    ],
    [
      'an image of a registry that is not registered',
      'GET',
      `/fhir/$export?${SAFE_HARBOR}&_anonymizationConfigCollectionReference=r.example/a:1`,
      KICK_OFF,
      400,
      /ANONYMIZATION_REGISTRIES/,
    ],
    ['a page size of nothing', 'GET', `/fhir/$export?_maxCount=0&${SAFE_HARBOR}`, KICK_OFF, 400, /_maxCount/],
    [
      'Prefer without respond-async',
      'GET',
      `/fhir/$export?${SAFE_HARBOR}`,
      { accept: 'application/fhir+json', prefer: 'handling=strict' },
      400,
      /Prefer: respond-async/,
    ],
    [
      'Accept of HTML',
      'GET',
      `/fhir/$export?${SAFE_HARBOR}`,
      { accept: 'text/html', prefer: 'respond-async' },
      400,
      /Accept: application\/fhir\+json/,
    ],
    ['an unknown job', 'GET', `/fhir/_operations/export/${UNKNOWN_JOB}`, {}, 404, /Export not found/],
    [
      'an unknown job to cancel',
      'DELETE',
      `/fhir/_operations/export/${UNKNOWN_JOB}`,
      {},
      404,
      /Export not found/,
    ],
    ['a hostile job id', 'GET', '/fhir/_operations/export/..%2F..%2Fx', {}, 404, /Export not found/],
    [
      'a file of an unknown job',
      'GET',
      `/fhir/_operations/export/${UNKNOWN_JOB}/files/x`,
      {},
      404,
      /Export not found/,
    ],
  ] satisfies Array<[string, string, string, Record<string, string>, number, RegExp]>)(
    '%s',
    async (_name, method, path, headers, status, words) => {
      const response = await fetch(`${host}${path}`, { method, headers });
      const outcome = (await response.json()) as Outcome;
      expect(response.status).toBe(status);
      expect(response.headers.get('content-type')).toMatch(/^application\/fhir\+json/);
      expect(outcome.resourceType).toBe('OperationOutcome');
      expect(outcome.issue.map(({ severity }) => severity)).toContain('error');
      expect(outcome.issue.map(({ diagnostics }) => diagnostics).join('\n')).toMatch(words);
    },
  );

  it.each([
    ['of another kind', 'text/plain', 'hello', 415, /Content-Type: application\/fhir\+json/],
    ['of a form', 'application/x-www-form-urlencoded', '_type=Patient', 415, /Content-Type/],
    ['that is not JSON', 'application/fhir+json', '{', 400, /Parameters resource/],
    [
      'that is no Parameters',
      'application/fhir+json',
      '{"resourceType":"Patient"}',
      400,
      /Parameters resource/,
    ],
    [
      'with a parameter without value',
      'application/fhir+json',
      parametersResource({ name: '_type' }),
      400,
      /one value\[x\]/,
    ],
    [
      'with a wrong value',
      'application/fhir+json; charset=utf-8',
      parametersResource({ name: '_TYPE', valueString: 'Foo' }),
      400,
      /"Foo"/,
    ],
    ['that is too large', 'application/fhir+json', ' '.repeat(2_000_000), 413, /1 MiB/],
  ])('a body %s', async (_name, contentType, body, status, words) => {
    const response = await fetch(`${host}/fhir/$export`, {
      method: 'POST',
      headers: { ...KICK_OFF, 'content-type': contentType },
      body,
    });
    const { issue } = (await response.json()) as Outcome;
    expect(response.status).toBe(status);
    expect(issue.map(({ diagnostics }) => diagnostics).join('\n')).toMatch(words);
  });

  it.each([
    ['POST', '/fhir/$export', 5, 413],
    ['POST', '/fhir/Patient/$export', 100, 413],
    ['POST', '/nothing/here', 20, 404],
    ['PUT', '/fhir/$export', 20, 405],
  ])('%s %s with a body of %i MiB, chunked or not', async (method, path, mebibytes, status) => {
    const bytes = new Uint8Array(mebibytes * 1_048_576);
    const chunked = { body: new Blob([bytes]).stream(), duplex: 'half' as const };
    for (const more of [{ body: bytes }, chunked]) {
      const response = await fetch(`${host}${path}`, { method, headers: KICK_OFF, ...more });
      const { resourceType } = (await response.json()) as Outcome;
      expect([response.status, resourceType]).toEqual([status, 'OperationOutcome']);
    }
  });

  it('a GET with a body is answered, although no function is given the body', async () => {
    const answered = await new Promise<number | undefined>((resolve, reject) => {
      request(
        `${host}/nothing/here`,
        { method: 'GET', headers: { 'content-length': 3_000_000 } },
        (response) => resolve(response.resume().statusCode),
      )
        .on('error', reject)
        .end(Buffer.alloc(3_000_000));
    });
    expect(answered).toBe(404);
  });

  it('what the host refuses of headers, it refuses itself, before the worker could', async () => {
    const ask = (length: number): Promise<Response> =>
      fetch(`${host}/fhir/metadata`, { headers: { 'x-long': 'a'.repeat(length) } });
    expect((await ask(30_000)).status).toBe(200);
    expect((await ask(33_000)).status).toBe(431);
  });

  it('the answer to a wrong method names the right ones', async () => {
    for (const [path, allow] of [
      ['/fhir/$export', 'GET, POST'],
      ['/fhir/Group/1/$export', 'GET, POST'],
      [`/fhir/_operations/export/${UNKNOWN_JOB}`, 'GET, HEAD, DELETE'],
    ] as const) {
      const response = await fetch(`${host}${path}`, { method: 'PUT' });
      expect([response.status, response.headers.get('allow')]).toEqual([405, allow]);
    }
  });

  it('all problems of a request at once', async () => {
    const response = await fetch(
      `${host}/fhir/Patient/$export?_type=Foo&_since=now&_foo=1&_outputFormat=csv`,
      { headers: { accept: 'text/html' } },
    );
    const { issue } = (await response.json()) as Outcome;
    expect(issue.map(({ expression }) => expression?.[0])).toEqual([
      'Accept', 'Prefer', '_foo', '_outputFormat', '_since', '_type',
    ]); // prettier-ignore
  });

  it('all problems of a configuration at once', async () => {
    const response = await fetch(`${host}/fhir/$export?_container=research&_anonymizationConfig=wrong.json`, {
      headers: KICK_OFF,
    });
    const { issue } = (await response.json()) as Outcome;
    expect(issue.map(({ diagnostics }) => diagnostics).join('\n')).toMatch(
      /fhirPathRules\[0\][^]*fhirPathRules\[1\]/,
    );
  });
});

it('says what it can', async () => {
  const response = await fetch(`${host}/fhir/metadata`);
  const operations = (id: string): object[] => {
    const definition = `http://hl7.org/fhir/uv/bulkdata/OperationDefinition/${id}`;
    return [
      { name: 'export', definition },
      { name: 'export-v4', definition: `${definition}|4.0.0-ballot` },
    ];
  };
  const statement = (await response.json()) as { rest: Array<{ resource: Array<{ type: string }> }> };
  const [rest] = statement.rest;
  const resources = rest?.resource ?? [];
  // Those of the source, not all of R4.
  expect(resources.map(({ type }) => type)).toEqual(expect.arrayContaining(['Encounter', 'Observation']));
  expect(resources.length).toBeLessThan(60);
  const lastUpdated = { name: '_lastUpdated', type: 'date' };
  for (const [type, id] of [
    ['Group', 'group-export'],
    ['Patient', 'patient-export'],
  ] as const) {
    expect(resources.find((resource) => resource.type === type)).toMatchObject({
      operation: operations(id),
      searchParam: expect.arrayContaining([lastUpdated]) as unknown,
    });
  }
  expect(statement).toMatchObject({
    resourceType: 'CapabilityStatement',
    fhirVersion: '4.0.1',
    instantiates: ['http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data'],
    implementation: { url: `${host}/fhir` },
    rest: [{ mode: 'server', operation: operations('export') }],
  });
  expect((await fetch(`${host}/healthz`)).status).toBe(200);
});

it('lists the configurations that a kick-off can name', async () => {
  interface List {
    configurations: Array<Record<string, string>>;
    issue: Outcome['issue'];
    link?: unknown;
  }
  const ask = async (): Promise<List> =>
    (await (await fetch(`${host}/fhir/_operations/configurations`)).json()) as List;
  let list = await ask();
  // What a busy machine has not read in time is there for who asks again.
  for (let times = 1; times < 5 && JSON.stringify(list.issue).includes('in time'); times++)
    list = await ask();
  const names = list.configurations.map(({ configuration }) => configuration);
  expect(names).toEqual(expect.arrayContaining([SAMPLE_CONFIGURATION, 'fails.json', 'unlike.json']));
  expect(names).not.toContain('wrong.json');
  expect(list.issue[0]?.diagnostics).toMatch(/^Not listed: \d that cannot be used/);
  expect(
    list.configurations.find(({ configuration }) => configuration === SAMPLE_CONFIGURATION),
  ).toMatchObject({
    origin: 'container',
    configurationApproval: 'coverage',
    deidentified: true,
  });
  const sent = new URLSearchParams({
    _container: 'by-version',
    _type: 'Organization',
    _anonymizationConfig: SAMPLE_CONFIGURATION,
    _anonymizationConfigEtag: list.configurations.find(({ configuration }) => configuration === SAMPLE_CONFIGURATION)?.['configurationEtag'] ?? '', // prettier-ignore
  });
  const started = await fetch(`${host}/fhir/$export?${sent}`, { headers: KICK_OFF });
  expect(started.status).toBe(202);
  await fetch(started.headers.get('content-location') ?? '', { method: 'DELETE' });
});

it('lists the groups that can be exported', async () => {
  const response = await fetch(`${host}/fhir/Group`);
  const bundle = (await response.json()) as { total: number; entry: Array<{ resource: { id: string } }> };
  expect(bundle).toMatchObject({
    type: 'searchset',
    link: [{ relation: 'self', url: `${host}/fhir/Group` }],
  });
  expect(bundle.total).toBeGreaterThan(1);
  const [first] = bundle.entry;
  const started = await fetch(`${host}/fhir/Group/${first?.resource.id}/$export?_type=Group&${SAFE_HARBOR}`, {
    headers: KICK_OFF,
  });
  expect(started.status).toBe(202);
  await fetch(started.headers.get('content-location') ?? '', { method: 'DELETE' });
});

describe('an export by fhir-deid export', () => {
  it.each<[string, string[]]>([
    ['as a client of STU 2', []],
    ['with manifests in pages', ['--parameter', 'allowPartialManifests=true']],
    ['as a client of STU 4', ['--post', '--prefer', 'bulk-data-version=4.0.0-ballot']],
  ])(
    '%s is complete, and what manifest and report say',
    async (_name, options) => {
      const folder = mkdtempSync(join(tmpdir(), 'exported-'));
      try {
        const target = ['--base', test.stack.baseUrl, '--output', folder, '--container', 'research'];
        const asked = ['--type', 'Patient,Group', '--config', SAMPLE_CONFIGURATION, ...options];
        const { code, out } = await runExport([...target, ...asked]);
        expect(out).toContain('The export is as its manifest and report say.');
        expect(code).toBe(0);
        const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Manifest;
        expect([...new Set(manifest.output.map(({ type }) => type))].toSorted()).toEqual([
          'Group',
          'Patient',
        ]);
        const written = manifest.output.reduce((sum, { count }) => sum + count, 0);
        // Pages that were given while the job ran do not have what is known at its end, nor do those after them.
        const mayLack = options.includes('allowPartialManifests=true') ? written : undefined;
        expect(manifest.extension['resourcesWritten'] ?? mayLack).toBe(written);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
    240_000,
  );
});

describe('an export', () => {
  it('goes from kick-off by status to manifest and files', async () => {
    const started = await fetch(`${host}/fhir/$export?_type=Patient,Group&${SAFE_HARBOR}`, {
      headers: KICK_OFF,
    });
    expect(started.status).toBe(202);
    const statusUrl = started.headers.get('content-location') ?? '';
    expect(statusUrl).toMatch(new RegExp(`^${host}/fhir/_operations/export/[0-9a-f]{32}$`));

    const running = await fetch(statusUrl);
    expect(running.status).toBe(202);
    expect(running.headers.get('x-progress')?.length).toBeLessThan(100);
    expect(Number(running.headers.get('retry-after'))).toBeGreaterThan(0);

    const manifest = await new ExportClient(test.stack.baseUrl).manifest(statusUrl, 100, () => undefined);
    expect(manifest).toMatchObject({
      request: `${host}/fhir/$export?_type=Patient,Group&${SAFE_HARBOR}`,
      requiresAccessToken: true,
      deleted: [],
      error: [],
      extension: { deidentified: true, configuration: SAMPLE_CONFIGURATION },
    });
    expect(manifest.output.map(({ type }) => type).sort()).toEqual(['Group', 'Patient']);
    expect(JSON.stringify(manifest)).toContain('No legal or regulatory standard is guaranteed');
    const lines = await downloadLines(manifest);
    expect(lines.get('Patient')).toHaveLength(40);

    const done = await fetch(statusUrl, { method: 'HEAD' });
    expect(done.status).toBe(200);
    expect(Date.parse(done.headers.get('expires') ?? '')).toBeGreaterThan(Date.now());
    const etag = done.headers.get('etag') ?? '';
    const unchanged = await fetch(statusUrl, { headers: { 'if-none-match': etag } });
    expect([unchanged.status, await unchanged.text()]).toEqual([304, '']);
    const changed = await fetch(statusUrl, { headers: { 'if-none-match': '"other"' } });
    expect([changed.status, changed.headers.get('etag')]).toEqual([200, etag]);
    expect(changed.headers.get('content-type')).toBe('application/json');

    const report = (await (await fetch(String(manifest.extension['report']))).json()) as Report;
    expect(report).toMatchObject({
      engineVersion: VERSION,
      configuration: { name: SAMPLE_CONFIGURATION },
      types: [
        { type: 'Group' },
        { type: 'Patient', read: 40, written: 40, files: 1, dropped: {}, labels: {}, failures: [] },
      ],
    });
    expect(report.seconds).toBeGreaterThan(0);

    const [name = ''] = (await test.blobNames('research')).filter((blob) => blob.endsWith('manifest.json'));
    const copy = await test.blobText('research', name);
    expect(JSON.parse(copy)).toMatchObject({ request: `${host}/fhir/$export`, requiresAccessToken: true });
    for (const { url } of (JSON.parse(copy) as typeof manifest).output) {
      expect(url).toContain(`/research/${name.replace('manifest.json', '')}`);
      expect(url).not.toContain('?');
    }
    const other = (manifest.output[0]?.url ?? '').replace(/[^/]+$/, 'manifest.json');
    expect((await fetch(other)).status).toBe(404);
  });

  it('by STU 4, with a status of its own, goes the same way', async () => {
    const body = parametersResource(
      { name: '_type', valueString: 'Patient' },
      { name: '_container', valueString: 'research' },
      { name: '_anonymizationConfig', valueString: SAMPLE_CONFIGURATION },
    );
    const headers = {
      ...KICK_OFF,
      prefer: 'respond-async, separate-export-status',
      'content-type': 'application/fhir+json',
    };
    const operation = `${host}/fhir/$export-v4`;
    expect((await fetch(operation, { headers })).status).toBe(405);
    const started = await fetch(operation, { method: 'POST', headers, body });
    expect(started.headers.get('preference-applied')).toBe('respond-async, separate-export-status');
    const statusUrl = started.headers.get('content-location') ?? '';
    let status = await fetch(statusUrl);
    for (; status.headers.get('x-export-status') === '202 Accepted'; status = await fetch(statusUrl)) {
      expect(status.status).toBe(200);
      await untilNextPoll(status);
    }
    expect(status.status).toBe(200);
    expect(status.headers.get('x-export-status')).toBe('200 OK');
    const manifest = (await status.json()) as { output: Array<{ url: string; fileSize: number }> };
    expect(manifest).toMatchObject({ outputFormat: 'application/fhir+ndjson', extension: expect.any(Array) });
    expect(Object.keys(manifest)).not.toContain('request');
    const [file] = manifest.output;
    expect((await (await fetch(file?.url ?? '')).arrayBuffer()).byteLength).toBe(file?.fileSize);
  });

  it('in pages has each file once, whenever they are asked for', async () => {
    const query = `_container=research&_anonymizationConfig=${SAMPLE_CONFIGURATION}&allowPartialManifests=true&_type=Patient,Encounter,Condition,Observation`;
    const started = await fetch(`${host}/fhir/$export?${query}`, { headers: KICK_OFF });
    expect(started.status).toBe(202);
    type Page = Manifest & { link?: Array<{ url: string }> };
    const bodies = new Map<string, Page>();
    const files: string[] = [];
    let url = started.headers.get('content-location') ?? '';
    for (let isComplete = false; !isComplete;) {
      const status = await fetch(url);
      expect([200, 202]).toContain(status.status);
      const text = await status.text();
      if (text === '') {
        await untilNextPoll(status);
        continue;
      }
      const page = JSON.parse(text) as Page;
      const { link, ...fixed } = page;
      expect(fixed).toEqual(bodies.get(url) ?? fixed);
      if (!bodies.has(url)) {
        bodies.set(url, fixed);
        for (const file of page.output) {
          files.push(file.url);
          expect((await downloadLines({ ...page, output: [file] })).get(file.type)).toHaveLength(file.count);
        }
      }
      isComplete = status.status === 200 && link === undefined;
      url = link?.[0]?.url ?? url;
      if (!isComplete && link === undefined) await untilNextPoll(status);
    }
    const names = await test.blobNames('research');
    const folder = names.find((name) => name.endsWith(files[0]?.split('/').at(-1) ?? ''))?.split('/')[0];
    const copy = await test.blobText('research', `${folder}/manifest.json`);
    const whole = (JSON.parse(copy) as Manifest).output.map(({ url: file }) => file.split('/').at(-1));
    expect(new Set(files.map((file) => file.split('/').at(-1)))).toEqual(new Set(whole));
    expect(files).toHaveLength(whole.length);
  });

  it('of only what changed since has just that', async () => {
    const client = new ExportClient(test.stack.baseUrl);
    const parameters = {
      _container: 'since',
      _anonymizationConfig: SAMPLE_CONFIGURATION,
      _type: 'Observation',
    };
    const all = await client.manifest(await client.kickOff(parameters), 100, () => undefined);
    const sources = await fetch(
      `${test.stack.fhirServerUrl}/Observation?_lastUpdated=ge2022-01-01T00:00:00Z&_summary=count`,
    );
    const { total } = (await sources.json()) as { total: number };
    const since = await client.kickOff({ ...parameters, _since: '2022-01-01T00:00:00Z' });
    const some = await client.manifest(since, 100, () => undefined);
    expect(some.output.map(({ count }) => count)).toEqual([total]);
    expect(all.output[0]?.count).toBeGreaterThan(total);
  });

  it('without _type, with a filter and a year as _since, has all types, that one filtered, and what was understood', async () => {
    const client = new ExportClient(test.stack.baseUrl);
    const filter = 'code=http://loinc.org|8302-2';
    const since = '2021-12-31T10:00:00.000Z';
    const statusUrl = await client.kickOff({
      _container: 'filtered',
      _anonymizationConfig: SAMPLE_CONFIGURATION,
      _since: '2022',
      _typeFilter: `Observation?${filter},Binary?_id=1`,
    });
    const manifest = await client.manifest(statusUrl, 100, () => undefined);
    const sources = await fetch(
      `${test.stack.fhirServerUrl}/Observation?${filter}&_lastUpdated=ge${since}&_summary=count`,
    );
    const { total } = (await sources.json()) as { total: number };
    expect(total).toBeGreaterThan(0);
    const counts = new Map(manifest.output.map(({ type, count }) => [type, count]));
    expect(counts.get('Observation')).toBe(total);
    expect(counts.size).toBeGreaterThan(3);
    expect(manifest.extension['since']).toBe(since);
    const notes = (manifest.extension['notes'] as string[]).join('\n');
    expect(notes).toContain(
      `_since is no instant, and was read as the earliest one that it may mean: ${since}.`,
    );
    expect(notes).toMatch(/_typeFilter: filters have no effect .*: Binary\./);
  });

  it('that a resource fails ends as failed, says why, and leaves no file', async () => {
    const response = await fetch(`${host}/fhir/$export?_container=failing&_anonymizationConfig=fails.json`, {
      headers: KICK_OFF,
    });
    const statusUrl = response.headers.get('content-location') ?? '';
    const client = new ExportClient(test.stack.baseUrl);
    await expect(client.manifest(statusUrl, 100, () => undefined)).rejects.toThrow(
      /failed \(422\).*Observation resource could not be anonymized.*processingErrors/,
    );
    const ended = await fetch(statusUrl);
    expect(ended.status).toBe(422);
    expect(await ended.json()).toMatchObject({ resourceType: 'OperationOutcome' });
    expect(await test.blobNames('failing')).toEqual([]);
  });

  it('whose Patients are too unlike ends as failed, gives nothing before, and leaves no file', async () => {
    const query =
      '_container=unlike&_anonymizationConfig=unlike.json&allowPartialManifests=true&_type=Patient,Encounter';
    const started = await fetch(`${host}/fhir/$export?${query}`, { headers: KICK_OFF });
    const statusUrl = started.headers.get('content-location') ?? '';
    let status = await fetch(statusUrl);
    for (; status.status === 202; status = await fetch(statusUrl)) {
      expect(await status.text()).toBe('');
      await untilNextPoll(status);
    }
    expect(status.status).toBe(403);
    const { issue } = (await status.json()) as Outcome;
    expect(issue[0]?.diagnostics).toMatch(/fewer than 5000 Patients .*without data .*generalize or redact/);
    expect(await test.blobNames('unlike')).toEqual([]);
  });

  it('that is cancelled is gone, with its files', async () => {
    const client = new ExportClient(test.stack.baseUrl);
    const statusUrl = await client.kickOff({
      _container: 'cancelled',
      _anonymizationConfig: SAMPLE_CONFIGURATION,
    });
    while ((await test.blobNames('cancelled')).length === 0)
      await new Promise((resolve) => setTimeout(resolve, 20));
    const cancelled = await fetch(statusUrl, { method: 'DELETE' });
    expect(cancelled.status).toBe(202);
    expect(await cancelled.json()).toMatchObject({ resourceType: 'OperationOutcome' });
    expect((await fetch(statusUrl)).status).toBe(404);
    expect((await fetch(statusUrl, { method: 'DELETE' })).status).toBe(404);
    // Slices that were under way notice and take their files away.
    await expect.poll(() => test.blobNames('cancelled'), { timeout: 60_000 }).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(await test.blobNames('cancelled')).toEqual([]);
  });

  it('that is complete can be deleted', async () => {
    const client = new ExportClient(test.stack.baseUrl);
    const statusUrl = await client.kickOff({
      _container: 'deleted',
      _anonymizationConfig: SAMPLE_CONFIGURATION,
      _type: 'Patient',
    });
    const manifest = await client.manifest(statusUrl, 100, () => undefined);
    expect((await fetch(statusUrl, { method: 'DELETE' })).status).toBe(202);
    expect((await fetch(statusUrl)).status).toBe(404);
    expect((await fetch(manifest.output[0]?.url ?? '')).status).toBe(404);
    expect(await test.blobNames('deleted')).toEqual([]);
  });
});

describe('a kick-off is accepted', () => {
  it.each([
    ['with Accept among others', { accept: 'text/html, application/fhir+json; fhirVersion=4.0, */*' }, ''],
    ['with Accept of plain JSON', { accept: 'application/json' }, '&_format=json&_pretty=false'],
    ['with other preferences', { prefer: 'wait=10; respond-async, return=minimal' }, ''],
    ['strictly', { prefer: 'respond-async, handling=strict' }, ''],
    ['leniently, without what is not known', { prefer: 'respond-async, handling=lenient' }, '&_foo=1'],
    ['with every output format', {}, '&_outputFormat=ndjson'],
    ['with another one', {}, '&_OUTPUTFORMAT=application/fhir%2Bndjson'],
    ['with what Azure knows', {}, '&_isParallel=true&_maxCount=10&_till=2999-01-01T00:00:00Z'],
    ['with a day as _since', {}, '&_since=2020-01-01'],
    ['with a filter', {}, '&_typefilter=Patient%3Fgender%3Dmale'],
    ['with a host key, which is not returned', {}, '&code=hunter2'],
    ['into a folder of a container that is there', {}, '&_CONTAINER=accepted'],
  ])('%s', async (name, headers, more) => {
    const base = `${host}/fhir/$export?_type=Patient&_anonymizationConfig=${SAMPLE_CONFIGURATION}`;
    const url = `${base}${more.includes('_CONTAINER') ? '' : '&_container=accepted'}${more}`;
    const response = await fetch(url, { headers: { ...KICK_OFF, ...headers } });
    expect(response.status).toBe(202);
    const text = await response.text();
    const statusUrl = response.headers.get('content-location') ?? '';
    expect(text + statusUrl).not.toContain('hunter2');
    const isLenient = name.startsWith('leniently');
    const warnings = (JSON.parse(text) as Outcome).issue.filter(({ severity }) => severity !== 'information');
    expect(warnings.map(({ severity, expression }) => [severity, expression])).toEqual(
      isLenient ? [['warning', ['_foo']]] : [],
    );
    if (isLenient) expect(text).toMatch(/_foo.*was ignored/);
    // The sample gives no keys.
    expect(text).toMatch(/random keys.*next one by _since/);
    const manifest = await new ExportClient(test.stack.baseUrl).manifest(statusUrl, 1000, () => undefined);
    expect(JSON.stringify(manifest)).not.toContain('hunter2');
    expect(JSON.stringify(manifest)).not.toContain('_foo=');
    expect(JSON.stringify(manifest.extension['notes'])).toMatch(/random keys/);
    const errors = await Promise.all(manifest.error.map(async ({ url: file }) => (await fetch(file)).text()));
    const outcomes = errors
      .join('')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Outcome);
    expect(outcomes.flatMap(({ issue }) => issue)).toEqual(
      isLenient
        ? [expect.objectContaining({ severity: 'warning', code: 'not-supported', expression: ['_foo'] })]
        : [],
    );
    const folders = await test.blobNames('accepted');
    expect(folders.every((blob) => /^\d{14}-[0-9a-f]{32}\//.test(blob))).toBe(true);
  });

  it('and says what the rules of its configuration leave that may be an identity', async () => {
    await test.putConfiguration('one-rule.json', {
      fhirPathRules: [{ path: "nodesByType('HumanName')", method: 'redact' }],
    });
    const url = `${host}/fhir/$export?_type=Patient&_anonymizationConfig=one-rule.json&_container=one-rule`;
    const response = await fetch(url, { headers: KICK_OFF });
    const { issue } = (await response.json()) as Outcome;
    const gaps = issue
      .map(({ diagnostics }) => diagnostics ?? '')
      .filter((text) => text.includes('Coverage, '));
    expect(response.status, JSON.stringify(issue)).toBe(202);
    expect(gaps.length).toBeGreaterThan(15);
    expect(gaps.length).toBeLessThanOrEqual(25);
    expect(gaps.join('\n')).toContain('Bundle.entry.fullUrl');
    await fetch(response.headers.get('content-location') ?? '', { method: 'DELETE' });
  });

  it('as a POST with Parameters, an absolute status URL in its answer', async () => {
    const response = await fetch(`${host}/fhir/$export`, {
      method: 'POST',
      headers: { ...KICK_OFF, 'content-type': 'application/fhir+json' },
      body: parametersResource(
        { name: '_type', valueString: 'Patient' },
        { name: '_container', valueString: 'accepted' },
        { name: '_anonymizationConfig', valueString: SAMPLE_CONFIGURATION },
        { name: '_maxCount', valueInteger: 7 },
      ),
    });
    expect(response.status).toBe(202);
    expect(response.headers.get('content-location')).toMatch(
      new RegExp(`^${host}/fhir/_operations/export/[0-9a-f]{32}$`),
    );
  });
});

describe('a container takes one kind of data', () => {
  it('and refuses another configuration, and files of unknown origin', async () => {
    await test.putConfiguration('other.json', { fhirPathRules: [{ path: 'Resource', method: 'redact' }] });
    const start = (container: string, configuration: string): Promise<Response> =>
      fetch(
        `${host}/fhir/$export?_type=Group&_container=${container}&_anonymizationConfig=${configuration}`,
        { headers: KICK_OFF },
      );
    expect((await start('one-kind', SAMPLE_CONFIGURATION)).status).toBe(202);
    expect((await start('one-kind', SAMPLE_CONFIGURATION)).status).toBe(202);
    const other = await start('one-kind', 'other.json');
    expect(other.status).toBe(409);
    expect(await other.json()).toMatchObject({
      issue: [{ code: 'conflict', diagnostics: expect.stringMatching(/another configuration.*ALLOW_MIXED/) }],
    });
    await test.putBlob('not-ours', 'letter.txt', 'Dear all');
    expect((await start('not-ours', SAMPLE_CONFIGURATION)).status).toBe(409);
    expect(await test.blobNames('not-ours')).toEqual(['letter.txt']);
  });
});

describe('a client that polls', () => {
  it('too fast gets 429; one that waits, and HEAD, are not', async () => {
    const response = await fetch(`${host}/fhir/$export?${SAFE_HARBOR}&_maxCount=1`, { headers: KICK_OFF });
    const statusUrl = response.headers.get('content-location') ?? '';
    expect((await fetch(statusUrl)).status).toBe(202);
    const answers: Response[] = [];
    let refused: Response | undefined;
    // On a busy machine, the first ones may take so long that they are not too fast.
    for (let times = 0; times < 5 && refused === undefined; times++) {
      answers.push(...(await Promise.all(Array.from({ length: 40 }, () => fetch(statusUrl)))));
      refused = answers.find(({ status }) => status === 429);
    }
    expect(answers.filter(({ status }) => status === 202).length).toBeGreaterThanOrEqual(10);
    if (refused === undefined) throw new Error('No call was refused with a time to wait.');
    expect(await refused.json()).toMatchObject({ issue: [{ code: 'throttled' }] });
    expect((await fetch(statusUrl, { method: 'HEAD' })).status).toBe(202);
    const seconds = Number(refused.headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    expect((await fetch(statusUrl)).status).not.toBe(429);
    await fetch(statusUrl, { method: 'DELETE' });
  });
});

describe('a file of a complete export', () => {
  let url: string;
  let whole: Buffer;

  beforeAll(async () => {
    const client = new ExportClient(test.stack.baseUrl);
    const statusUrl = await client.kickOff({
      _container: 'ranges',
      _anonymizationConfig: SAMPLE_CONFIGURATION,
      _type: 'Observation',
    });
    url = (await client.manifest(statusUrl, 1000, () => undefined)).output[0]?.url ?? '';
    whole = await bytes(await fetch(url, { headers: { 'accept-encoding': 'identity' } }));
  });

  async function bytes(response: Response): Promise<Buffer> {
    return Buffer.from(await response.arrayBuffer());
  }

  async function get(headers: Record<string, string>): Promise<Response> {
    return fetch(url, { headers: { 'accept-encoding': 'identity', ...headers } });
  }

  it('is NDJSON, and HEAD answers as GET would', async () => {
    for (const method of ['GET', 'HEAD']) {
      const response = await fetch(url, { method, headers: { 'accept-encoding': 'identity' } });
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('application/fhir+ndjson');
      expect(response.headers.get('accept-ranges')).toBe('bytes');
      expect(response.headers.get('content-length')).toBe(String(whole.length));
      expect(response.headers.get('etag')).toMatch(/^"[^"]+"$/);
      expect((await bytes(response)).length).toBe(method === 'GET' ? whole.length : 0);
    }
  });

  it('comes compressed where the client takes that', async () => {
    const response = await get({ 'accept-encoding': 'gzip' });
    expect(response.headers.get('content-encoding')).toBe('gzip');
    expect(response.headers.get('content-length')).toBeNull();
    expect((await bytes(response)).equals(whole)).toBe(true);
    expect(response.headers.get('etag')).not.toBe((await get({})).headers.get('etag'));
  });

  it.each([
    ['bytes=0-99', 0, 100],
    ['bytes=100-', 100, undefined],
    ['bytes=-100', -100, undefined],
    ['bytes=1000-1000', 1000, 1001],
  ])('comes in parts: %s', async (range, from, to) => {
    // Parts are parts of the file itself, also for a client that takes gzip.
    const response = await get({ range, 'accept-encoding': 'gzip' });
    const expected = whole.subarray(from, to);
    const first = from < 0 ? whole.length + from : from;
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(
      `bytes ${first}-${first + expected.length - 1}/${whole.length}`,
    );
    expect((await bytes(response)).equals(expected)).toBe(true);
  });

  it('comes as a whole where a range is none, or of another version', async () => {
    for (const headers of [
      { range: 'lines=1-2' },
      { range: 'bytes=0-1,3-4' },
      { range: 'bytes=0-9', 'if-range': '"other"' },
    ]) {
      const response = await get(headers);
      expect(response.status).toBe(200);
      expect((await bytes(response)).equals(whole)).toBe(true);
    }
    const etag = (await get({})).headers.get('etag') ?? '';
    expect((await get({ range: 'bytes=0-9', 'if-range': etag })).status).toBe(206);
    expect((await get({ 'if-none-match': etag })).status).toBe(304);
  });

  it('has nothing behind its end', async () => {
    const response = await get({ range: `bytes=${whole.length}-` });
    expect(response.status).toBe(416);
    expect(response.headers.get('content-range')).toBe(`bytes */${whole.length}`);
    expect(await response.json()).toMatchObject({ resourceType: 'OperationOutcome' });
  });
});
