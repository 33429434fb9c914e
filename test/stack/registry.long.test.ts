import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ExportClient, type Manifest } from '../../cli/export/exportClient.js';
import { PROJECT_ROOT } from '../../local/paths.js';
import { downloadLines, startTestStack, type TestStack } from './harness.js';
import { digestOf, TestRegistry } from '../adapters/registry/testRegistry.js';

const USER = { username: 'reader', password: 'hunter2-password' };
const TITLE = 'org.opencontainers.image.title';
/** Keeps names. */
const KEEPS = configuration([{ path: "nodesByType('Identifier')", method: 'redact' }]);
/** Removes names: the one that a job of these tests is to use. */
const REMOVES = configuration([{ path: "nodesByType('HumanName')", method: 'redact' }]);

let registry: TestRegistry;
let test: TestStack;
let environment: Record<string, string>;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fhir-config-'));
  registry = await TestRegistry.start();
  environment = {
    ANONYMIZATION_REGISTRIES: registry.host,
    ANONYMIZATION_REGISTRY_CA: registry.ca,
    ANONYMIZATION_REGISTRY_CREDENTIALS: JSON.stringify({ auths: { [registry.host]: USER } }),
  };
  test = await startTestStack({
    ...environment,
    // Small slices, so that what is done to a configuration meets a job in its middle.
    PAGE_SIZE: '20',
    SLICE_MAX_PAGES: '2',
    DURABLE_REDELIVERY_DELAY_SECONDS: '1',
  });
});
afterAll(async () => {
  await test.end();
  registry.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  registry.reset();
  registry.authentication = { kind: 'basic', ...USER };
});

function configuration(fhirPathRules: object[]): string {
  return JSON.stringify({ fhirVersion: 'R4', fhirPathRules, parameters: {} });
}

function putTag(text: string): string {
  const layer = registry.putBlob(Buffer.from(text), 'application/json', { [TITLE]: 'a.json' });
  return registry.putImage('team/configs', 'v1', [layer]);
}

async function complete(parameters: Record<string, string>): Promise<Manifest> {
  const client = new ExportClient(test.stack.baseUrl);
  return client.manifest(await client.kickOff(parameters), 100, () => undefined);
}

async function expectNoNames(manifest: Manifest): Promise<void> {
  const lines = await downloadLines(manifest);
  const patients = (lines.get('Patient') ?? []).map((line) => JSON.parse(line) as object);
  expect(patients.length).toBeGreaterThan(10);
  for (const patient of patients) {
    expect(patient).not.toHaveProperty('name');
    expect(patient).toHaveProperty('identifier');
  }
}

/** Runs the command; returns what it printed. */
async function run(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(PROJECT_ROOT, 'dist', 'cli', 'fhirDeid.js'), 'config', ...args],
    { env: { ...process.env, ...environment, EXPORT_STORAGE: test.stack.exportStorage } },
  );
  return stdout;
}
/** The parameters that a push has printed, of which the second ones name the version. */
function printed(stdout: string): Array<Record<string, string>> {
  return stdout
    .split('\n')
    .filter((line) => line.includes('_container='))
    .map((line) => ({
      ...Object.fromEntries(new URLSearchParams(line.trim())),
      _container: 'printed',
      _type: 'Patient',
    }));
}

describe('an export with a configuration of a registry', () => {
  it.each([
    ['by tag', (): string => `${registry.host}/team/configs:v1`],
    ['by digest', (digest: string): string => `${registry.host}/team/configs@${digest}`],
  ])('%s has what it used in manifest and report', async (_name, referenceOf) => {
    const digest = putTag(REMOVES);
    const reference = referenceOf(digest);
    const manifest = await complete({
      _container: 'registry',
      _type: 'Patient',
      _anonymizationConfig: 'a.json',
      _anonymizationConfigCollectionReference: reference,
    });
    await expectNoNames(manifest);
    expect(manifest.extension).toMatchObject({
      configuration: 'a.json',
      configurationDigest: digestOf(REMOVES),
      configurationCollectionReference: reference,
      configurationCollectionDigest: digest,
    });
    const report = await (await fetch(String(manifest.extension['report']))).json();
    expect(report).toMatchObject({
      configuration: { name: 'a.json', digest: digestOf(REMOVES), collection: { reference, digest } },
    });
    expect(JSON.stringify([manifest, report])).not.toContain(USER.password);
  });

  it('is chosen from the list of what there is, which has no text and no credential', async () => {
    const digest = putTag(REMOVES);
    const seen: Array<Record<string, string>> = [];
    const url = `${test.stack.baseUrl}/_operations/configurations`;
    for (let next: string | undefined = url; next !== undefined;) {
      const answer = await fetch(next);
      const text = await answer.text();
      expect(text).not.toMatch(/hunter2|fhirPathRules|HumanName/);
      const page = JSON.parse(text) as { configurations: typeof seen; link?: Array<{ url: string }> };
      seen.push(...page.configurations);
      next = page.link?.[0]?.url;
    }
    expect(seen.map(({ origin }) => origin)).toContain('container');
    expect(seen.at(-1)).toEqual({
      origin: 'registry',
      configuration: 'a.json',
      collectionReference: `${registry.host}/team/configs:v1`,
      collectionDigest: digest,
      configurationDigest: digestOf(REMOVES),
      configurationApproval: 'container',
      deidentified: false,
    });
  });

  it.each([
    [
      'of another registry',
      'other.example.org/team/configs:v1',
      /other\.example\.org is not among.*ANONYMIZATION_REGISTRIES/,
    ],
    ['of a tag that does not exist', 'HOST/team/configs:none', /no image/],
    ['of a file that does not exist', 'HOST/team/configs:v1', /no file of this name/],
  ])('%s is refused at kick-off', async (_name, reference, words) => {
    const layer = registry.putBlob(Buffer.from(REMOVES), 'application/json', { [TITLE]: 'b.json' });
    registry.putImage('team/configs', 'v1', [layer]);
    const kickOff = new ExportClient(test.stack.baseUrl).kickOff({
      _container: 'registry',
      _anonymizationConfig: 'a.json',
      _anonymizationConfigCollectionReference: reference.replace('HOST', registry.host),
    });
    await expect(kickOff).rejects.toThrow(/refused \(400\)/);
    await expect(kickOff).rejects.toThrow(words);
  });

  it('whose password is wrong is refused, and the password is nowhere', async () => {
    registry.authentication = { kind: 'basic', ...USER, password: 'another' };
    const kickOff = new ExportClient(test.stack.baseUrl).kickOff({
      _container: 'registry',
      _anonymizationConfig: 'a.json',
      _anonymizationConfigCollectionReference: `${registry.host}/team/configs:v1`,
    });
    await expect(kickOff).rejects.toThrow(/refused \(500\).*ANONYMIZATION_REGISTRY_CREDENTIALS/);
    await expect(kickOff).rejects.not.toThrow(USER.password);
  });
});

