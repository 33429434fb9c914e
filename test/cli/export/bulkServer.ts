import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { ContentCounter } from '../../../functions/deid/run/contentCounter.js';
import { emptyTypeReport } from '../../../functions/deid/run/typeReport.js';
import { FhirModel } from '../../../functions/deid/model/fhirModel.js';
import { contentOf } from '../../../functions/export/records/content.js';
import { tapeOf } from '../../../functions/json/json.js';
import type { Clock } from '../../../cli/export/clock.js';

/** Answers a request in the server's place; `false` leaves it to the server. `attempt` begins with 1. */
export type Answer = (request: IncomingMessage, response: ServerResponse, attempt: number) => boolean;

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface ServedFile {
  readonly kind: 'output' | 'deleted' | 'error';
  readonly type: string;
  text: string;
}

/** Whatever is wrong, this is not to be printed. */
export const SECRET = 'MrsMiller';

/** Some files of an export, with a name in each line of a Patient. */
function someFiles(): Record<string, ServedFile> {
  const patients = Array.from(
    { length: 400 },
    (_, index) => `{"resourceType":"Patient","id":"p${index}","name":[{"family":"${SECRET}"}]}\n`,
  );
  return {
    'Patient-0-0-a.ndjson': { kind: 'output', type: 'Patient', text: patients.join('') },
    'Observation-1-0-b.ndjson': {
      kind: 'output',
      type: 'Observation',
      text: '{"resourceType":"Observation","id":"o","subject":{"reference":"Patient/p1"}}\n',
    },
    'deleted-2-0-c.ndjson': { kind: 'deleted', type: 'Bundle', text: '{"resourceType":"Bundle"}\n' },
    'OperationOutcome-d.ndjson': {
      kind: 'error',
      type: 'OperationOutcome',
      text: '{"resourceType":"OperationOutcome"}\n',
    },
  };
}

const linesOf = ({ text: content }: ServedFile): string[] =>
  content.split('\n').filter((line) => line !== '');

export const REPORT_PAGE = '<!doctype html><title>Report</title>';

