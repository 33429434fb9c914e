import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { BlobServiceClient } from '@azure/storage-blob';
import {
  DEVELOPMENT_KEY,
  developmentStorage,
  EXPORT_ACCOUNT,
  RUNTIME_ACCOUNT,
} from '../../local/developmentStorage.js';
import type { DurableFaults } from '../../local/host/durable/deliveryFaults.js';
import { PROJECT_ROOT } from '../../local/paths.js';
import { freePort } from '../../local/ports.js';
import { StackProcess } from '../../local/processes.js';
import { generateSample } from '../../local/sample/sample.js';
import { startSource, type RunningSource } from '../../local/source/source.js';
import type { SourceOptions } from '../../local/source/settings.js';
import { PLAIN_SETTING, type Setting } from './asked.js';
import { StorageProxy } from './storageProxy.js';

/** Keeps ids, so that output and source can be compared resource by resource. */
const CONFIGURATION = {
  fhirVersion: 'R4',
  fhirPathRules: [{ path: "nodesByType('HumanName')", method: 'redact' }],
  parameters: {},
};
export const CONFIGURATION_NAME = 'keeps-ids.json';

/** Small, so that faults meet every step and an export takes a second or two. */
const APP_SETTINGS = {
  // One is enough to have slices on a thread of their own, and quicker to start.
  WORKER_THREADS: '1',
  PAGE_SIZE: '15',
  SLICE_MAX_PAGES: '2',
  PARALLEL_PARTITIONS: '3',
  SOURCE_TIMEOUT_SECONDS: '2',
  SOURCE_MAX_ATTEMPTS: '3',
  ACTIVITY_MAX_ATTEMPTS: '5',
  ACTIVITY_RETRY_SECONDS: '1',
  DURABLE_REDELIVERY_DELAY_SECONDS: '0.3',
};
const PATIENTS = 8;
/** Few types, so that an export is quick; some of many pages, some of one. */
const TYPES = ['Patient', 'Observation', 'Encounter', 'Condition', 'Practitioner', 'Organization', 'Group'];
const RESTART_MS = 20;

/**
 * The stack of the fault runs: one storage emulator with a proxy in front, and the host of the app, which is
 * brought up again whenever it ends, as a platform does. The source is another one for each run, on one port.
 */
export class FaultStack {
  readonly baseUrl: string;
  readonly proxy: StorageProxy;
  /** The storage accounts, past the proxy. */
  readonly exports: BlobServiceClient;
  readonly runtime: BlobServiceClient;
  readonly sampleDirectory: string;
  readonly #directory: string;
  readonly #azurite: StackProcess;
  readonly #ports: { app: number; source: number };
  #durableFaults: DurableFaults = {};
  #setting: Setting = PLAIN_SETTING;
  #host: StackProcess | undefined;
  #source: RunningSource | undefined;
  #supervising: Promise<void> = Promise.resolve();
  #isDown = true;
  /** How often the host has ended, by itself or not. */
  ends = 0;

  private constructor(
    directory: string,
    azurite: StackProcess,
    storagePort: number,
    proxy: StorageProxy,
    ports: { app: number; source: number },
  ) {
    this.#directory = directory;
    this.#azurite = azurite;
    this.#ports = ports;
    this.proxy = proxy;
    this.baseUrl = `http://127.0.0.1:${ports.app}/fhir`;
    this.sampleDirectory = join(directory, 'sample');
    const direct = (account: string): BlobServiceClient =>
      BlobServiceClient.fromConnectionString(developmentStorage(account, storagePort));
    this.exports = direct(EXPORT_ACCOUNT);
    this.runtime = direct(RUNTIME_ACCOUNT);
  }

  static async start(): Promise<FaultStack> {
    const directory = mkdtempSync(join(tmpdir(), 'fhir-export-faults-'));
    mkdirSync(join(directory, 'azurite'));
    const sample = join(directory, 'sample');
    generateSample({ directory: sample, patients: PATIENTS, seed: 1 });
    for (const file of readdirSync(sample)) {
      if (!TYPES.includes(file.replace('.ndjson', ''))) rmSync(join(sample, file));
    }
    const storagePort = await freePort(0);
    const azurite = new StackProcess({
      name: 'storage',
      module: join(PROJECT_ROOT, 'dist', 'local', 'azurite.js'),
      arguments: [
        ...['--blobHost', '127.0.0.1', '--blobPort', String(storagePort)],
        ...['--location', join(directory, 'azurite'), '--silent', '--disableTelemetry'],
        '--skipApiVersionCheck',
      ],
      environment: {
        ...process.env,
        AZURITE_ACCOUNTS: [RUNTIME_ACCOUNT, EXPORT_ACCOUNT]
          .map((name) => `${name}:${DEVELOPMENT_KEY}`)
          .join(';'),
      },
      workingDirectory: PROJECT_ROOT,
      logFile: join(directory, 'azurite.log'),
    });
    await azurite.ready(() => answers(`http://127.0.0.1:${storagePort}/`));
    const ports = { app: await freePort(0), source: await freePort(0) };
    const proxy = await StorageProxy.start(storagePort);
    const stack = new FaultStack(directory, azurite, storagePort, proxy, ports);
    const container = stack.exports.getContainerClient('anonymization');
    await container.createIfNotExists();
    const text = JSON.stringify(CONFIGURATION);
    await container.getBlockBlobClient(CONFIGURATION_NAME).upload(text, Buffer.byteLength(text));
    await stack.#putSampleFiles();
    return stack;
  }

