import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { BlobServiceClient } from '@azure/storage-blob';
import {
  DEVELOPMENT_KEY,
  developmentStorage,
  EXPORT_ACCOUNT,
  RUNTIME_ACCOUNT,
} from './developmentStorage.js';
import { storageFailure } from '../functions/adapters/storage/storage.js';
import { FHIR_VERSIONS, type FhirVersion } from '../functions/fhir/fhirVersion.js';
import { STORAGE } from '../functions/settings/storageSettings.js';
import { PROJECT_ROOT } from './paths.js';
import { PARTS, StackPorts } from './ports.js';
import { StackProcess } from './processes.js';
import { generateSample } from './sample/sample.js';

export interface StackOptions {
  /**
   * Overrides of the environment: `PORT`, `LOCAL_DATA`, `SAMPLE_DATA`, `AzureWebJobsScriptRoot` (the folder of the
   * app, the project's unless set), and every setting of the app.
   */
  environment?: Record<string, string | undefined>;
  /** What is done while the stack comes up and stops, a line each. */
  report?: (line: string) => void;
}

/** The embedded stack: storage, a source and the Functions host, each in a process of its own. */
export interface Stack {
  /** FHIR base of the app. */
  readonly baseUrl: string;
  readonly fhirServerUrl: string;
  /** `SOURCE_MODE`, as it was given. */
  readonly sourceMode: string;
  readonly fhirVersion: FhirVersion;
  /** Name of the sample configuration for it. */
  readonly sampleConfiguration: string;
  /** What names of containers end with: a container takes the output of one configuration, so each version has its own. */
  readonly containerSuffix: string;
  /** Connection string of the export storage account; `undefined` where it is reached with an identity. */
  readonly exportStorage: string | undefined;
  readonly runtimeStorage: string;
  readonly dataDirectory: string;
  readonly host: StackProcess;
  /** Starts the host again, after a kill, on the same port and data. */
  restartHost(): Promise<void>;
  stop(): Promise<void>;
}

/** Configurations that every stack has, in container `anonymization`. */
export const SAMPLE_CONFIGURATION = sampleConfiguration('R4');

function sampleConfiguration(version: FhirVersion): string {
  return `hipaa-safe-harbor-${version.toLowerCase()}.json`;
}

/** What the template sets for the process. */
const PROCESS_SETTINGS = {
  languageWorkers__node__arguments:
    '--max-http-header-size=65536 --max-semi-space-size=4 --max-old-space-size=1024',
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '262144',
};

const LOST_SECONDS =
  'storage was killed when it ran last: the storage emulator saves every five seconds, so what was written in its last seconds is lost. Exports that ran then go on; one that needs what is lost fails and says so, one that began in these seconds is unknown (404)';

/** MEMBERSHIP_KEY with the sample source. */
const SAMPLE_KEY = 'a key for patients who do not exist';

