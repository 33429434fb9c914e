import { randomUUID } from 'node:crypto';
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
import { expect } from 'vitest';
import { REPORT_FILES } from '../../functions/export/output/manifest.js';
import { FHIR_VERSION_NUMBERS, type FhirVersion } from '../../functions/fhir/fhirVersion.js';
import {
  DEVELOPMENT_KEY,
  developmentStorage,
  EXPORT_ACCOUNT,
  RUNTIME_ACCOUNT,
} from '../../local/developmentStorage.js';
import { ExportClient, type Manifest } from '../../cli/export/exportClient.js';
import { freePort } from '../../local/ports.js';
import { type RunningSource, startSource } from '../../local/source/source.js';
import { reportsIn } from '../stack/reportTexts.js';
import { startTestStack, type TestStack } from '../stack/harness.js';
import { type CanaryOptions, writeCanaries } from './canaries.js';
import { leaksIn } from './leaks.js';
import { SEED } from '../random.js';

/** A key that a configuration names, a function key in the kick-off's URL, and a value of a search. */
const SECRETS = {
  anonymizationKey: 'CanaryKeyOfTheConfiguration4711',
  functionKey: 'CanaryKeyOfTheFunction4711',
  unknownParameter: 'CanaryOfAnUnknownParameter4711',
};

/** An export's end: everything that was answered on the way, and the manifest if there is one. */
export interface Ended {
  text: string;
  answered: number;
  manifest: Manifest | undefined;
}

/** A stack at the finest log level whose source has a token of its own in every element that identifies. */
export interface CanaryStack {
  test: TestStack;
  source: RunningSource;
  tokens: ReadonlyMap<string, string>;
  /** Runs an export to its end, of the types given or of what is exported without any, of the system unless it is of patients. */
  exported(configuration: string, types?: readonly string[], level?: 'system' | 'patient'): Promise<Ended>;
  /** The types of which the source has a resource. */
  types: readonly string[];
  /** Looks into everything that all exports so far have left, and into what is given. */
  expectNoLeak(answers: string): Promise<void>;
  end(): Promise<void>;
}

/** How the source is read. */
export type CanaryMode = 'search' | 'bulk' | 'files';

/** The container with the files that are the source. */
const SOURCE_CONTAINER = 'canary-source';

