import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHost } from '../../local/host/host.js';
import { PROJECT_ROOT } from '../../local/paths.js';
import { SAMPLE_CONFIGURATION, startStack } from '../../local/stack.js';
import { REQUIRED_SETTINGS } from '../environment.js';
import { startTestStack, type TestStack } from './harness.js';
import {
  AUDIENCE,
  AuthorizationServer,
  ISSUER,
  newKey,
  sign,
  type SigningKey,
} from '../http/authorization/authorizationServer.js';

const KICK_OFF = { accept: 'application/fhir+json', prefer: 'respond-async' };
const DEIDENTIFIED = `_anonymizationConfig=${SAMPLE_CONFIGURATION}&_container=`;
const UNKNOWN_JOB = '0123456789abcdef0123456789abcdef';

/** Twelve patients, of whom three have a condition, an organization, a group of two patients and one of all. */
function writeSource(directory: string): void {
  mkdirSync(directory, { recursive: true });
  const meta = (day: number): object => ({
    lastUpdated: `2026-01-${String(day).padStart(2, '0')}T00:00:00Z`,
  });
  const write = (type: string, resources: object[]): void =>
    writeFileSync(
      join(directory, `${type}.ndjson`),
      resources.map((resource) => `${JSON.stringify({ resourceType: type, ...resource })}\n`).join(''),
    );
  const numbers = Array.from({ length: 12 }, (_, index) => index + 1);
  write(
    'Patient',
    numbers.map((day) => ({
      id: `p${day}`,
      meta: meta(day),
      gender: 'female',
      managingOrganization: { reference: 'Organization/o1' },
    })),
  );
  write(
    'Condition',
    [1, 2, 3, 3].map((patient, index) => ({
      id: `c${index}`,
      meta: meta(index + 1),
      code: { coding: [{ system: 'http://snomed.info/sct', code: '44054006' }] },
      subject: { reference: `Patient/p${patient}` },
    })),
  );
  write('Organization', [{ id: 'o1', meta: meta(1) }]);
  const group = (id: string, members: readonly number[]): object => ({
    id,
    meta: meta(1),
    type: 'person',
    actual: true,
    member: members.map((patient) => ({ entity: { reference: `Patient/p${patient}` } })),
  });
  write('Group', [group('small', [1, 2]), group('all', numbers)]);
}

interface Answer {
  status: number;
  headers: Headers;
  body: string;
}