/** Starts the stack. `FHIR_SERVER_URL` or `EXPORT_STORAGE` in the environment are used instead of its own. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const environment = { ...process.env, ...options.environment };
  const fhirVersion = versionOf(environment['FHIR_VERSION']);
  checkStorage(environment);
  const report = options.report ?? ((): void => undefined);
  const dataDirectory = resolve(environment['LOCAL_DATA'] ?? '.local');
  const logDirectory = join(dataDirectory, 'log');
  mkdirSync(logDirectory, { recursive: true });
  const parts: StackProcess[] = [];
  const start = (
    { name, logFile, nodeArguments }: { name: string; logFile: string; nodeArguments?: string[] },
    module: string,
    more: Record<string, string>,
    args: string[] = [],
  ): StackProcess => {
    const part = new StackProcess({
      name,
      module: join(PROJECT_ROOT, 'dist', 'local', module),
      arguments: args,
      nodeArguments,
      environment: { ...environment, ...more },
      workingDirectory: PROJECT_ROOT,
      logFile: join(logDirectory, logFile),
    });
    parts.push(part);
    return part;
  };
  const stop = async (): Promise<void> => {
    // The host first: it still needs the others to end its work.
    for (const part of parts.splice(0).reverse()) {
      report(`stopping ${part.name}`);
      await part.stop();
    }
  };

  try {
    const ports = new StackPorts(dataDirectory, environment, report);
    const blobPort = await ports.take('storage');
    // Nothing but pseudonyms is in tables: the stand-in of the Functions host has its own histories.
    const hasTables = environment['PSEUDONYM_SERVICE']?.toLowerCase() === 'local';
    const tablePort = hasTables ? await ports.take('tables') : undefined;
    const account = (name: string): string => developmentStorage(name, blobPort, tablePort);
    const ownsExportStorage =
      !isSet(environment, 'EXPORT_STORAGE') && !isSet(environment, 'EXPORT_STORAGE__blobServiceUri');
    const exportStorage = ownsExportStorage ? account(EXPORT_ACCOUNT) : environment['EXPORT_STORAGE'];
    const runtimeStorage = environment['AzureWebJobsStorage'] ?? account(RUNTIME_ACCOUNT);
    if (ownsExportStorage || environment['AzureWebJobsStorage'] === undefined) {
      report(`starting storage (Azurite) on port ${blobPort}`);
      const location = join(dataDirectory, 'azurite');
      const unsaved = join(dataDirectory, 'azurite-unsaved');
      if (existsSync(unsaved)) report(LOST_SECONDS);
      mkdirSync(location, { recursive: true });
      const accounts = [RUNTIME_ACCOUNT, EXPORT_ACCOUNT]
        .map((name) => `${name}:${DEVELOPMENT_KEY}`)
        .join(';');
      const startAzurite = async (service: 'blob' | 'table', port: number): Promise<void> => {
        const isOfBlobs = service === 'blob';
        const variables = {
          AZURITE_ACCOUNTS: accounts,
          AZURITE_SERVICE: service,
          ...(isOfBlobs ? { AZURITE_UNSAVED_FILE: unsaved } : {}),
        };
        const part = isOfBlobs ? PARTS.storage : PARTS.tables;
        const azurite = start(
          { ...part, logFile: isOfBlobs ? 'azurite.log' : 'azurite-tables.log' },
          'azurite.js',
          variables,
          [
            `--${service}Host`,
            '127.0.0.1',
            `--${service}Port`,
            String(port),
            '--location',
            location,
            '--silent',
            '--disableTelemetry',
            '--skipApiVersionCheck',
          ],
        );
        await azurite.ready(() => answers(`http://127.0.0.1:${port}/`, () => true));
      };
      await startAzurite('blob', blobPort);
      if (tablePort !== undefined) await startAzurite('table', tablePort);
    }
    if (exportStorage !== undefined) {
      report('putting the sample configurations into container anonymization');
      await uploadSampleConfigurations(exportStorage).catch((error: unknown) => {
        throw storageFailure(error, 'EXPORT_STORAGE', 'the container anonymization');
      });
    }

    let fhirServerUrl = environment['FHIR_SERVER_URL'] ?? '';
    const hasSampleSource = fhirServerUrl === '';
    if (hasSampleSource) {
      const directory = sampleData(environment['SAMPLE_DATA'], fhirVersion, dataDirectory, report);
      const port = await ports.take('source');
      report(
        `starting the sample FHIR source (${fhirVersion}) on port ${port} with the data of ${directory}`,
      );
      fhirServerUrl = `http://127.0.0.1:${port}/fhir`;
      const source = start({ ...PARTS.source, logFile: 'source.log' }, 'source/main.js', {
        SAMPLE_DATA: directory,
        SOURCE_PORT: String(port),
      });
      await source.ready(() => answers(`${fhirServerUrl}/metadata`));
    }

    const { languageWorkers__node__arguments: workerArguments } = { ...PROCESS_SETTINGS, ...environment };
    // The host is its worker, too: it takes what is for the heap. Its limit of headers is that of the real host.
    const ofHeap = workerArguments
      .split(' ')
      .filter((argument) => argument !== '' && !argument.startsWith('--max-http-header-size='));
    const port = await ports.take('host');
    report(`starting the Functions host on port ${port}`);
    const baseUrl = `http://127.0.0.1:${port}/fhir`;
    const startHost = async (): Promise<StackProcess> => {
      const host = start({ ...PARTS.host, logFile: 'host.log', nodeArguments: ofHeap }, 'host/main.js', {
        PORT: String(port),
        LOCAL_DATA: dataDirectory,
        AzureWebJobsScriptRoot: environment['AzureWebJobsScriptRoot'] ?? PROJECT_ROOT,
        AzureWebJobsStorage: runtimeStorage,
        ...PROCESS_SETTINGS,
        languageWorkers__node__arguments: workerArguments,
        FHIR_SERVER_URL: fhirServerUrl,
        ...(exportStorage === undefined ? {} : { EXPORT_STORAGE: exportStorage }),
        // The patients of the sample source are invented. Of others, a key that everybody knows would protect nothing.
        ...(hasSampleSource && !isSet(environment, 'MEMBERSHIP_KEY') ? { MEMBERSHIP_KEY: SAMPLE_KEY } : {}),
      });
      await host.ready(() => answers(`http://127.0.0.1:${port}/healthz`));
      return host;
    };
    let host = await startHost();
    return {
      baseUrl,
      fhirServerUrl,
      sourceMode: environment['SOURCE_MODE'] || 'search',
      fhirVersion,
      sampleConfiguration: sampleConfiguration(fhirVersion),
      containerSuffix: fhirVersion === 'R4' ? '' : `-${fhirVersion.toLowerCase()}`,
      exportStorage,
      runtimeStorage,
      dataDirectory,
      get host() {
        return host;
      },
      async restartHost() {
        parts.splice(parts.indexOf(host), 1);
        host = await startHost();
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The version of the setting, before anything is started with it. */
function versionOf(text = ''): FhirVersion {
  const version = FHIR_VERSIONS.find((known) => known === (text || 'R4').toUpperCase());
  if (version === undefined) throw new Error(`FHIR_VERSION must be one of ${FHIR_VERSIONS.join(', ')}.`);
  return version;
}

