import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SAMPLE_CONFIGURATION } from '../../local/stack.js';
import { startTestStack, type TestStack, untilNextPoll } from './harness.js';
import { foundIn, identitiesOf } from './identities.js';
import { BulkDataClient, type Downloaded } from './bulkDataClient.js';

const TOKEN = 'eyJ.of-the-client.only';
const client = new BulkDataClient(TOKEN);

/** The resources of the source, by type and id, read from its own files. */
function sourceResources(test: TestStack): Map<string, Map<string, unknown>> {
  const directory = join(test.stack.dataDirectory, 'sample');
  return new Map(
    readdirSync(directory).map((file) => [
      file.replace('.ndjson', ''),
      byId(readFileSync(join(directory, file), 'utf8').trimEnd().split('\n')),
    ]),
  );
}

function byId(lines: readonly string[]): Map<string, unknown> {
  const resources = lines.map((line) => JSON.parse(line) as { id: string });
  const ids = new Map(resources.map((resource) => [resource.id, resource]));
  expect(ids.size).toBe(lines.length);
  return ids;
}

/** Every resource of the source is in the export, once, and as it is there. */
function expectSame({ lines }: Downloaded, source: Map<string, Map<string, unknown>>): void {
  expect([...lines.keys()].sort()).toEqual([...source.keys()].sort());
  for (const [type, resources] of source) expect(byId(lines.get(type) ?? []), type).toEqual(resources);
}

describe.each(['app', 'sas'])('a client that follows the guide, with links of kind %s', (links) => {
  let test: TestStack;
  beforeAll(async () => {
    test = await startTestStack({ ALLOW_RAW_EXPORT: 'true', DOWNLOAD_LINKS: links });
  });
  afterAll(() => test.end());

  it('gets every resource of the source, once, as it is', async () => {
    const downloaded = await client.export(`${test.stack.baseUrl}/$export`);
    expectSame(downloaded, sourceResources(test));
    expect(downloaded.manifest.requiresAccessToken).toBe(links === 'app');
    for (const text of downloaded.progress) expect(text.length).toBeLessThan(100);
    // Blob storage itself compresses nothing.
    if (links === 'app') expect(downloaded.wireBytes).toBeLessThan(downloaded.fileBytes / 3);
  });

  it.each(['Patient', 'Group'])(
    'gets the resources of the level %s, each once, as they are',
    async (level) => {
      const source = sourceResources(test);
      const [group] = [...(source.get('Group')?.values() ?? [])] as Array<{
        id: string;
        member: Array<{ entity: { reference: string }; inactive?: boolean; period?: object }>;
      }>;
      const members = group?.member.map(({ entity }) => entity.reference.replace('Patient/', '')) ?? [];
      const patients = level === 'Patient' ? [...(source.get('Patient')?.keys() ?? [])] : members;
      const path = level === 'Patient' ? 'Patient' : `Group/${group?.id}`;
      const { lines } = await client.export(`${test.stack.baseUrl}/${path}/$export`);
      expect([...byId(lines.get('Patient') ?? []).keys()].sort()).toEqual(patients.sort());
      expect(lines.get('Observation')?.length).toBeGreaterThan(0);
      for (const [type, own] of lines) {
        for (const [id, resource] of byId(own)) {
          expect(resource, `${type}/${id}`).toEqual(source.get(type)?.get(id));
        }
      }
      expect(lines.has('Organization')).toBe(false);
    },
  );

  it('gets nothing after it has deleted the export', async () => {
    const statusUrl = await client.kickOff(`${test.stack.baseUrl}/$export?_type=Patient`);
    const file = (await manifestWhenDone(statusUrl)).manifest.output[0]?.url ?? '';
    expect((await fetch(file)).status).toBe(200);
    expect((await fetch(statusUrl, { method: 'DELETE' })).status).toBe(202);
    expect((await fetch(statusUrl)).status).toBe(404);
    expect((await fetch(file)).status).toBe(404);
  });
});

