import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExportErrorCode } from '../../functions/common/errors.js';
import { CANARY } from '../../local/source/bulk/behaviours.js';
import type { SourceOptions } from '../../local/source/settings.js';
import { type RunningSource, startSource } from '../../local/source/source.js';
import { startTestStorage, type TestStorage } from './harness.js';
import { type Asked, keysOf, runJob, type RunJob, type Running } from './runJob.js';

const PATIENTS = 12;
export const TOKEN = 'Bearer token-of-the-source';
const META = { lastUpdated: '2025-01-01T00:00:00Z', versionId: '1' };

/** Resources of a small source, by type. */
const RESOURCES: Readonly<Record<string, ReadonlyArray<{ id: string; [element: string]: unknown }>>> = {
  Patient: patients((nth) => [{ id: `p${nth}`, meta: META }]),
  Observation: patients((nth) =>
    [0, 1].map((of) => ({ id: `o${nth}-${of}`, meta: META, subject: { reference: `Patient/p${nth}` } })),
  ),
  Organization: [{ id: 'org', meta: META }],
  Group: [
    {
      id: 'g',
      meta: META,
      type: 'person',
      actual: true,
      member: [0, 1].map((nth) => ({ entity: { reference: `Patient/p${nth}` } })),
    },
  ],
};

function patients<T>(rowsOf: (nth: number) => T[]): T[] {
  return Array.from({ length: PATIENTS }, (_, nth) => rowsOf(nth)).flat();
}

/** `Type/id` of all of them. */
const KEYS = Object.entries(RESOURCES).flatMap(([type, rows]) => rows.map(({ id }) => `${type}/${id}`));

/** A request that the source, or the server of its files, saw. */
export interface SeenRequest {
  method: string;
  /** Below the base. */
  path: string;
  /** Raw. */
  query: string;
  headers: IncomingHttpHeaders;
}

/** An answer of the source, to be altered. */
export interface Altered {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

/** One habit or fault of a source, and what becomes of an export of it. */
export interface BulkRow {
  /** Whether it is left to the long tests. */
  isLong?: true;
  behaviours?: SourceOptions['behaviours'];
  faults?: SourceOptions['faults'];
  bulk?: SourceOptions['bulk'];
  /** Of `Running`. */
  attempts?: number;
  polled?: Running['polled'];
  jumpMs?: number;
  /** Whether the app has a token for the source. */
  hasToken?: boolean;
  asked?: Partial<Asked>;
  environment?: (source: RunningSource) => Record<string, string>;
  /** Called before each request is answered. */
  before?: ((request: SeenRequest, source: RunningSource) => void) | undefined;
  /** Changes what the source answers. */
  alter?: (answer: Altered, request: { path: string; headers: IncomingHttpHeaders }) => Altered;
  /** What is exported; all unless it says otherwise. */
  keys?: (key: string) => boolean;
  /** How the export ends, where it fails. */
  fails?: { code: ExportErrorCode; words: RegExp };
  /** Exports that the app cannot delete at the source, since it does not know them, or is not let in. */
  leavesExports?: number;
  check?: (ended: Ended) => void | Promise<void>;
}

export interface Ended {
  /** `undefined` where it failed. */
  run: RunJob | undefined;
  requests: SeenRequest[];
  source: RunningSource;
  /** All that left the steps. */
  seen: string;
}

/** Where the small source's data is. */
class BulkSourceData {
  readonly directory = mkdtempSync(join(tmpdir(), 'fhir-bulk-'));

  constructor() {
    for (const [resourceType, rows] of Object.entries(RESOURCES)) {
      const lines = rows.map((row) => JSON.stringify({ resourceType, ...row }));
      writeFileSync(join(this.directory, `${resourceType}.ndjson`), `${lines.join('\n')}\n`);
    }
  }