describe('a job uses the configuration of its kick-off', () => {
  it.each([
    [
      'though the blob is replaced, and deleted, and the host crashes',
      async (): Promise<Record<string, string>> => {
        await test.putConfiguration('pinned.json', JSON.parse(REMOVES) as object);
        return { _anonymizationConfig: 'pinned.json' };
      },
      () => test.putConfiguration('pinned.json', JSON.parse(KEEPS) as object),
      async (): Promise<void> => {
        const storage = BlobServiceClient.fromConnectionString(test.stack.exportStorage ?? '');
        await storage.getContainerClient('anonymization').deleteBlob('pinned.json');
      },
    ],
    [
      'though the tag is moved, and the image deleted, and the host crashes',
      async (): Promise<Record<string, string>> => {
        putTag(REMOVES);
        return {
          _anonymizationConfig: 'a.json',
          _anonymizationConfigCollectionReference: `${registry.host}/team/configs:v1`,
        };
      },
      () => putTag(KEEPS),
      (): void => registry.reset(),
    ],
  ] satisfies Array<[string, () => Promise<Record<string, string>>, () => unknown, () => unknown]>)(
    '%s',
    async (_name, put, replace, remove) => {
      const parameters = await put();
      const client = new ExportClient(test.stack.baseUrl);
      const statusUrl = await client.kickOff({
        _container: 'pinned',
        _type: 'Patient,Observation',
        ...parameters,
      });
      await Promise.resolve(replace());
      const asked = registry.requests.length;
      await test.stack.host.kill();
      // Read once: the registry is not asked again.
      expect(registry.requests.length).toBe(asked);
      await Promise.resolve(remove());
      await test.stack.restartHost();
      expect((await fetch(statusUrl)).status).toBe(202);
      const manifest = await client.manifest(statusUrl, 100, () => undefined);
      await expectNoNames(manifest);
      expect(manifest.extension).toMatchObject({ configurationDigest: digestOf(REMOVES) });
      expect(registry.requests).toEqual([]);
    },
  );
});

describe('fhir-deid config', () => {
  it.each([
    ['to blob storage', []],
    ['to a registry', (): string[] => ['--to', `${registry.host}/privacy/configs:2026-01`]],
  ])('pushes %s what can be used as it prints', async (_name, to) => {
    const file = join(folder, 'pushed.json');
    writeFileSync(file, REMOVES);
    const places = typeof to === 'function' ? to() : to;
    const [latest, exact] = printed(await run('push', file, ...places));
    for (const parameters of [latest, exact]) await expectNoNames(await complete(parameters ?? {}));
    expect(Object.keys(exact ?? {}).join()).toMatch(/Etag|CollectionReference/);
    expect(await run('list', ...places.slice(1))).toMatch(/^pushed\.json {2}\d+ bytes/m);
    expect(await run('show', 'pushed.json', ...places.map((part) => part.replace('--to', '--from')))).toBe(
      REMOVES,
    );
  });

  it('pushes nothing that no export would take', async () => {
    const file = join(folder, 'wrong.json');
    writeFileSync(file, configuration([{ path: 'Patient.name', method: 'shred' }]));
    await expect(run('push', file)).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/fhirPathRules\[0\].*shred/) as string,
    });
    expect(await run('list')).not.toContain('wrong.json');
  });
});