async function ask(
  url: string,
  headers: Record<string, string> = {},
  method = 'GET',
  sent?: object,
): Promise<Answer> {
  const body =
    sent !== undefined && method === 'POST'
      ? { body: JSON.stringify(sent), headers: { ...headers, 'content-type': 'application/fhir+json' } }
      : { headers };
  const response = await fetch(url, { method, ...body });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

/** The error in an OperationOutcome. */
function words({ body }: Answer): string {
  const outcome = JSON.parse(body) as { resourceType: string; issue: Array<{ diagnostics: string }> };
  expect(outcome.resourceType).toBe('OperationOutcome');
  return outcome.issue.map(({ diagnostics }) => diagnostics).join(' ');
}

interface Manifest {
  output: Array<{ type: string; url: string; count: number }>;
  extension: { notes?: string[] };
}

/** Polls a status to its end; all that `X-Progress` said meanwhile. */
async function end(
  statusUrl: string,
  headers: Record<string, string>,
): Promise<Answer & { progress: string[] }> {
  const progress: string[] = [];
  for (;;) {
    const answer = await ask(statusUrl, headers);
    if (answer.status !== 202) return { ...answer, progress };
    progress.push(answer.headers.get('x-progress') ?? '');
    await new Promise((resolve) => setTimeout(resolve, Number(answer.headers.get('retry-after')) * 1000));
  }
}

describe('with SMART Backend Services', () => {
  let test: TestStack;
  let base: string;
  let server: AuthorizationServer;
  let key: SigningKey;
  let directory: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'fhir-export-source-'));
    writeSource(directory);
    key = await newKey('one');
    server = await AuthorizationServer.start(key);
    test = await startTestStack({
      SAMPLE_DATA: directory,
      AUTHENTICATION: 'smart',
      SMART_ISSUER: ISSUER,
      SMART_AUDIENCE: AUDIENCE,
      SMART_JWKS_URL: server.jwksUrl,
      SMART_TOKEN_URL: `${ISSUER}/token`,
      SMART_RAW_SCOPE: 'export.raw',
      SMART_DE_IDENTIFY_SCOPE: 'de-identify',
      DE_IDENTIFY: 'on',
      ALLOW_RAW_EXPORT: 'true',
    });
    base = test.stack.baseUrl;
  });
  afterAll(async () => {
    await test.end();
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const client = async (scope: string, id = 'research'): Promise<Record<string, string>> => ({
    ...KICK_OFF,
    authorization: `Bearer ${await sign(key, { scope, client_id: id })}`,
  });
  const start = async (query: string, headers: Record<string, string>): Promise<string> => {
    const started = await ask(`${base}/$export?${query}`, headers);
    expect(`${started.status} ${started.status === 202 ? '' : started.body}`).toBe('202 ');
    return started.headers.get('content-location') ?? '';
  };

  it.each([
    ['GET', '/$export'],
    ['POST', '/$export'],
    ['GET', '/Patient/$export'],
    ['GET', `/_operations/export/${UNKNOWN_JOB}`],
    ['DELETE', `/_operations/export/${UNKNOWN_JOB}`],
    ['GET', `/_operations/export/${UNKNOWN_JOB}/files/x`],
    ['POST', '/$de-identify'],
    ['GET', '/Group'],
    ['GET', '/_operations/export'],
    ['GET', '/_operations/configurations'],
  ])('%s %s asks for a token', async (method, path) => {
    const answer = await ask(`${base}${path}`, KICK_OFF, method);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="fhir"');
    expect(answer.headers.get('content-type')).toMatch(/^application\/fhir\+json/);
    expect(words(answer)).toContain('.well-known/smart-configuration');
  });

  it.each([
    ['system/*.rs', 403],
    ['system/Patient.rs', 403],
    ['de-identify', 403],
    ['system/Group.rs', 200],
    ['system/Patient.rs export.raw', 200],
  ])('the scopes %s at the list of groups: %i', async (scope, status) => {
    const answer = await ask(`${base}/Group`, await client(scope));
    expect(`${answer.status} ${answer.status === status ? '' : answer.body}`).toBe(`${status} `);
  });

  it.each<[scope: string, path: string, status: number]>([
    ['system/*.rs export.raw', '/$de-identify', 403],
    ['de-identify', '/$de-identify', 200],
    ['de-identify', '/$export', 403],
    ['de-identify', `/_operations/export/${UNKNOWN_JOB}`, 403],
    ['de-identify', `/_operations/export/${UNKNOWN_JOB}/files/x`, 403],
    ['de-identify', '/_operations/export', 403],
    ['de-identify', '/_operations/configurations', 403],
  ])('the scopes %s at %s: %i, since no permission implies the other', async (scope, path, status) => {
    const answer = await ask(
      `${base}${path}`,
      await client(scope),
      path === '/$de-identify' ? 'POST' : 'GET',
      {
        resourceType: 'Parameters',
        parameter: [
          { name: 'resource', resource: { resourceType: 'Patient', id: 'p' } },
          { name: '_anonymizationConfig', valueString: SAMPLE_CONFIGURATION },
        ],
      },
    );
    expect(answer.status).toBe(status);
    if (status === 403) expect(answer.headers.get('www-authenticate')).toContain('insufficient_scope');
  });

  it('shows any caller where to get a token', async () => {
    const configuration = await ask(`${base}/.well-known/smart-configuration`);
    expect(configuration.status).toBe(200);
    expect(JSON.parse(configuration.body)).toMatchObject({
      token_endpoint: `${ISSUER}/token`,
      grant_types_supported: ['client_credentials'],
      capabilities: expect.arrayContaining(['client-confidential-asymmetric']) as unknown,
    });
    const statement = JSON.parse((await ask(`${base}/metadata`)).body) as { rest: object[] };
    expect(JSON.stringify(statement.rest)).toContain('SMART-on-FHIR');
    expect((await ask(base.replace(/\/fhir$/, '/healthz'))).status).toBe(200);
  });

  it("another client's job is as unknown as any other: status, cancel, download and list", async () => {
    const mine = await client('system/*.rs');
    const statusUrl = await start(`_type=Patient&${DEIDENTIFIED}mine`, mine);
    const done = await end(statusUrl, mine);
    expect(done.status).toBe(200);
    const { output } = JSON.parse(done.body) as Manifest;
    const file = output[0]?.url ?? '';
    const other = await client('system/*.rs export.raw', 'other');
    const unknown = `${base}/_operations/export/${UNKNOWN_JOB}`;
    for (const [method, theirs, none] of [
      ['GET', statusUrl, unknown],
      ['HEAD', statusUrl, unknown],
      ['DELETE', statusUrl, unknown],
      ['GET', file, `${unknown}/files/x`],
      ['GET', statusUrl.replace(/$/, '/files/report.json'), `${unknown}/files/report.json`],
    ] as const) {
      const [answer, reference] = [await ask(theirs, other, method), await ask(none, other, method)];
      expect({ status: answer.status, body: answer.body }).toEqual({ status: 404, body: reference.body });
    }
    expect(done.body).not.toMatch(/owner|\bresearch\b/);
    const listed = async (headers: Record<string, string>): Promise<string> =>
      (await ask(`${base}/_operations/export`, headers)).body;
    expect(JSON.parse(await listed(mine))).toMatchObject({
      exports: [{ url: statusUrl, state: 'completed' }],
    });
    expect(await listed(other)).toBe('{"exports":[]}');
    expect((await ask(file, mine)).status).toBe(200);
    expect((await ask(statusUrl, mine, 'DELETE')).status).toBe(202);
    expect(await listed(mine)).toBe('{"exports":[]}');
  });

  it("a job's polls: polls of others use up none of its caller's", async () => {
    const mine = await client('system/*.rs');
    const other = await client('system/*.rs', 'other');
    const statusUrl = await start(`_type=Patient&${DEIDENTIFIED}polled`, mine);
    await ask(statusUrl, mine);
    const others = await Promise.all(Array.from({ length: 40 }, () => ask(statusUrl, other)));
    expect(new Set(others.map(({ status }) => status))).toEqual(new Set([404]));
    expect([200, 202]).toContain((await ask(statusUrl, mine)).status);
  });

  it('a scope limits types: what asks for more is 403, what names none is narrowed, and files are checked again', async () => {
    const patients = await client('system/Patient.rs system/Organization.read');
    const refused = await ask(`${base}/$export?_type=Patient,Condition&${DEIDENTIFIED}narrowed`, patients);
    expect(refused.status).toBe(403);
    expect(refused.headers.get('www-authenticate')).toContain('error="insufficient_scope"');
    expect(words(refused)).toContain('system/Condition.rs');

    const statusUrl = await start(`${DEIDENTIFIED}narrowed`, patients);
    const done = await end(statusUrl, patients);
    const { output, extension } = JSON.parse(done.body) as Manifest;
    expect(output.map(({ type }) => type).sort()).toEqual(['Organization', 'Patient']);
    expect(extension.notes?.join()).toContain('Organization, Patient');

    const file = output.find(({ type }) => type === 'Patient')?.url ?? '';
    const less = await ask(file, await client('system/Organization.rs'));
    expect(less.status).toBe(403);
    expect(words(less)).toContain('system/Patient.rs');
    for (const whole of [statusUrl, `${statusUrl}/files/report.json`]) {
      expect((await ask(whole, await client('system/Organization.rs'))).status).toBe(403);
      expect((await ask(whole, patients)).status).toBe(200);
    }
  });

  it('a job over few patients ends without data, and its progress counts nothing', async () => {
    const caller = await client('system/*.rs');
    const statusUrl = await start(`_type=Condition,Organization&${DEIDENTIFIED}few`, caller);
    const done = await end(statusUrl, caller);
    expect(done.status).toBe(403);
    expect(words(done)).toMatch(/fewer than 10 patients.*MIN_PATIENTS/);
    await expect.poll(() => test.blobNames('few'), { timeout: 60_000 }).toEqual([]);
    expect(done.progress.join()).not.toMatch(/\d+ (of \d+ )?resources/);

    const nothing = `_type=Condition&_since=2026-02-01T00:00:00Z&${DEIDENTIFIED}`;
    const none = await end(await start(`${nothing}none`, caller), caller);
    expect({ status: none.status, words: words(none) }).toEqual({ status: 403, words: words(done) });

    const raw = await client('system/*.rs export.raw');
    expect((await end(await start(`${nothing}nothing`, raw), raw)).status).toBe(200);
    const allowed = await end(await start(`_type=Condition&${DEIDENTIFIED}allowed`, raw), raw);
    expect(allowed.status).toBe(200);
  });

  it('a group of few patients ends without data, whatever others its resources name', async () => {
    const caller = await client('system/*.rs');
    const started = await ask(`${base}/Group/small/$export?${DEIDENTIFIED}group`, caller);
    expect(started.status).toBe(202);
    const done = await end(started.headers.get('content-location') ?? '', caller);
    expect(done.status).toBe(403);
    expect(words(done)).toMatch(/fewer than 10 patients/);
    await expect.poll(() => test.blobNames('group'), { timeout: 60_000 }).toEqual([]);

    const all = await ask(`${base}/Group/all/$export?${DEIDENTIFIED}group-all`, caller);
    expect((await end(all.headers.get('content-location') ?? '', caller)).status).toBe(200);
  });

  it('a raw export takes the permission for it, from kick-off to download', async () => {
    const plain = await client('system/*.rs');
    const refused = await ask(`${base}/$export?_type=Patient`, plain);
    expect(refused.status).toBe(403);
    expect(words(refused)).toContain('the scope export.raw');

    const raw = await client('system/*.rs export.raw');
    const statusUrl = await start('_type=Patient', raw);
    const done = await end(statusUrl, raw);
    expect(done.status).toBe(200);
    const file = (JSON.parse(done.body) as Manifest).output[0]?.url ?? '';
    expect((await ask(statusUrl, plain)).status).toBe(403);
    expect((await ask(file, plain)).status).toBe(403);
    expect((await ask(file, raw)).status).toBe(200);
  });

  it('a configuration that does not count as de-identification takes the permission for raw exports', async () => {
    await test.putConfiguration('keeps-names.json', {
      fhirPathRules: [{ path: 'Patient.birthDate', method: 'redact' }],
    });
    const query = '_type=Patient&_anonymizationConfig=keeps-names.json&_container=keeps-names';
    const plain = await client('system/*.rs');
    const refused = await ask(`${base}/$export?${query}`, plain);
    expect(refused.status).toBe(403);
    expect(words(refused)).toContain('the scope export.raw');

    const raw = await client('system/*.rs export.raw');
    const started = await ask(`${base}/$export?${query}`, raw);
    expect(started.status).toBe(202);
    expect(words(started)).toMatch(/sha256:[0-9a-f]{64}.*may leave identities: names .*does not count/);
    const statusUrl = started.headers.get('content-location') ?? '';
    const done = await end(statusUrl, raw);
    expect((JSON.parse(done.body) as Manifest).extension).toMatchObject({
      deidentified: false,
      configurationApproval: 'none',
      configurationCoverage: { isComplete: false },
    });
    expect((await ask(statusUrl, plain)).status).toBe(403);
  });

  it('a filter by a name is refused', async () => {
    const query = `_type=Patient&_typeFilter=${encodeURIComponent('Patient?family=Miller')}&${DEIDENTIFIED}filtered`;
    const refused = await ask(`${base}/$export?${query}`, await client('system/*.rs'));
    expect(refused.status).toBe(403);
    expect(words(refused)).toMatch(/family may not be used/);
    expect(refused.body).not.toContain('Miller');
  });
});