/** Before anything is started. @throws Error */
function checkStorage(environment: Record<string, string | undefined>): void {
  for (const { name, readAll } of Object.values(STORAGE)) {
    const problems: string[] = [];
    if (isSet(environment, name)) readAll?.(environment, (problem) => problems.push(problem));
    if (problems.length > 0) throw new Error(`${problems.join('. ')}.`);
  }
}

function isSet(environment: Record<string, string | undefined>, name: string): boolean {
  return (environment[name] ?? '') !== '';
}

async function answers(
  url: string,
  isExpected = (status: number): boolean => status === 200,
): Promise<boolean> {
  try {
    const response = await fetch(url);
    await response.arrayBuffer();
    return isExpected(response.status);
  } catch {
    return false;
  }
}

/** The folder of the source's data: the one given, or generated once. */
function sampleData(
  given: string | undefined,
  fhirVersion: FhirVersion,
  dataDirectory: string,
  report: (line: string) => void,
): string {
  if (given !== undefined && given !== '') {
    const folder = resolve(given);
    if (!existsSync(folder)) throw new Error(`SAMPLE_DATA: the folder ${folder} does not exist.`);
    return folder;
  }
  const directory = join(
    dataDirectory,
    fhirVersion === 'R4' ? 'sample' : `sample-${fhirVersion.toLowerCase()}`,
  );
  if (!existsSync(directory)) {
    report(`generating the data of a sample hospital in ${directory}`);
    // Renamed when it is whole, so that an interrupted run leaves no half of a hospital.
    const partial = `${directory}-${process.pid}`;
    generateSample({ directory: partial, seed: 1, fhirVersion });
    renameSync(partial, directory);
  }
  return directory;
}

async function uploadSampleConfigurations(connectionString: string): Promise<void> {
  const container =
    BlobServiceClient.fromConnectionString(connectionString).getContainerClient('anonymization');
  await container.createIfNotExists();
  const directory = join(PROJECT_ROOT, 'configurations');
  for (const name of readdirSync(directory).filter((file) => file.endsWith('.json'))) {
    const text = await readFile(join(directory, name));
    await container.getBlockBlobClient(name).upload(text, text.byteLength, {
      blobHTTPHeaders: { blobContentType: 'application/json' },
    });
  }
}
