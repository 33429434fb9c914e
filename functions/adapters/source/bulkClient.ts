import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { ExportError } from '../../common/errors.js';
import { isLoopback } from '../../common/loopback.js';
import type { BulkKickOff } from '../../export/plan/bulkKickOffs.js';
import type { FileCursor, FilePart } from '../../export/records/job.js';
import type { BulkAnswer } from '../../export/source/bulkStatus.js';
import { fileName, type LineBlock, lineBlocks, lineStart } from '../../export/source/fileLines.js';
import { refusalOf } from '../../export/source/refusals.js';
import { retryPause } from '../attempts.js';
import { kickOffCall } from './kickOffCall.js';
import { parseJson } from '../../json/json.js';
import { decodeUtf8 } from '../../json/utf8.js';
import type { SourceAccess } from './sourceAccess.js';
import {
  dateOf,
  decoded,
  discard,
  headerOf,
  retryAfterOf,
  type SourceCall,
  type SourceRequests,
  type SourceResponse,
} from './sourceRequests.js';

export interface BulkClientOptions {
  /** FHIR base without trailing slash. */
  baseUrl: string;
  /** Hosts, with their ports, where files may be beside the source. */
  fileHosts: ReadonlySet<string>;
  maxAttempts: number;
  /** Longest line, in bytes. */
  maxLine: number;
  requests: SourceRequests;
  limiter: SourceAccess['limiter'];
  /** For which job the requests are. */
  job: string;
  /** Is called with every attempt that failed. */
  log: (line: BulkFailureLine) => void;
  /** Called with each request that is sent. */
  onRequest?: (() => void) | undefined;
}

/** A failed attempt, safe to log: no URL but the base. */
export interface BulkFailureLine {
  event: 'source-request-failed';
  url: string;
  attempt: number;
  /** Of the answer; `undefined` where there was none. */
  status: number | undefined;
  code: string;
}

/** A file of the source's export as it is reached. */
export interface ReachedFile {
  url: string;
  /** Whether it asks for the credentials of the source. */
  needsToken: boolean;
}

/** What a file turned out to be. */
export interface ProbedFile {
  /** `undefined` where the file cannot be read in ranges, so that its size is not known. */
  bytes: number | undefined;
  /** Empty where the source gives none. */
  etag: string;
  isGzip: boolean;
}

/** Answers of the status and the manifest are lists of files. */
const MAX_MANIFEST_BYTES = 67_108_864;
const MAX_OUTCOME_BYTES = 1_048_576;
/** A download that is cut goes on from where it was, so often without a byte between. */
const MAX_CUTS = 5;
/** Bytes after a part that are asked for with it. */
const AFTER_PART_BYTES = 1_048_576;
/** A source that is slow to delete is asked again later. */
const MAX_REMOVE_MS = 5000;
const GZIP_MAGIC = [0x1f, 0x8b];

/** Talks to the source's own bulk export: https://hl7.org/fhir/uv/bulkdata/STU2/export.html */
export class BulkClient {
  readonly #options: BulkClientOptions;
  readonly #base: URL;

  constructor(options: BulkClientOptions) {
    this.#options = options;
    this.#base = new URL(options.baseUrl);
  }

  /** What to do when the source keeps answering 401. */
  get remedy(): string {
    return this.#options.requests.credentials.remedy;
  }