describe('with Entra ID', () => {
  const TENANT = '11111111-2222-3333-4444-555555555555';
  const principal = (object: string, ...roles: string[]): Record<string, string> => ({
    ...KICK_OFF,
    'x-ms-client-principal': Buffer.from(
      JSON.stringify({
        auth_typ: 'aad',
        claims: [
          { typ: 'tid', val: TENANT },
          { typ: 'oid', val: object },
          ...roles.map((val) => ({ typ: 'roles', val })),
        ],
      }),
    ).toString('base64'),
  });
  const ENTRA = { AUTHENTICATION: 'entra', ENTRA_TENANT_ID: TENANT };

  it("believes the platform's principal while the platform's authentication is on", async () => {
    const test = await startTestStack({ ...ENTRA, WEBSITE_AUTH_ENABLED: 'True', DE_IDENTIFY: 'on' });
    const base = test.stack.baseUrl;
    const query = `_type=Patient&${DEIDENTIFIED}entra`;
    expect((await ask(`${base}/$export?${query}`, KICK_OFF)).status).toBe(401);
    const withoutRole = await ask(`${base}/$export?${query}`, principal('a'));
    expect(withoutRole.status).toBe(403);
    expect(words(withoutRole)).toContain('Export.Read');
    for (const [role, status] of [
      ['Export.Read', 403],
      ['DeIdentify', 200],
    ] as const) {
      const url = `${base}/$de-identify?_anonymizationConfig=${SAMPLE_CONFIGURATION}`;
      const asked = await ask(url, principal('a', role), 'POST', { resourceType: 'Patient', id: 'p' });
      expect(asked.status).toBe(status);
    }
    expect((await ask(`${base}/$export?${query}`, principal('a', 'DeIdentify'))).status).toBe(403);
    const mine = principal('a', 'Export.Read');
    const started = await ask(`${base}/$export?${query}`, mine);
    expect(started.status).toBe(202);
    const statusUrl = started.headers.get('content-location') ?? '';
    expect((await ask(statusUrl, principal('b', 'Export.Read', 'Export.Raw'))).status).toBe(404);
    expect((await end(statusUrl, mine)).status).toBe(200);
    expect((await ask(`${base}/.well-known/smart-configuration`)).status).toBe(404);
    await test.end();
  });

  it('does not start while it is off, so that no forged principal is believed', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'fhir-export-'));
    const start = startStack({
      environment: { PORT: '0', SOURCE_PORT: '0', AZURITE_BLOB_PORT: '0', LOCAL_DATA: directory, ...ENTRA },
    });
    await expect(start).rejects.toThrow(/ended at its start/);
    rmSync(directory, { recursive: true, force: true });
  });

  it('a forged principal is nothing to an app that is called with keys', async () => {
    const test = await startTestStack({});
    const base = test.stack.baseUrl;
    const started = await ask(`${base}/$export?_type=Organization&${DEIDENTIFIED}keys`, KICK_OFF);
    const statusUrl = started.headers.get('content-location') ?? '';
    expect((await ask(statusUrl, principal('b', 'Export.Read'))).status).toBeLessThan(300);
    expect((await ask(`${base}/$export`, principal('b', 'Export.Read', 'Export.Raw'))).status).toBe(403);

    // A page that has led the browser of this machine here by a name of its own
    const { port } = new URL(base);
    const rebound = await new Promise<number | undefined>((resolve, reject) => {
      httpRequest(
        {
          host: '127.0.0.1',
          port,
          path: '/fhir/$export',
          headers: { ...KICK_OFF, host: `evil.example.org:${port}` },
        },
        (response) => resolve(response.resume().statusCode),
      )
        .on('error', reject)
        .end();
    });
    expect(rebound).toBe(403);
    await test.end();
  });
});

