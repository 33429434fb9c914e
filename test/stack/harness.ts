import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobServiceClient } from '@azure/storage-blob';
import type { Manifest } from '../../cli/export/exportClient.js';
import { developmentStorage, EXPORT_ACCOUNT } from '../../local/developmentStorage.js';
import { type Stack, startStack } from '../../local/stack.js';
import { startEmulator } from '../adapters/azurite.js';
import { expectNoIdentityIn, linesBelow, reportsIn } from './reportTexts.js';

/** A stack of a test's own: free ports, an empty folder. */
export interface TestStack {
  stack: Stack;
  /** Puts a configuration into the container of the configurations. */
  putConfiguration(name: string, configuration: object): Promise<void>;
  /** Puts a file into a container, which is made if need be. */
  putBlob(container: string, name: string, text: string): Promise<void>;
  blobText(container: string, name: string): Promise<string>;
  /** Names of all blobs of a container. */
  blobNames(container: string): Promise<string[]>;
  /** All private state of the jobs, as one text. */
  stateText(): Promise<string>;
  end(): Promise<void>;
}

/** The storage of a stack alone. */
export interface TestStorage {
  stack: Pick<Stack, 'exportStorage' | 'runtimeStorage'>;
  end(): Promise<void>;
}

/** Starts what tests need that run the app's own functions in their process: storage, and neither host nor source. */
export async function startTestStorage(): Promise<TestStorage> {
  const emulator = await startEmulator();
  const { port, connectionString } = emulator;
  return {
    stack: { exportStorage: developmentStorage(EXPORT_ACCOUNT, port), runtimeStorage: connectionString },
    end: () => emulator.stop(),
  };
}

/**
 * Starts the built app in an embedded stack. Ports are free ones, so that tests run beside anything else. Slices run on
 * the host's own thread unless a test sets `WORKER_THREADS`: the start of a thread costs as much as a small export.
 */
export async function startTestStack(environment: Record<string, string>): Promise<TestStack> {
  const directory = mkdtempSync(join(tmpdir(), 'fhir-export-'));
  const stack = await startStack({
    environment: {
      PORT: '0',
      SOURCE_PORT: '0',
      AZURITE_BLOB_PORT: '0',
      AZURITE_TABLE_PORT: '0',
      LOCAL_DATA: directory,
      WORKER_THREADS: '0',
      ...environment,
    },
  });
  const storage = BlobServiceClient.fromConnectionString(stack.exportStorage ?? '');
  return {
    stack,
    async putConfiguration(name, configuration) {
      const text = JSON.stringify(configuration);
      await storage
        .getContainerClient('anonymization')
        .getBlockBlobClient(name)
        .upload(text, Buffer.byteLength(text));
    },
    async putBlob(container, name, text) {
      const own = storage.getContainerClient(container);
      await own.createIfNotExists();
      await own.getBlockBlobClient(name).upload(text, Buffer.byteLength(text));
    },
    async blobText(container, name) {
      const blob = storage.getContainerClient(container).getBlobClient(name);
      return (await blob.downloadToBuffer()).toString('utf8');
    },
    async blobNames(container) {
      const names: string[] = [];
      for await (const blob of storage.getContainerClient(container).listBlobsFlat()) names.push(blob.name);
      return names;
    },
    async stateText() {
      const state = BlobServiceClient.fromConnectionString(stack.runtimeStorage).getContainerClient(
        'fhir-export-jobs',
      );
      const texts: string[] = [];
      for await (const { name } of state.listBlobsFlat()) {
        texts.push((await state.getBlobClient(name).downloadToBuffer()).toString('utf8'));
      }
      return texts.join('\n');
    },
    async end() {
      try {
        const given = environment['SAMPLE_DATA'];
        const folders =
          given === undefined
            ? ['sample', 'sample-stu3', 'sample-r4b', 'sample-r5'].map((name) => join(directory, name))
            : [given];
        expectNoIdentityIn(await reportsIn(storage), folders.flatMap(linesBelow));
      } finally {
        await stack.stop();
        rmSync(directory, { recursive: true, force: true });
      }
    },
  };
}

/** Waits until the status may be asked for again: who asks earlier is refused after some times. */
export async function untilNextPoll(answer: Pick<Response, 'headers'>): Promise<void> {
  const seconds = Number(answer.headers.get('retry-after') ?? 1);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** Downloads all output files; lines by resource type. */
export async function downloadLines(manifest: Manifest): Promise<Map<string, string[]>> {
  const lines = new Map<string, string[]>();
  for (const { type, url, count } of manifest.output) {
    const response = await fetch(url);
    const text = await response.text();
    if (!response.ok || !text.endsWith('\n')) throw new Error(`A file of ${type} cannot be read as a whole.`);
    const own = text.slice(0, -1).split('\n');
    if (own.length !== count)
      throw new Error(`The manifest counts ${count} ${type}, the file has ${own.length}.`);
    lines.set(type, [...(lines.get(type) ?? []), ...own]);
  }
  return lines;
}