/** A Bulk Data server with files, which misbehaves on demand. */
export class BulkServer {
  readonly seen: Seen[] = [];
  files = someFiles();
  /** How often the status is 202 before it is 200. */
  polls = 1;
  /** Of the manifest, in the place of what it would be. */
  manifestParts: Record<string, unknown> = {};
  hasReport = true;
  hasRanges = true;
  hasGzip = true;
  requiresAccessToken = true;
  /** Headers by which a file is known, beside its content. */
  validators: 'etag' | 'weak' | 'date' | 'none' = 'etag';
  onKickOff: Answer = () => false;
  onStatus: Answer = () => false;
  onFile: Answer = () => false;
  /** Below the origin of the server. */
  filesPath = '/files';
  /** Another server with the same files. */
  filesOrigin: string | undefined;
  /** Where clients see the server, when that is not where it is. */
  publicOrigin: string | undefined;
  readonly #server: Server;
  readonly #attempts = new Map<string, number>();

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async start(): Promise<BulkServer> {
    const server = new BulkServer();
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get base(): string {
    return `${this.origin}/fhir`;
  }

  get statusUrl(): string {
    return `${this.publicOrigin ?? this.origin}/fhir/status/1`;
  }

  requests(path: RegExp): Seen[] {
    return this.seen.filter(({ url }) => path.test(url));
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  manifest(): Record<string, unknown> {
    const rowsOf = (kind: ServedFile['kind']): object[] =>
      Object.entries(this.files)
        .filter(([, file]) => file.kind === kind)
        .map(([name, file]) => ({
          type: file.type,
          url: this.urlOf(name),
          count: linesOf(file).length,
        }));
    return {
      transactionTime: '2026-01-31T00:00:00Z',
      request: `${this.base}/$export`,
      requiresAccessToken: this.requiresAccessToken,
      output: rowsOf('output'),
      deleted: rowsOf('deleted'),
      error: rowsOf('error'),
      ...(this.hasReport ? { extension: { report: this.urlOf('report.json') } } : {}),
      ...this.manifestParts,
    };
  }

  urlOf(name: string): string {
    return `${this.filesOrigin ?? this.publicOrigin ?? this.origin}${this.filesPath}/${name}?sig=signature`;
  }

  report(): object {
    const files = Object.entries(this.files).filter(([, { kind }]) => kind !== 'error');
    const types = files
      .filter(([, { kind }]) => kind === 'output')
      .map(([, file]) => {
        const counter = new ContentCounter(FhirModel.of('R4'));
        const content = emptyTypeReport();
        for (const line of linesOf(file)) {
          const { tape, node } = tapeOf(line);
          counter.add(tape, node, content);
        }
        return { type: file.type, written: linesOf(file).length, content: contentOf(content) };
      });
    return {
      fhirVersion: 'R4',
      types,
      files: files.map(([name, file]) => ({
        type: file.type,
        name,
        count: linesOf(file).length,
        bytes: Buffer.byteLength(file.text),
        sha256: createHash('sha256').update(file.text).digest('hex'),
      })),
    };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    this.seen.push({ method, url, headers, body: await text(request) });
    const path = url.replace(/\?.*$/, '');
    const attempt = (this.#attempts.get(`${method} ${path}`) ?? 0) + 1;
    this.#attempts.set(`${method} ${path}`, attempt);
    if (path.endsWith('/$export')) {
      if (this.onKickOff(request, response, attempt)) return;
      response.writeHead(202, { 'content-location': this.statusUrl }).end();
    } else if (path.startsWith('/fhir/status/')) {
      if (this.onStatus(request, response, attempt)) return;
      if (method === 'DELETE') response.writeHead(202).end();
      else if (attempt <= this.polls)
        response.writeHead(202, { 'x-progress': `${attempt * 10}%`, 'retry-after': '2' }).end();
      else
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(this.manifest()));
    } else if (path.startsWith(`${this.filesPath}/`)) {
      if (this.onFile(request, response, attempt)) return;
      this.#sendFile(request, response, decodeURIComponent(path.slice(this.filesPath.length + 1)));
    } else response.writeHead(404).end();
  }

  #beside(name: string): string | undefined {
    if (name === 'report.json') return JSON.stringify(this.report());
    return name === 'report.html' ? REPORT_PAGE : undefined;
  }

  #sendFile({ headers }: IncomingMessage, response: ServerResponse, name: string): void {
    const content = this.#beside(name) ?? this.files[name]?.text;
    if (content === undefined) {
      response.writeHead(404).end();
      return;
    }
    const bytes = Buffer.from(content);
    const known = this.#validatorsOf(content);
    const range = /^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1];
    const condition = headers['if-range'];
    const isCurrent = condition === undefined || Object.values(known).includes(String(condition));
    if (range !== undefined && this.hasRanges && isCurrent) {
      const from = Number(range);
      if (from >= bytes.length)
        return void response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
      const place = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
      return void response
        .writeHead(206, { ...known, 'content-range': place, 'content-length': bytes.length - from })
        .end(bytes.subarray(from));
    }
    if (this.hasGzip && /gzip/.test(String(headers['accept-encoding']))) {
      const etag = known['etag'] === undefined ? {} : { etag: known['etag'].replace(/"$/, '-gzip"') };
      return void response
        .writeHead(200, { ...known, ...etag, 'content-encoding': 'gzip' })
        .end(gzipSync(bytes));
    }
    response.writeHead(200, { ...known, 'content-length': bytes.length }).end(bytes);
  }

  #validatorsOf(content: string): Record<string, string> {
    const digest = createHash('sha256').update(content).digest('hex').slice(0, 8);
    switch (this.validators) {
      case 'etag':
        return { etag: `"${digest}"` };
      case 'weak':
        return { etag: `W/"${digest}"` };
      case 'date':
        return { 'last-modified': new Date(Number.parseInt(digest, 16) * 100).toUTCString() };
      case 'none':
        return {};
    }
  }
}

/**
 * Sends the first half of a body, coded as it is asked for, and cuts the connection when the client has saved some of it.
 * @param folder where the client saves
 */
export function cutInHalf(server: BulkServer, name: string, folder: string): Answer {
  return (request, response) => {
    const bytes = Buffer.from(server.files[name]?.text ?? '');
    // Without compression, so that half of the coded bytes hold half of the lines.
    const isCoded = server.hasGzip && /gzip/.test(String(request.headers['accept-encoding']));
    const sent = isCoded ? gzipSync(bytes, { level: 0 }) : bytes;
    const etag = `"${createHash('sha256').update(bytes).digest('hex').slice(0, 8)}${isCoded ? '-gzip' : ''}"`;
    response.writeHead(200, {
      ...(server.validators === 'etag' ? { etag } : {}),
      ...(isCoded ? { 'content-encoding': 'gzip' } : {}),
      'content-length': sent.length,
    });
    response.write(sent.subarray(0, Math.ceil(sent.length / 2)));
    const partial = join(folder, `${name}.partial`);
    const poll = setInterval(() => {
      if (!existsSync(partial) || statSync(partial).size === 0) return;
      clearInterval(poll);
      response.destroy();
    }, 10);
    response.on('close', () => clearInterval(poll));
    return true;
  };
}

/** A clock that does not wait. */
export class QuickClock implements Clock {
  readonly waits: number[] = [];
  #now = Date.now();

  now(): number {
    return this.#now;
  }

  async wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    this.waits.push(ms);
    this.#now += ms;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