  remove(): void {
    rmSync(this.directory, { recursive: true });
  }
}

/** Tests of those rows of the tables that are meant. */
export function describeRows(
  tables: Readonly<Record<string, Readonly<Record<string, BulkRow>>>>,
  isMeant: (row: BulkRow) => boolean,
): void {
  let storage: TestStorage;
  let data: BulkSourceData;
  beforeAll(async () => {
    storage = await startTestStorage();
    data = new BulkSourceData();
  });
  afterAll(async () => {
    await storage.end();
    data.remove();
  });
  const meantOf = Object.entries(tables).map(([name, rows]) => ({
    name,
    meant: Object.entries(rows).filter(([, row]) => isMeant(row)),
  }));
  const tried = meantOf.filter(({ meant }) => meant.length > 0);
  describe.each(tried)('an export of a source $name', ({ meant }) => {
    describe.concurrent('', () => {
      it.each(meant)('%s', (__, row) => expectRow(storage, data, row));
    });
  });
}

/**
 * Runs an export of a source that has a habit or fault, and checks how it ends: complete with every resource once, or
 * with an error in plain words and without a file; the source's own export deleted; and nowhere a text or URL of it.
 */
async function expectRow(storage: TestStorage, { directory }: BulkSourceData, row: BulkRow): Promise<void> {
  const requests: SeenRequest[] = [];
  const { behaviours = [], faults = [], bulk = {} } = row;
  const source: RunningSource = await startSource({
    directory,
    behaviours,
    faults,
    bulk: { polls: 1, linesPerFile: 10, ...bulk },
    onRequest: (request) => {
      requests.push(request);
      row.before?.(request, source);
    },
  });
  const altering = row.alter === undefined ? undefined : await startAltering(source.url, row.alter);
  const seen: string[] = [];
  try {
    const asked = { level: { kind: 'system' } as const, ...row.asked };
    const environment: Record<string, string> = {
      SOURCE_MODE: 'bulk',
      SOURCE_MAX_ATTEMPTS: '2',
      ...(row.hasToken === true ? { SOURCE_AUTHENTICATION: 'header', SOURCE_HEADER_VALUE: TOKEN } : {}),
      ...row.environment?.(source),
    };
    const { attempts = 2, polled, jumpMs = 0 } = row;
    const base = environment['FHIR_SERVER_URL'] ?? altering?.url ?? source.url;
    const running = {
      workers: 4,
      jumpMs,
      attempts,
      seen: (text: string) => seen.push(text),
      ...(polled ? { polled } : {}),
    };
    const ended = await runJob(storage, base, asked, environment, running).then(
      (run) => ({ run, error: undefined }),
      (error: unknown) => ({ run: undefined, error }),
    );
    const { run, error } = ended;
    if (row.fails === undefined) {
      if (error !== undefined) throw error;
      expect(keysOf(run?.resources ?? [])).toEqual(KEYS.filter(row.keys ?? (() => true)).toSorted());
    } else {
      expect(error).toMatchObject({
        code: row.fails.code,
        message: expect.stringMatching(row.fails.words) as string,
      });
    }
    expect(source.exports).toHaveLength(row.leavesExports ?? 0);
    const text = seen.join('\n');
    const shown = [text, JSON.stringify([run?.manifest, run?.report, run?.texts])].join('\n');
    for (const secret of SECRETS) expect(shown).not.toContain(secret);
    await row.check?.({ run, requests, source, seen: text });
  } finally {
    await altering?.close();
    await source.close();
  }
}

/** Words of a patient, of a signed URL, of the names of the source's files and of the token. */
const SECRETS = [CANARY, ...CANARY.split(' '), 'sig=', 'export-files', 'export-status', TOKEN, '.ndjson?'];

/** A server in front of the source that alters its answers. Links of the source lead to it. */
async function startAltering(
  url: string,
  alter: NonNullable<BulkRow['alter']>,
): Promise<{ url: string; close: () => Promise<void> }> {
  const { hostname, port } = new URL(url);
  const server = createServer((request, response) => {
    const answer = async (): Promise<void> => {
      const { method, headers, url: target = '/' } = request;
      const onward = forward({ hostname, port, method, path: target, headers });
      request.pipe(onward);
      const [given] = (await once(onward, 'response')) as [IncomingMessage];
      const { 'transfer-encoding': _, 'content-length': __, ...own } = given.headers;
      const path = target.replace(/^\/fhir\//, '');
      const whole = { status: given.statusCode ?? 500, headers: own, body: await bodyOf(given) };
      const altered = alter(whole, { path, headers });
      for (const [name, value] of Object.entries(altered.headers)) {
        if (value !== undefined) response.setHeader(name, value);
      }
      response.writeHead(altered.status).end(altered.body);
    };
    answer().catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/fhir`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
