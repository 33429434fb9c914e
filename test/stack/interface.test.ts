import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ExportClient } from '../../local/exportClient.js';
import { SAMPLE_CONFIGURATION } from '../../local/stack.js';
import { downloadLines, startTestStack, type TestStack } from './harness.js';

const KICK_OFF = { accept: 'application/fhir+json', prefer: 'respond-async' };
const SAFE_HARBOR = `_container=research&_anonymizationConfig=${SAMPLE_CONFIGURATION}`;
const UNKNOWN_JOB = '0123456789abcdef0123456789abcdef';

interface Outcome {
  resourceType: string;
  issue: Array<{ severity: string; code: string; diagnostics: string; expression?: string[] }>;
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
    ['an OPTIONS request', 'OPTIONS', '/fhir/$export', {}, 405, /GET, POST/],
    ['no headers', 'GET', '/fhir/$export', { accept: '*/*' }, 400, /Accept: application\/fhir\+json/],
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
    ['an unknown job', 'GET', `/fhir/_operations/export/${UNKNOWN_JOB}`, {}, 404, /no such export/],
    [
      'an unknown job to cancel',
      'DELETE',
      `/fhir/_operations/export/${UNKNOWN_JOB}`,
      {},
      404,
      /no such export/,
    ],
    ['a hostile job id', 'GET', '/fhir/_operations/export/..%2F..%2Fx', {}, 404, /no such export/],
    [
      'a file of an unknown job',
      'GET',
      `/fhir/_operations/export/${UNKNOWN_JOB}/files/x`,
      {},
      404,
      /no such export/,
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
  expect(await response.json()).toMatchObject({ resourceType: 'CapabilityStatement', fhirVersion: '4.0.1' });
  expect((await fetch(`${host}/healthz`)).status).toBe(200);
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
    const file = await fetch(manifest.output[0]?.url ?? '', { method: 'HEAD' });
    expect(file.headers.get('content-type')).toMatch(/^application\/fhir\+ndjson/);
    expect(await file.text()).toBe('');
    const other = (manifest.output[0]?.url ?? '').replace(/[^/]+$/, 'manifest.json');
    expect((await fetch(other)).status).toBe(404);
  }, 60_000);

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
  }, 60_000);

  it('that a resource fails ends as failed, says why, and leaves no file', async () => {
    const response = await fetch(`${host}/fhir/$export?_container=failing&_anonymizationConfig=fails.json`, {
      headers: KICK_OFF,
    });
    const statusUrl = response.headers.get('content-location') ?? '';
    const client = new ExportClient(test.stack.baseUrl);
    await expect(client.manifest(statusUrl, 100, () => undefined)).rejects.toThrow(
      /failed \(422\).*OperationOutcome.*Observation resource could not be anonymized.*processingErrors/,
    );
    expect(await test.blobNames('failing')).toEqual([]);
  }, 60_000);

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
    await expect.poll(() => test.blobNames('cancelled'), { timeout: 10_000 }).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(await test.blobNames('cancelled')).toEqual([]);
  }, 60_000);

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
  }, 60_000);
});
