import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { join } from 'node:path';
import type { SourceBehaviour } from './behaviours.js';
import type { ExportBehaviour } from './bulk/behaviours.js';
import { Jobs } from './bulk/jobs.js';
import { BULK_DEFAULTS } from './bulk/options.js';
import type { FileServer } from './bulk/signature.js';
import { Collection } from './collection.js';
import { createFaultPlan, type Fault } from './faults.js';
import { createRequestHandler } from './handler.js';
import { resourceTypesOf } from './resourceTypes.js';
import type { SourceOptions } from './settings.js';

/** The next link of a search in a form holds all that was in the form. */
const MAX_HEADER_BYTES = 256 * 1024;

/** A sample FHIR source that is being served. */
export interface RunningSource {
  /** The FHIR base: `http://127.0.0.1:<port>/fhir`. */
  readonly url: string;
  /** Host and port of the server of signed files, where there is one. */
  readonly fileHost: string | undefined;
  /** Adds a resource; its `meta.lastUpdated` becomes the source's now. */
  insert(type: string, id: string, resourceText: string): void;
  /** Replaces a resource; its `meta.lastUpdated` becomes the source's now. */
  update(type: string, id: string, resourceText: string): void;
  delete(type: string, id: string): void;
  /** Replaces the faults from the next request on. */
  setFaults(faults: readonly Fault[]): void;
  /** Makes every next link given out so far answer 410. */
  expireCursors(): void;
  /** Ids of the exports that were not deleted, in the order of their kick-offs. */
  readonly exports: readonly string[];
  /** Makes the status of every export so far answer 404, as a restart does. */
  forgetExports(): void;
  /** Ends all connections. */
  close(): Promise<void>;
}

/**
 * Serves a folder of NDJSON files as a FHIR server with search and `$export` on 127.0.0.1. Reads every file once before it
 * listens, to index it; resource texts stay on disk.
 */
export async function startSource(options: SourceOptions): Promise<RunningSource> {
  const settings = {
    port: 0,
    fhirVersion: '4.0.1' as const,
    maxCount: 1000,
    defaultCount: 100,
    clockOffsetMs: 0,
    paging: 'cursor' as const,
    unsupported: [],
    gzip: false,
    behaviours: [] as readonly SourceBehaviour[],
    faultSeed: 1,
    ...options,
    bulk: { ...BULK_DEFAULTS, ...options.bulk },
    ...(options.behaviours?.includes('versions-repeat') === true
      ? { paging: 'offset' as const, unsupported: [...(options.unsupported ?? []), '_sort'] }
      : {}),
  };
  const types = resourceTypesOf(settings.fhirVersion);
  const collections = openCollections(settings.directory, types);
  const now = () => Date.now() + settings.clockOffsetMs;
  const state = {
    faults: createFaultPlan(settings.faults ?? [], settings.faultSeed),
    cursorsValidFrom: 0,
    permits: { left: settings.requestsPerSecond ?? 0, at: 0 },
    jobs: new Jobs(),
    fileServer: undefined as FileServer | undefined,
    refusedTokens: new Set<string>(),
  };
  const context = { settings, types, collections, now, state };
  const servers = [await listen(createRequestHandler(context), settings.port)];
  const url = `http://127.0.0.1:${portOf(servers[0]!)}/fhir`;
  const ofFileServer: readonly ExportBehaviour[] = ['export-signed-files', 'export-redirected-files'];
  if (ofFileServer.some((name) => settings.behaviours.includes(name))) {
    const fileServer = { base: '', key: randomBytes(32) };
    servers.push(await listen(createRequestHandler(context, fileServer), 0));
    fileServer.base = `http://127.0.0.1:${portOf(servers[1]!)}/fhir`;
    state.fileServer = fileServer;
  }

  const collectionOf = (type: string): Collection => {
    if (!types.has(type)) throw new Error(`${type} is not a resource type of FHIR ${settings.fhirVersion}`);
    const collection = collections.get(type) ?? new Collection(type);
    collections.set(type, collection);
    return collection;
  };
  return {
    url,
    fileHost: state.fileServer && new URL(state.fileServer.base).host,
    insert(type, id, resourceText) {
      if (collectionOf(type).row(id) !== undefined) throw new Error(`${type}/${id} is there already`);
      collectionOf(type).put(id, resourceText, now());
    },
    update(type, id, resourceText) {
      if (collectionOf(type).row(id) === undefined) throw new Error(`There is no ${type}/${id}`);
      collectionOf(type).put(id, resourceText, now());
    },
    delete(type, id) {
      if (!collectionOf(type).remove(id, now())) throw new Error(`There is no ${type}/${id}`);
    },
    setFaults(faults) {
      state.faults = createFaultPlan(faults, settings.faultSeed);
    },
    expireCursors() {
      state.cursorsValidFrom = now() + 1;
    },
    get exports() {
      return state.jobs.ids;
    },
    forgetExports() {
      state.jobs.clear();
    },
    async close() {
      await Promise.all(servers.map(end));
      for (const collection of collections.values()) collection.close();
    },
  };
}

async function listen(handler: RequestListener, port: number): Promise<Server> {
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, handler);
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

async function end(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function openCollections(directory: string, types: ReadonlySet<string>): Map<string, Collection> {
  const collections = new Map<string, Collection>();
  for (const file of readdirSync(directory).sort()) {
    if (!file.endsWith('.ndjson')) continue;
    const type = file.slice(0, -'.ndjson'.length);
    if (!types.has(type)) throw new Error(`${join(directory, file)} is not named after a resource type`);
    collections.set(type, new Collection(type, join(directory, file)));
  }
  return collections;
}