  /** Asks for an export; the source has taken it where there is a URL of its status. */
  async kickOff(kickOff: BulkKickOff): Promise<BulkAnswer & { statusUrl?: string }> {
    const { baseUrl } = this.#options;
    // Only the source can apply a filter, so it must not ignore it.
    const isStrict = kickOff.parameters.some(([name]) => name === '_typeFilter');
    const response = await this.#open(kickOffCall(baseUrl, kickOff, isStrict ? ['handling=strict'] : []));
    const answer = await this.#answerOf(response);
    const place = headerOf(response, 'content-location') ?? headerOf(response, 'location');
    if (response.statusCode !== 202 || place === undefined || !URL.canParse(place, `${baseUrl}/`))
      return answer;
    return { ...answer, statusUrl: this.#own(new URL(place, `${baseUrl}/`)) };
  }

  /** How far an export is. `body`: the manifest, or the first page of it. */
  async status(url: string): Promise<BulkAnswer & { body?: Buffer }> {
    const response = await this.#open({ url: this.#own(new URL(url)), method: 'GET', headers: ACCEPT_JSON });
    if (response.statusCode !== 200) return this.#answerOf(response);
    return { status: 200, retryAfterMs: 0, body: await this.#bounded(response, MAX_MANIFEST_BYTES) };
  }

  /** A further page of a manifest. */
  async manifestPage(url: string): Promise<Buffer> {
    return this.#again(async () => {
      const response = await this.#open({
        url: this.#own(new URL(url)),
        method: 'GET',
        headers: ACCEPT_JSON,
      });
      if (response.statusCode === 200) return this.#bounded(response, MAX_MANIFEST_BYTES);
      throw await this.#refusal(response);
    });
  }

  /** Deletes an export at the source. @returns whether it is gone */
  async remove(url: string): Promise<boolean> {
    const call = { url: this.#own(new URL(url)), method: 'DELETE', headers: ACCEPT_JSON } as const;
    const response = await this.#open(call, AbortSignal.timeout(MAX_REMOVE_MS));
    await discard(response);
    // A source that has no DELETE, or has deleted it already, is not asked again.
    return response.statusCode < 500 && ![401, 408, 425, 429].includes(response.statusCode);
  }

  /** Whether a file can be read in ranges, and what it is: by asking for its first two bytes. */
  async probe(file: ReachedFile, number: number): Promise<ProbedFile> {
    return this.#again(async () => {
      const response = await this.#file(file, { range: 'bytes=0-1', 'accept-encoding': 'identity' });
      const etag = headerOf(response, 'etag') ?? '';
      const range = headerOf(response, 'content-range') ?? '';
      const { statusCode } = response;
      if (statusCode === 416 && /^bytes \*\/0$/.test(range)) {
        await discard(response);
        return { bytes: 0, etag, isGzip: false };
      }
      if (statusCode !== 206 && statusCode !== 200) throw await this.#refusalOfFile(response, file, number);
      const first = await this.#firstBytes(response.body);
      const [, last = Number.NaN, bytes = Number.NaN] =
        /^bytes 0-([01])\/(\d{1,15})$/.exec(range)?.map(Number) ?? [];
      // Some servers give the size of the range, or leave out its last byte.
      const isRange = statusCode === 206 && last === Math.min(1, bytes - 1) && first.length === last + 1;
      const isCoded = headerOf(response, 'content-encoding') !== undefined;
      return {
        bytes: isRange && !isCoded ? bytes : undefined,
        etag,
        isGzip: isGzip(first),
      };
    });
  }

  /**
   * The lines of a part of a file, and those after it, from where the slice before has stopped.
   * @throws ExportError, `source-export-lost` where the file is gone or is another one now
   */
  blocks(part: FilePart, file: ReachedFile, cursor: FileCursor | undefined): AsyncGenerator<LineBlock> {
    // What cannot be read in ranges is read from its start.
    const { begin, isGzip = false, etag, bulk } = part;
    const hasRanges = bulk?.hasRanges === true;
    const start = lineStart(
      { begin, isWhole: isGzip || !hasRanges, isPinned: hasRanges && etag !== '' },
      cursor,
    );
    return lineBlocks(this.#unpacked(part, file, start.first), start, this.#options.maxLine);
  }

  /** All of a file that is read at once. */
  async *small(file: ReachedFile, number: number): AsyncGenerator<LineBlock> {
    const { isGzip } = await this.probe(file, number);
    const part: FilePart = {
      name: '',
      etag: '',
      number,
      begin: 0,
      end: Number.MAX_SAFE_INTEGER,
      ...(isGzip ? { isGzip } : {}),
      bulk: { hasRanges: false },
    };
    yield* this.blocks(part, file, undefined);
  }

  async *#unpacked(part: FilePart, file: ReachedFile, first: number): AsyncGenerator<Buffer> {
    const leave = await this.#options.limiter.enter(this.#options.job);
    let isServed = false;
    try {
      yield* part.bulk?.hasRanges === true
        ? part.isGzip === true
          ? gunzipped(this.#ranges(part, file, first))
          : this.#ranges(part, file, first)
        : gunzippedIfGzip(await this.#whole(part, file));
      isServed = true;
    } catch (error) {
      throw this.#readFailure(error, part.number);
    } finally {
      leave(isServed ? 'served' : 'failed');
    }
  }

  async #whole({ number }: FilePart, file: ReachedFile): Promise<AsyncIterable<Buffer>> {
    const response = await this.#again(async () => {
      const answer = await this.#file(file, { 'accept-encoding': 'gzip, deflate' });
      if (answer.statusCode === 200) return answer;
      throw await this.#refusalOfFile(answer, file, number);
    });
    return decoded(response);
  }

  /** The stored bytes of a file, whichever way the connection is cut. */
  async *#ranges(
    { number, etag, end, bulk }: FilePart,
    file: ReachedFile,
    first: number,
  ): AsyncGenerator<Buffer> {
    const size = bulk?.bytes ?? 0;
    for (let place = first, cuts = 0; place < size;) {
      const from = place;
      // The last line may end after the part.
      const to = Math.min(size, Math.max(end, from) + AFTER_PART_BYTES) - 1;
      const response = await this.#again(async () => {
        const range = `bytes=${from}-${to}`;
        const answer = await this.#file(file, { range, 'accept-encoding': 'identity' });
        const [, given, all] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headerOf(answer, 'content-range') ?? '') ?? [];
        const isSame =
          answer.statusCode === 206 &&
          Number(given) === from &&
          Number(all) === size &&
          (headerOf(answer, 'etag') ?? '') === etag;
        if (isSame) return answer;
        if ([200, 206, 416].includes(answer.statusCode)) {
          await discard(answer);
          throw lost(number);
        }
        throw await this.#refusalOfFile(answer, file, number);
      });
      let cut: unknown = lost(number);
      try {
        for await (const chunk of response.body as AsyncIterable<Buffer>) {
          yield chunk;
          place += chunk.length;
          cuts = 0;
        }
      } catch (error) {
        if (error instanceof ExportError) throw error;
        cut = error;
      }
      // An answer without a byte is no cut, but must not be asked for without end.
      if (place === from && ++cuts > MAX_CUTS) throw cut;
    }
  }

  async #file(
    { url, needsToken }: ReachedFile,
    headers: Readonly<Record<string, string>>,
    redirects = 0,
  ): Promise<SourceResponse> {
    const target = new URL(url);
    const isOwn = target.origin === this.#base.origin && target.username === '';
    if (!isOwn && (!isPrivate(target) || !this.#options.fileHosts.has(target.host))) {
      throw new ExportError(
        'source-foreign-link',
        "A file of the source's own export is on another server than FHIR_SERVER_URL, or not by https, and was not read. If that is right, name its host in SOURCE_FILE_HOSTS: the manifest of an export that is started at the source by hand shows it. The credentials of the source are not sent there.",
      );
    }
    const accept = { accept: 'application/fhir+ndjson, */*;q=0.5', ...headers };
    const { requests, onRequest } = this.#options;
    const response = await requests.open({
      url,
      method: 'GET',
      headers: accept,
      isOpen: !isOwn || !needsToken,
      onRequest,
    });
    const place = REDIRECTS.includes(response.statusCode) ? headerOf(response, 'location') : undefined;
    if (place === undefined || !URL.canParse(place, url) || redirects === MAX_REDIRECTS) return response;
    await discard(response);
    return this.#file({ url: new URL(place, url).href, needsToken }, headers, redirects + 1);
  }

  /** A URL of the source itself. */
  #own(url: URL): string {
    if (url.origin === this.#base.origin && url.username === '') return url.href;
    throw new ExportError(
      'source-foreign-link',
      "The status of the source's own export is on another server than FHIR_SERVER_URL and was not asked for: the credentials of the source are not sent there. Set FHIR_SERVER_URL to the base that the source's own links have.",
    );
  }

  /** One request, when the source bears it. */
  async #open(call: SourceCall, signal?: AbortSignal): Promise<SourceResponse> {
    const { limiter, job, requests, onRequest } = this.#options;
    const leave = await limiter.enter(job);
    try {
      const response = await requests.open({ ...call, onRequest }, signal);
      if (response.statusCode === 429) leave('limited', retryAfterOf(response));
      else leave(response.statusCode < 500 ? 'served' : 'failed');
      return response;
    } catch (error) {
      leave('failed');
      throw error;
    }
  }

  async #answerOf(response: SourceResponse): Promise<BulkAnswer> {
    const { statusCode: status } = response;
    const answer = {
      status,
      retryAfterMs: retryAfterOf(response),
      date: dateOf(response),
      progress: headerOf(response, 'x-progress'),
    };
    const isJson = /[/+]json\b/i.test(headerOf(response, 'content-type') ?? '');
    if (status < 400 || !isJson) {
      await discard(response);
      return answer;
    }
    const body = await this.#bounded(response, MAX_OUTCOME_BYTES).catch(() => Buffer.alloc(0));
    try {
      return { ...answer, outcome: parseJson(decodeUtf8(body)) };
    } catch {
      return answer;
    }
  }

  async #bounded(response: SourceResponse, most: number): Promise<Buffer> {
    const body = decoded(response);
    let bytes = 0;
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > most) throw tooLarge(most);
        chunks.push(chunk);
      }
    } catch (error) {
      throw this.#options.requests.faultOf(error);
    }
    return Buffer.concat(chunks);
  }

  /** Asks again as often as it takes, or is allowed. */
  async #again<T>(ask: () => Promise<T>): Promise<T> {
    const { maxAttempts, log, baseUrl: url } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof ExportError)) throw error;
        const { status, waitMs } = error instanceof SourceRefusal ? error : { status: undefined, waitMs: 0 };
        log({ event: 'source-request-failed', url, attempt, status, code: error.code });
        if (!error.retryable || attempt >= maxAttempts) throw error;
        await retryPause(attempt, waitMs);
      }
    }
  }

  async #refusal(response: SourceResponse): Promise<ExportError> {
    await discard(response);
    const { code, message, retryable } = refusalOf(response.statusCode, this.remedy);
    return new SourceRefusal(code, message, retryable, response.statusCode, retryAfterOf(response));
  }

  /** Of a file that is gone, another export may help. */
  async #refusalOfFile(response: SourceResponse, { url }: ReachedFile, number: number): Promise<ExportError> {
    const refusal = await this.#refusal(response);
    const isForeign = new URL(url).origin !== this.#base.origin;
    if (isForeign && [401, 403, 409].includes(response.statusCode))
      return notOpen(number, response.statusCode);
    return [404, 410].includes(response.statusCode) ? lost(number) : refusal;
  }

  /** The first two bytes of a body, of which no more is read. */
  async #firstBytes(body: Readable): Promise<Buffer> {
    let first = Buffer.alloc(0);
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        first = Buffer.concat([first, chunk]);
        if (first.length >= GZIP_MAGIC.length) break;
      }
    } catch (error) {
      throw this.#options.requests.faultOf(error);
    }
    return first;
  }

  #readFailure(error: unknown, number: number): ExportError {
    const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
    if (typeof code !== 'string' || !code.startsWith('Z_')) return this.#options.requests.faultOf(error);
    return new ExportError(
      'source-not-fhir',
      `${fileName({ number, bulk: {} })}: it is not a complete gzip file. Look for the cause at the source, and export again.`,
      true,
    );
  }
}

