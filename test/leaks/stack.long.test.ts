import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AccountSASPermissions,
  AccountSASResourceTypes,
  AccountSASServices,
  BlobServiceClient,
  generateAccountSASQueryParameters,
  type SASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { describe, expect, it } from 'vitest';
import type { FhirVersion } from '../../functions/fhir/fhirVersion.js';
import { DEVELOPMENT_KEY, EXPORT_ACCOUNT } from '../../local/developmentStorage.js';
import { ExportClient, type Manifest } from '../../local/exportClient.js';
import { freePort } from '../../local/ports.js';
import type { Fault } from '../../local/source/faults.js';
import { startSource } from '../../local/source/source.js';
import type { SourceFhirVersion } from '../../local/source/settings.js';
import { startTestStack, type TestStack } from '../stack/harness.js';
import { writeCanaries } from './canaries.js';
import { leaksIn } from './leaks.js';

const SEED = Number(process.env['CANARY_SEED'] ?? Date.now() % 1_000_000);
const SOURCE_VERSIONS: Record<FhirVersion, SourceFhirVersion> = {
  STU3: '3.0.2',
  R4: '4.0.1',
  R4B: '4.3.0',
  R5: '5.0.0',
};
/** A key that a configuration names, a function key in the kick-off's URL, and a value of a search. */
const SECRETS = {
  anonymizationKey: 'CanaryKeyOfTheConfiguration4711',
  functionKey: 'CanaryKeyOfTheFunction4711',
  unknownParameter: 'CanaryOfAnUnknownParameter4711',
};

describe.each(Object.keys(SOURCE_VERSIONS) as FhirVersion[])(
  `a de-identified export of %s at the finest log level (CANARY_SEED=${SEED})`,
  (version) => {
    it('leaves no token and no key anywhere', async () => {
      await withCanaries(version, {}, async ({ test, expectNoLeak, resources }) => {
        const { text, manifest } = await exported(test, `hipaa-safe-harbor-${version.toLowerCase()}.json`);
        if (manifest === undefined) throw new Error(`The export failed: ${text}`);
        expect(manifest.extension['resourcesWritten']).toBe(
          // OperationOutcome in the answer to a search tells about the search, whatever was asked for.
          resources - 1,
        );
        await expectNoLeak(text);
      });
    }, 120_000);
  },
);

/** Of a resource with two given names this condition has no answer: the resource cannot be anonymized. */
const FAILING = {
  fhirVersion: 'R4',
  processingErrors: 'raise',
  fhirPathRules: [
    {
      path: "nodesByType('HumanName').where(given.startsWith('C') and suffix.single().exists())",
      method: 'redact',
    },
    { path: 'Resource.id', method: 'cryptoHash' },
  ],
  parameters: { cryptoHashKey: { secretName: 'canary' } },
};

describe(`an export that fails (CANARY_SEED=${SEED})`, () => {
  const cases: Array<[string, Fault[], number]> = [
    ['by a source that answers with half of a page', [{ kind: 'invalidJson', type: 'Patient' }], 500],
    ['by a source that cuts its pages', [{ kind: 'cut', type: 'Patient' }], 500],
    ['by a source that denies', [{ kind: 'status', status: 403, type: 'Patient' }], 500],
  ];
  it.each(cases)(
    '%s leaves no token and no key anywhere',
    async (_name, faults, status) => {
      await withCanaries('R4', { faults }, async ({ test, expectNoLeak }) => {
        const { text, answered } = await exported(test, 'hipaa-safe-harbor-r4.json');
        expect(answered).toBe(status);
        expect(text).toContain('OperationOutcome');
        await expectNoLeak(text);
      });
    },
    120_000,
  );

  it('by a resource that cannot be anonymized leaves no token and no key anywhere', async () => {
    await withCanaries('R4', { lines: twoGivenNames }, async ({ test, expectNoLeak }) => {
      await test.putConfiguration('failing.json', FAILING);
      const { text, answered } = await exported(test, 'failing.json');
      expect(`${answered}: ${text}`).toMatch(/^422: .*could not be anonymized/s);
      await expectNoLeak(text);
    });
  }, 120_000);

  it('in part, its resources reported, leaves no token and no key anywhere', async () => {
    await withCanaries('R4', { lines: twoGivenNames }, async ({ test, tokens, expectNoLeak }) => {
      const sample = JSON.parse(
        readFileSync(join(import.meta.dirname, '../../configurations/hipaa-safe-harbor-r4.json'), 'utf8'),
      ) as typeof FAILING;
      const skipping = {
        ...sample,
        fhirPathRules: [...FAILING.fhirPathRules.slice(0, 1), ...sample.fhirPathRules],
        parameters: { ...sample.parameters, ...FAILING.parameters },
      };
      await test.putConfiguration('skipping.json', skipping);
      const { text, manifest } = await exported(test, 'skipping.json');
      if (manifest === undefined) throw new Error(`The export failed: ${text}`);
      expect(manifest.error.length).toBeGreaterThan(0);
      expect(leaksIn(text, tokens)).toEqual([]);
      await expectNoLeak(text);
    });
  }, 120_000);
});

interface Canaried {
  test: TestStack;
  tokens: ReadonlyMap<string, string>;
  resources: number;
  /** Looks into everything the export has left, and into what is given. */
  expectNoLeak: (answers: string) => Promise<void>;
}