export async function startCanaryStack(
  version: FhirVersion,
  options?: CanaryOptions,
  mode: CanaryMode = 'search',
): Promise<CanaryStack> {
  const directory = mkdtempSync(join(tmpdir(), 'canaries-'));
  const { tokens } = writeCanaries(directory, version, SEED, options);
  const source = await startSource({
    directory,
    fhirVersion: FHIR_VERSION_NUMBERS[version],
    ...(mode === 'bulk' ? { bulk: { polls: 1 } } : {}),
  });
  const blobPort = await freePort(0);
  const sas = sharedAccessSignature();
  const test = await startTestStack({
    FHIR_SERVER_URL: source.url,
    FHIR_VERSION: version,
    // What a thread of its own sends to the host's could leak, too.
    WORKER_THREADS: '1',
    AZURITE_BLOB_PORT: String(blobPort),
    EXPORT_STORAGE: `BlobEndpoint=http://127.0.0.1:${blobPort}/${EXPORT_ACCOUNT};SharedAccessSignature=${sas.toString()}`,
    ANONYMIZATION_SECRET_canary: SECRETS.anonymizationKey,
    AzureFunctionsJobHost__logging__logLevel__default: 'Trace',
    AZURE_LOG_LEVEL: 'verbose',
    SOURCE_MAX_ATTEMPTS: '2',
    ACTIVITY_MAX_ATTEMPTS: '2',
    ACTIVITY_RETRY_SECONDS: '1',
    SOURCE_MODE: mode,
    ...(mode === 'files'
      ? { SOURCE_STORAGE: developmentStorage(RUNTIME_ACCOUNT, blobPort), SOURCE_CONTAINER }
      : {}),
  });
  if (mode === 'files') {
    for (const file of readdirSync(directory))
      await putSourceFile(test, file, readFileSync(join(directory, file), 'utf8'));
  }
  const expectNoLeak = async (answers: string): Promise<void> => {
    const places: Array<[string, string]> = [
      ['the answers', answers],
      ['the histories', filesBelow(join(test.stack.dataDirectory, 'durable'))],
      ['the logs', filesBelow(join(test.stack.dataDirectory, 'log'))],
      ['the output', await blobsOf(test.stack.exportStorage ?? '', ['anonymization'])],
      ['the state of the jobs', await blobsOf(test.stack.runtimeStorage, [SOURCE_CONTAINER])],
    ];
    // The finest level is on: of the app, the host and the storage SDK.
    expect(places[2]?.[1]).toMatch(/"level":"debug"[^]*azure:storage|azure:storage[^]*"level":"debug"/);
    for (const [place, text] of places) {
      expect(text.length, place).toBeGreaterThan(0);
      expect(leaksIn(text, tokens), place).toEqual([]);
      for (const secret of [...Object.values(SECRETS), DEVELOPMENT_KEY, sas.signature]) {
        // As it is, and as it is in a URL.
        for (const form of [secret, encodeURIComponent(secret)]) {
          expect(text.includes(form), `${place}: a key that begins with ${form.slice(0, 6)}`).toBe(false);
        }
      }
    }
  };
  return {
    test,
    source,
    tokens,
    types: readdirSync(directory).map((file) => file.replace('.ndjson', '')),
    exported: (configuration, types, level) => exported(test, configuration, types, level),
    expectNoLeak,
    async end() {
      await test.end();
      await source.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function putSourceFile({ stack }: TestStack, name: string, text: string): Promise<void> {
  const files = BlobServiceClient.fromConnectionString(stack.runtimeStorage).getContainerClient(
    SOURCE_CONTAINER,
  );
  await files.createIfNotExists();
  await files.getBlockBlobClient(name).upload(text, Buffer.byteLength(text));
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
  types?: readonly string[],
  kind: 'system' | 'patient' = 'system',
): Promise<Ended> {
  const client = new ExportClient(stack.baseUrl);
  const answers: string[] = [];
  const { statusUrl } = await client.start({
    level: { kind },
    method: 'GET',
    parameters: Object.entries({
      // Of its own: a container takes the data of one configuration.
      _container: `canaries-${randomUUID()}`,
      _anonymizationConfig: configuration,
      ...(types === undefined ? {} : { _type: types.join() }),
      code: SECRETS.functionKey,
    }),
    preferences: ['bulk-data-version=2.0.0'],
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

/** A de-identified export of all types of a version, or of those chosen, in which nothing of the source is left. */
export async function expectExportWithoutLeak(
  version: FhirVersion,
  options?: CanaryOptions,
  mode: CanaryMode = 'search',
): Promise<void> {
  const canaries = await startCanaryStack(version, options, mode);
  try {
    // Binary is exported only where it is asked for.
    const { text, manifest } = await canaries.exported(
      `hipaa-safe-harbor-${version.toLowerCase()}.json`,
      canaries.types,
    );
    if (manifest === undefined) throw new Error(`The export failed: ${text}`);
    expect(manifest.extension['resourcesWritten']).toBe(
      // OperationOutcome in the answer to a search is about the search, whatever was asked for.
      canaries.types.filter((type) => mode !== 'search' || type !== 'OperationOutcome').length,
    );
    await canaries.expectNoLeak(text);
    // What was looked through has the reports.
    const reports = await reportsIn(
      BlobServiceClient.fromConnectionString(canaries.test.stack.exportStorage ?? ''),
    );
    expect(reports).toHaveLength(Object.keys(REPORT_FILES).length);
  } finally {
    await canaries.end();
  }
}
