import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';

/** One answer, its body as it came over the wire. */
interface Answer {
  url: string;
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** What the guide requires of a manifest. */
interface BulkDataManifest {
  transactionTime: string;
  request: string;
  requiresAccessToken: boolean;
  output: Array<{ type: string; url: string; count?: number }>;
  deleted?: Array<{ type: string; url: string; count?: number }>;
  error: Array<{ type: string; url: string; count?: number }>;
  extension?: Record<string, unknown>;
}

/** Everything one export gave. */
export interface Downloaded {
  manifest: BulkDataManifest;
  /** Lines by resource type. */
  lines: Map<string, string[]>;
  /** Bytes that came over the wire, and of the files themselves. */
  wireBytes: number;
  fileBytes: number;
  progress: string[];
}

const MAX_REDIRECTS = 5;

/**
 * A client that does what the Bulk Data Access guide says, and nothing else: it knows no parameter of ours, follows no
 * convention of ours, and complains where an answer is not as the guide wants it.
 * https://hl7.org/fhir/uv/bulkdata/STU2/export.html
 */
export class BulkDataClient {
  readonly #authorization: string;

  /** @param accessToken sent to the server itself, and to files only where the manifest asks for it */
  constructor(accessToken: string) {
    this.#authorization = `Bearer ${accessToken}`;
  }

  /** Kick-off, status, and all files. `url` is that of the operation, with its query. */
  async export(url: string): Promise<Downloaded> {
    const progress: string[] = [];
    const statusUrl = await this.kickOff(url);
    const manifest = await this.#wait(statusUrl, progress);
    const result: Downloaded = { manifest, lines: new Map(), wireBytes: 0, fileBytes: 0, progress };
    for (const { type, url: file, count } of manifest.output) {
      const answer = await this.#send('GET', file, {
        accept: 'application/fhir+ndjson',
        'accept-encoding': 'gzip',
        // The guide: the token must not be sent where it is not asked for.
        ...(manifest.requiresAccessToken ? { authorization: this.#authorization } : {}),
      });
      expectThat(answer.status === 200, `a file answered ${answer.status}`);
      expectThat(
        /^application\/(fhir\+)?ndjson/.test(answer.headers['content-type'] ?? ''),
        'a file is no NDJSON',
      );
      const bytes = answer.headers['content-encoding'] === 'gzip' ? gunzipSync(answer.body) : answer.body;
      const lines = linesOf(bytes.toString('utf8'), type);
      expectThat(count === undefined || count === lines.length, `a file of ${type} has not ${count} lines`);
      result.lines.set(type, [...(result.lines.get(type) ?? []), ...lines]);
      result.wireBytes += answer.body.length;
      result.fileBytes += bytes.length;
    }
    return result;
  }

  /** Starts an export; its status URL. */
  async kickOff(url: string): Promise<string> {
    const answer = await this.#send('GET', url, {
      accept: 'application/fhir+json',
      prefer: 'respond-async',
      authorization: this.#authorization,
    });
    expectThat(answer.status === 202, `kick-off answered ${answer.status}: ${answer.body.toString('utf8')}`);
    const statusUrl = answer.headers['content-location'] ?? '';
    expectThat(/^https?:\/\//.test(statusUrl), 'Content-Location is no absolute URL');
    return statusUrl;
  }

  async #wait(statusUrl: string, progress: string[]): Promise<BulkDataManifest> {
    for (;;) {
      const answer = await this.#send('GET', statusUrl, {
        accept: 'application/json',
        authorization: this.#authorization,
      });
      if (answer.status === 200) {
        expectThat(answer.headers['content-type'] === 'application/json', 'the manifest is no JSON');
        return manifestOf(answer.body.toString('utf8'));
      }
      const text = answer.body.toString('utf8');
      expectThat(answer.status === 202, `the status answered ${answer.status}: ${text}`);
      const reported = answer.headers['x-progress'];
      if (typeof reported === 'string') progress.push(reported);
      await delay(retryAfterMs(answer.headers['retry-after']));
    }
  }

  async #send(method: string, url: string, headers: Record<string, string>): Promise<Answer> {
    let target = url;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const answer = await send(method, target, headers);
      if (![301, 302, 303, 307, 308].includes(answer.status)) return answer;
      target = new URL(answer.headers.location ?? '', target).href;
    }
    throw new Error('There are too many redirects.');
  }
}

function send(method: string, url: string, headers: Record<string, string>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () =>
        resolve({
          url,
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks),
        }),
      );
    });
    request.once('error', reject);
    request.end();
  });
}

/** `Retry-After` is seconds, or a date. */
function retryAfterMs(header: string | undefined): number {
  if (header === undefined) return 1000;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  expectThat(Number.isFinite(ms), 'Retry-After is neither seconds nor a date');
  return Math.max(0, ms);
}

function manifestOf(text: string): BulkDataManifest {
  const manifest = JSON.parse(text) as BulkDataManifest;
  expectThat(Number.isFinite(Date.parse(manifest.transactionTime)), 'transactionTime is no instant');
  expectThat(typeof manifest.request === 'string', 'there is no request');
  expectThat(typeof manifest.requiresAccessToken === 'boolean', 'there is no requiresAccessToken');
  for (const list of [manifest.output, manifest.error]) {
    expectThat(Array.isArray(list), 'output and error are required');
    for (const { type, url } of list) {
      expectThat(/^[A-Z]\w+$/.test(type) && URL.canParse(url), 'a file has no type or absolute URL');
    }
  }
  return manifest;
}

/** One resource a line, all of one type, no line blank. */
function linesOf(text: string, type: string): string[] {
  const lines = text.replace(/\n$/, '').split('\n');
  for (const line of lines) {
    expectThat(line.trim() !== '', 'a line is blank');
    expectThat((JSON.parse(line) as { resourceType: string }).resourceType === type, `a line is no ${type}`);
  }
  return lines;
}

function expectThat(isSo: boolean, otherwise: string): void {
  if (!isSo) throw new Error(otherwise);
}