it('with function keys, the host lets no caller to an export without one', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'fhir-export-host-'));
  const before = { ...process.env };
  Object.assign(process.env, {
    ...REQUIRED_SETTINGS,
    FHIR_SERVER_URL: 'http://127.0.0.1:9/fhir',
    AUTHENTICATION: 'function-keys',
    DE_IDENTIFY: 'on',
    DE_IDENTIFY_ANY_CALLER: 'true',
  });
  const host = await startHost({
    scriptRoot: PROJECT_ROOT,
    port: 0,
    dataDirectory: directory,
    functionKeys: { default: 'the-key' },
    log: { write: () => undefined },
  });
  process.env = before;
  for (const path of [
    '$export',
    '$de-identify',
    `_operations/export/${UNKNOWN_JOB}`,
    `_operations/export/${UNKNOWN_JOB}/files/x`,
  ]) {
    expect((await ask(`${host.url}/fhir/${path}`)).status).toBe(401);
    expect((await ask(`${host.url}/fhir/${path}`, { 'x-functions-key': 'another' })).status).toBe(401);
  }
  // Let in, it learns what else is missing.
  expect((await ask(`${host.url}/fhir/$export`, { 'x-functions-key': 'the-key' })).status).toBe(400);
  expect((await ask(`${host.url}/fhir/metadata`)).status).toBe(200);
  await host.close();
  rmSync(directory, { recursive: true, force: true });
});