async function withCanaries(
  version: FhirVersion,
  options: { faults?: Fault[]; lines?: (line: string) => string },
  use: (canaried: Canaried) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'canaries-'));
  const { tokens, resources } = writeCanaries(directory, version, SEED, options.lines);
  const source = await startSource({
    directory,
    fhirVersion: SOURCE_VERSIONS[version],
    faults: options.faults ?? [],
  });
  const blobPort = await freePort(0);
  const sas = sharedAccessSignature();
  const test = await startTestStack({
    FHIR_SERVER_URL: source.url,
    FHIR_VERSION: version,
    AZURITE_BLOB_PORT: String(blobPort),
    EXPORT_STORAGE: `BlobEndpoint=http://127.0.0.1:${blobPort}/${EXPORT_ACCOUNT};SharedAccessSignature=${sas.toString()}`,
    ANONYMIZATION_SECRET_canary: SECRETS.anonymizationKey,
    AzureFunctionsJobHost__logging__logLevel__default: 'Trace',
    AZURE_LOG_LEVEL: 'verbose',
    SOURCE_MAX_ATTEMPTS: '2',
    ACTIVITY_MAX_ATTEMPTS: '2',
    ACTIVITY_RETRY_SECONDS: '1',
  });
  const expectNoLeak = async (answers: string): Promise<void> => {
    const places: Array<[string, string]> = [
      ['the answers', answers],
      ['the histories', filesBelow(join(test.stack.dataDirectory, 'durable'))],
      ['the logs', filesBelow(join(test.stack.dataDirectory, 'log'))],
      ['the output', await blobsOf(test.stack.exportStorage ?? '', ['anonymization'])],
      ['the state of the jobs', await blobsOf(test.stack.runtimeStorage, [])],
    ];
    // The finest level is on: of the app, the host and the storage SDK.
    expect(places[2]?.[1]).toMatch(/"level":"debug"[^]*azure:storage|azure:storage[^]*"level":"debug"/);
    for (const [place, text] of places) {
      expect(text.length, place).toBeGreaterThan(0);
      expect(leaksIn(text, tokens), place).toEqual([]);
      for (const secret of [...Object.values(SECRETS), DEVELOPMENT_KEY, sas.signature]) {
        // As it is, and as it stands in a URL.
        for (const form of [secret, encodeURIComponent(secret)]) {
          expect(text.includes(form), `${place}: a key that begins with ${form.slice(0, 6)}`).toBe(false);
        }
      }
    }
  };
  try {
    await use({ test, tokens, resources, expectNoLeak });
  } finally {
    await test.end();
    await source.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What the app gets of the export account instead of its key. */
function sharedAccessSignature(): SASQueryParameters {
  return generateAccountSASQueryParameters(
    {
      startsOn: new Date(Date.now() - 3_600_000),
      expiresOn: new Date(Date.now() + 86_400_000),
      permissions: AccountSASPermissions.parse('rwdlacu'),
      resourceTypes: AccountSASResourceTypes.parse('sco').toString(),
      services: AccountSASServices.parse('b').toString(),
    },
    new StorageSharedKeyCredential(EXPORT_ACCOUNT, DEVELOPMENT_KEY),
  );
}

/** Runs an export to its end; everything that was answered on the way. */
async function exported(
  { stack }: TestStack,
  configuration: string,
): Promise<{ text: string; answered: number; manifest: Manifest | undefined }> {
  const client = new ExportClient(stack.baseUrl);
  const answers: string[] = [];
  const statusUrl = await client.kickOff({
    _container: 'canaries',
    _anonymizationConfig: configuration,
    code: SECRETS.functionKey,
  });
  const refused = await fetch(`${stack.baseUrl}/$export?_unknown=${SECRETS.unknownParameter}`);
  answers.push(await refused.text());
  for (;;) {
    const response = await fetch(statusUrl);
    answers.push(JSON.stringify([...response.headers]), await response.text());
    const text = answers.join('\n');
    if ([202, 429].includes(response.status)) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      continue;
    }
    if (response.status !== 200) return { text, answered: response.status, manifest: undefined };
    const manifest = JSON.parse(answers.at(-1) ?? '') as Manifest;
    return { text, answered: 200, manifest };
  }
}

/** The resources as they are, but people with two given names. */
function twoGivenNames(line: string): string {
  return line.replaceAll(/"given":\["(Canary\w+)"\]/g, '"given":["$1","$1"]');
}

function filesBelow(directory: string): string {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.name}\n${readFileSync(join(entry.parentPath, entry.name), 'utf8')}`)
    .join('\n');
}

/** Names, metadata and contents of all blobs of an account. */
async function blobsOf(connectionString: string, except: string[]): Promise<string> {
  const service = BlobServiceClient.fromConnectionString(connectionString);
  const texts: string[] = [];
  for await (const { name: container } of service.listContainers()) {
    if (except.includes(container)) continue;
    const client = service.getContainerClient(container);
    for await (const blob of client.listBlobsFlat({ includeMetadata: true })) {
      // A job that failed is still deleting its files.
      const content = await client
        .getBlobClient(blob.name)
        .downloadToBuffer()
        .catch(() => Buffer.alloc(0));
      texts.push(container, blob.name, JSON.stringify(blob.metadata ?? {}), content.toString('utf8'));
    }
    texts.push(container);
  }
  return texts.join('\n');
}