/** To where a file is, by the same rules as for its URL: https://www.rfc-editor.org/rfc/rfc9110#section-15.4 */
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];
const MAX_REDIRECTS = 2;

/** A refusal, and when to ask again. */
class SourceRefusal extends ExportError {
  constructor(
    code: ExportError['code'],
    message: string,
    retryable: boolean,
    readonly status: number,
    readonly waitMs: number,
  ) {
    super(code, message, retryable);
  }
}

const ACCEPT_JSON = {
  accept: 'application/json, application/fhir+json;q=0.9',
  'accept-encoding': 'gzip, deflate',
};

const isPrivate = (url: URL): boolean => url.protocol === 'https:' || isLoopback(url);

/** What ends one of the streams ends the other, and what is iterated reports it. */
function gunzipped(stored: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  return pipeline(Readable.from(stored), createGunzip(), () => undefined);
}

/**
 * What is read whole is known for gzip by its own first bytes: some servers call a gzip file a content coding, or code
 * what they were asked for as it is.
 */
async function* gunzippedIfGzip(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const chunks = body[Symbol.asyncIterator]();
  let first = Buffer.alloc(0);
  const rest = async function* (): AsyncGenerator<Buffer> {
    if (first.length > 0) yield first;
    yield* { [Symbol.asyncIterator]: () => chunks };
  };
  try {
    while (first.length < GZIP_MAGIC.length) {
      const next = await chunks.next();
      if (next.done === true) break;
      first = Buffer.concat([first, next.value]);
    }
    yield* isGzip(first) ? gunzipped(rest()) : rest();
  } finally {
    await chunks.return?.();
  }
}

const isGzip = (first: Buffer): boolean => GZIP_MAGIC.every((byte, at) => first[at] === byte);

function lost(number: number): ExportError {
  return new ExportError(
    'source-export-lost',
    `${fileName({ number, bulk: {} })}: it is gone, or was changed while it was read, so its lines would not fit each other. Let the source keep the files of its exports for longer, and export again.`,
  );
}

function notOpen(number: number, status: number): ExportError {
  return new ExportError(
    'source-forbidden',
    `${fileName({ number, bulk: {} })}: its host, another one than that of FHIR_SERVER_URL, answered ${status}, and the credentials of the source are not sent there. Let the source give links that open its files; where they are in a container of Azure Storage, SOURCE_MODE=files reads them with a role on it.`,
  );
}

function tooLarge(most: number): ExportError {
  return new ExportError(
    'source-page-too-large',
    `A manifest of the source's own export has more than ${most / 1_048_576} MiB, the most that is read. Ask for fewer types, or let the source write larger files.`,
  );
}