describe('where a default configuration is set', () => {
  let test: TestStack;
  beforeAll(async () => {
    test = await startTestStack({
      ALLOW_RAW_EXPORT: 'true',
      DEFAULT_ANONYMIZATION_CONFIG: SAMPLE_CONFIGURATION,
      DOWNLOAD_LINKS: 'sas',
      SAS_LIFETIME_MINUTES: '5',
      CORS_ORIGINS: 'https://app.example.org',
    });
  });
  afterAll(() => test.end());

  it('a client that knows nothing of it gets de-identified data, and nothing else', async () => {
    const { manifest, lines } = await client.export(`${test.stack.baseUrl}/$export`);
    const source = sourceResources(test);
    expect(Object.fromEntries([...lines].map(([type, own]) => [type, own.length]))).toEqual(
      Object.fromEntries([...source].map(([type, own]) => [type, own.size])),
    );
    const identities = identitiesOf(
      [...source.values()].flatMap((own) => [...own.values()].map((resource) => JSON.stringify(resource))),
    );
    expect(foundIn([...lines.values()].flat().join('\n'), identities)).toEqual([]);
    expect(manifest.extension).toMatchObject({ deidentified: true, configuration: SAMPLE_CONFIGURATION });
    expect(JSON.stringify(manifest.extension)).toMatch(/default one of this server/);
  });

  it('the links read, expire soon, and differ from those of another request', async () => {
    const statusUrl = await client.kickOff(`${test.stack.baseUrl}/$export?_type=Group`);
    const first = await manifestWhenDone(statusUrl);
    const url = new URL(first.manifest.output[0]?.url ?? '');
    expect(url.searchParams.get('sp')).toBe('r');
    const expires = Date.parse(url.searchParams.get('se') ?? '');
    expect(expires - Date.now()).toBeGreaterThan(4 * 60_000);
    expect(expires - Date.now()).toBeLessThanOrEqual(5 * 60_000);
    expect(Date.parse(first.expires)).toBeLessThanOrEqual(expires + 1000);
    const file = await fetch(url);
    expect(file.headers.get('content-type')).toBe('application/fhir+ndjson');
    await file.arrayBuffer();
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect((await manifestWhenDone(statusUrl)).manifest.output[0]?.url).not.toBe(url.href);
    const state = await test.stateText();
    expect(state).not.toMatch(/[?&]sig=/);
    expect(state).not.toContain(TOKEN);
  });

  it('raw data is had by asking for it alone', async () => {
    const { manifest, lines } = await client.export(`${test.stack.baseUrl}/$export?_type=Patient&_raw=true`);
    expect(manifest.extension).toMatchObject({ deidentified: false });
    expect(byId(lines.get('Patient') ?? [])).toEqual(sourceResources(test).get('Patient'));
  });

  it('a script of the permitted origin can do all of it, one of another nothing', async () => {
    const operation = `${test.stack.baseUrl}/$export`;
    const preflight = (origin: string): Promise<Response> =>
      fetch(operation, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'GET',
          'access-control-request-headers': 'prefer',
        },
      });
    const permitted = await preflight('https://app.example.org');
    expect(permitted.status).toBe(204);
    expect(permitted.headers.get('access-control-allow-origin')).toBe('https://app.example.org');
    expect(permitted.headers.get('access-control-allow-methods')).toBe('GET, POST');
    expect(permitted.headers.get('access-control-allow-headers')).toMatch(/Authorization.*Prefer/);
    const other = await preflight('https://evil.example.org');
    expect(other.status).toBe(405);
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
    const refused = await fetch(operation, { headers: { origin: 'https://app.example.org' } });
    expect(refused.status).toBe(400);
    expect(refused.headers.get('access-control-allow-origin')).toBe('https://app.example.org');
    expect(refused.headers.get('access-control-expose-headers')).toMatch(
      /Content-Location, Retry-After, X-Progress, ETag, Expires/,
    );
    expect(refused.headers.get('vary')).toContain('Origin');
  });
});

async function manifestWhenDone(
  statusUrl: string,
): Promise<{ manifest: Downloaded['manifest']; expires: string }> {
  for (;;) {
    const response = await fetch(statusUrl);
    const text = await response.text();
    if (response.status === 200) {
      const manifest = JSON.parse(text) as Downloaded['manifest'];
      return { manifest, expires: response.headers.get('expires') ?? '' };
    }
    if (response.status !== 202) throw new Error(`The status answered ${response.status}: ${text}`);
    await untilNextPoll(response);
  }
}