  /** Where the host and the storage write what they have to say, and where the histories are. */
  get logFiles(): { host: string; histories: string } {
    return { host: join(this.#directory, 'host.log'), histories: join(this.#directory, 'durable') };
  }

  get source(): RunningSource {
    if (this.#source === undefined) throw new Error('No source is running.');
    return this.#source;
  }

  /** Brings up source and host for a run; a host that is up and has the same faults stays. */
  async begin(
    source: Pick<SourceOptions, 'unsupported' | 'paging' | 'faults' | 'faultSeed'>,
    durableFaults: DurableFaults,
    setting: Setting,
  ): Promise<void> {
    this.proxy.reset();
    await this.#source?.close();
    this.#source = await startSource({
      ...source,
      ...setting.source,
      gzip: setting.isPacked,
      directory: this.sampleDirectory,
      port: this.#ports.source,
    });
    const isSame =
      JSON.stringify(durableFaults) === JSON.stringify(this.#durableFaults) &&
      JSON.stringify(this.#environmentOf(setting)) === JSON.stringify(this.#environmentOf(this.#setting));
    if (this.#isDown || !isSame) {
      await this.stopHost();
      this.#durableFaults = durableFaults;
      this.#setting = setting;
      this.#isDown = false;
      await this.#startHost();
      this.#supervising = this.#supervise();
    }
  }

  /** Ends the host at once, as a crash would. It comes back. */
  kill(): void {
    void this.#host?.kill();
  }

  /** Runs the timer of the clean-up now. */
  async cleanUp(): Promise<void> {
    await fetch(new URL('/admin/functions/cleanUp', this.baseUrl), { method: 'POST' }).catch(() => undefined);
  }

  /** Forgets the histories of former runs, which each start of the host would read. */
  async forgetHistories(): Promise<void> {
    await this.stopHost();
    rmSync(join(this.#directory, 'durable'), { recursive: true, force: true });
  }

  async stopHost(): Promise<void> {
    this.#isDown = true;
    await this.#host?.stop();
    await this.#supervising;
  }

  async end(): Promise<void> {
    await this.stopHost();
    await this.#source?.close();
    await this.proxy.close();
    await this.#azurite.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** The sample as files, compressed and not. */
  async #putSampleFiles(): Promise<void> {
    for (const isPacked of [false, true]) {
      const container = this.runtime.getContainerClient(sampleContainer(isPacked));
      await container.createIfNotExists();
      for (const file of readdirSync(this.sampleDirectory)) {
        const plain = readFileSync(join(this.sampleDirectory, file));
        const [name, bytes] = isPacked ? [`${file}.gz`, gzipSync(plain)] : [file, plain];
        await container.getBlockBlobClient(name).upload(bytes, bytes.length);
      }
    }
  }

  #environmentOf({ mode, isPacked, environment }: Setting): Record<string, string> {
    const ofFiles = {
      SOURCE_STORAGE: developmentStorage(RUNTIME_ACCOUNT, this.proxy.port),
      SOURCE_CONTAINER: sampleContainer(isPacked),
    };
    return { SOURCE_MODE: mode, ...(mode === 'files' ? ofFiles : {}), ...environment };
  }

  async #startHost(): Promise<void> {
    const account = (name: string): string => developmentStorage(name, this.proxy.port);
    const host = new StackProcess({
      name: 'the Functions host',
      module: join(PROJECT_ROOT, 'dist', 'local', 'host', 'main.js'),
      environment: {
        ...process.env,
        ...APP_SETTINGS,
        ...this.#environmentOf(this.#setting),
        PORT: String(this.#ports.app),
        LOCAL_DATA: this.#directory,
        AzureWebJobsScriptRoot: PROJECT_ROOT,
        AzureWebJobsStorage: account(RUNTIME_ACCOUNT),
        EXPORT_STORAGE: account(EXPORT_ACCOUNT),
        FHIR_SERVER_URL: `http://127.0.0.1:${this.#ports.source}/fhir`,
        DURABLE_FAULTS: JSON.stringify(this.#durableFaults),
      },
      workingDirectory: PROJECT_ROOT,
      logFile: this.logFiles.host,
    });
    this.#host = host;
    const isReady = host.ready(() => answers(new URL('/healthz', this.baseUrl).href));
    await isReady.catch((error: unknown) => {
      // One that was killed meanwhile is started again.
      if (!host.hasEnded) throw error;
    });
  }

  /** Starts the host again whenever it has ended; a disk that was full has room again then. */
  async #supervise(): Promise<void> {
    while (!this.#isDown) {
      if (this.#host?.hasEnded === true) {
        this.ends++;
        const { diskBytes: _full, ...others } = this.#durableFaults;
        this.#durableFaults = others;
        await this.#startHost();
      }
      await new Promise((resolve) => setTimeout(resolve, RESTART_MS));
    }
  }
}

function sampleContainer(isPacked: boolean): string {
  return isPacked ? 'sample-packed' : 'sample';
}

async function answers(url: string): Promise<boolean> {
  try {
    await (await fetch(url)).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
