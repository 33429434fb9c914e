import { isRecord } from '../../functions/common/isRecord.js';
import { kickOffCall } from '../../functions/adapters/source/kickOffCall.js';
import type { SourceCall } from '../../functions/adapters/source/sourceRequests.js';
import type { BulkKickOff } from '../../functions/export/plan/bulkKickOffs.js';
import {
  type BulkManifest,
  type BulkManifestPage,
  joinPages,
  readManifestPage,
} from '../../functions/export/source/bulkManifest.js';
import { type BulkStatus, readStatus } from '../../functions/export/source/bulkStatus.js';
import { ExportError } from '../../functions/common/errors.js';
import type { JsonObject } from '../../functions/json/json.js';
import { asStu2 } from '../verify/stu2Form.js';
import { type Clock, Patience, SYSTEM_CLOCK } from './clock.js';
import { objectOf, plain, wordsOf } from './outcomeWords.js';
import { FailedExport, failureOf, ServerFailure } from './serverFailure.js';
import { type Answer, ServerRequests } from './serverRequests.js';

/** The manifest of a complete export, as far as a client needs it. */
export interface Manifest {
  transactionTime: string;
  requiresAccessToken?: boolean;
  output: Array<{ type: string; url: string; count: number }>;
  deleted?: Array<{ type: string; url: string; count: number }>;
  error: Array<{ type: string; url: string; count: number }>;
  extension: Record<string, unknown>;
}

export interface KickOff extends BulkKickOff {
  /** What is preferred beside an asynchronous answer: `handling=lenient`. */
  readonly preferences: readonly string[];
}

/** An export that the server has accepted. */
export interface Accepted {
  readonly statusUrl: string;
  /** What the server says about it. */
  readonly words: readonly string[];
}

const ACCEPT = { accept: 'application/json, application/fhir+json;q=0.9' };
const MAX_PAGES = 10_000;
/** Of all pages of a manifest: half a million files. */
const MAX_MANIFEST_BYTES = 134_217_728;
const LISTS: ReadonlySet<string> = new Set(['_type', '_elements', 'includeAssociatedData']);
/** Hosts refuse longer request lines: 8 KiB with the method and the version is usual. */
const MAX_URL_CHARACTERS = 7000;

/** A Bulk Data client of any server: https://hl7.org/fhir/uv/bulkdata/STU2/export.html */
export class ExportClient {
  readonly requests: ServerRequests;
  readonly #baseUrl: string;
  readonly #clock: Clock;

  constructor(baseUrl: string, requests = new ServerRequests(baseUrl), clock = SYSTEM_CLOCK) {
    this.#baseUrl = baseUrl.replace(/\/+$/, '');
    this.requests = requests;
    this.#clock = clock;
  }

  /**
   * Starts a system-level export of this app and returns its status URL.
   * @throws Error with the OperationOutcome where it is refused
   */
  async kickOff(parameters: Readonly<Record<string, string>>): Promise<string> {
    const { statusUrl } = await this.start({
      level: { kind: 'system' },
      method: 'GET',
      parameters: Object.entries(parameters),
      preferences: ['bulk-data-version=2.0.0'],
    });
    return statusUrl;
  }

  /**
   * Starts an export. It is asked for once more only where the server says that it has not begun one.
   * @throws ServerFailure with the OperationOutcome where it is refused
   */
  async start(kickOff: KickOff, report: (text: string) => void = () => undefined): Promise<Accepted> {
    let call = this.#kickOffCall(kickOff);
    const patience = new Patience(this.#clock, this.requests.signal);
    for (;;) {
      const { status, header, retryAfterMs, body } = await this.requests.ask(call);
      const place = header('content-location') ?? header('location');
      if (status === 405 && call.method === 'GET') {
        call = this.#kickOffCall({ ...kickOff, method: 'POST' });
        continue;
      }
      const words = wordsOf(body);
      if (status === 202 && place !== undefined && URL.canParse(place, call.url))
        return { statusUrl: new URL(place, call.url).href, words };
      const failure = new ServerFailure(
        status === 202
          ? 'The server accepted the export and gave no URL of its status (Content-Location).'
          : status === 401 && words.length === 0
            ? this.requests.refusal('The kick-off', status, 0, false).message
            : `The export was refused (${status})${sentenceOf(words)}`,
        status === 429 || (status === 503 && retryAfterMs > 0),
        retryAfterMs,
      );
      if (failure.isPassing) report(`waiting, since the server has no place for another export (${status})`);
      await patience.after(failure);
    }
  }

  /**
   * Polls until the manifest is there, at most `everyMs` apart. Its pages are joined, and its names are those of STU 2.
   * @param report takes what the server says of an export that it is at work on
   * @param warn takes that the server gives no answer, and until when it is asked
   * @throws ServerFailure with the OperationOutcome where the export failed
   */
  async manifest(
    statusUrl: string,
    everyMs: number,
    report: (progress: string) => void,
    warn: (text: string) => void = () => undefined,
  ): Promise<Manifest> {
    const pages: Array<Record<string, unknown>> = [];
    const read: BulkManifestPage[] = [];
    let bytes = 0;
    for (let url: string | undefined = statusUrl; url !== undefined;) {
      const { body }: Answer = await this.#complete(url, everyMs, report, warn);
      bytes += body.length;
      const page: BulkManifestPage = pageOf(body, url);
      pages.push(asStu2(objectOf(body) ?? {}));
      read.push(page);
      url = page.next;
      if (pages.length > MAX_PAGES || bytes > MAX_MANIFEST_BYTES)
        throw new ServerFailure('The pages of the manifest have no end.', false);
    }
    const files = joined(read);
    const { link: _link, ...first } = pages[0] ?? {};
    // Pages that come while the job runs do not have what is known at its end.
    const extensions = pages.map(({ extension }) => extension).filter(isRecord);
    const extension =
      extensions.length === 0 ? {} : { extension: Object.assign({}, ...extensions) as object };
    // All that an entry has, with its URL as it is from here, and no type or count that is none.
    const rowsOf = (kind: 'output' | 'deleted' | 'error'): unknown[] =>
      pages
        .flatMap((page) => (Array.isArray(page[kind]) ? (page[kind] as unknown[]) : []))
        .filter(isRecord)
        .map(({ count: _count, type, ...row }, index) => {
          const { url, count } = files[kind][index] ?? {};
          const text = typeof type === 'string' ? type : '';
          return { ...row, type: text, url, ...(count === undefined ? {} : { count }) };
        });
    const lists = { output: rowsOf('output'), deleted: rowsOf('deleted'), error: rowsOf('error') };
    return { ...first, ...extension, ...lists } as unknown as Manifest;
  }

  /** A short file of the export. @throws ServerFailure where it cannot be had */
  async read(url: string, needsToken: boolean): Promise<Buffer> {
    const patience = new Patience(this.#clock, this.requests.signal);
    for (;;) {
      try {
        const call = { url, method: 'GET', headers: {}, isOpen: !needsToken } as const;
        const { status, body, retryAfterMs } = await this.requests.ask(call);
        if (status === 200) return body;
        const isOpen = !needsToken || !this.requests.isOwn(url);
        throw this.requests.refusal('The report', status, retryAfterMs, isOpen);
      } catch (error) {
        await patience.after(failureOf(error));
      }
    }
  }

  /** Cancels an export, or deletes the files of one that is complete. @throws ServerFailure where it is not there */
  async cancel(statusUrl: string): Promise<void> {
    const { status, body, retryAfterMs } = await this.requests.ask({
      url: statusUrl,
      method: 'DELETE',
      headers: ACCEPT,
    });
    if (status < 300) return;
    const [words] = wordsOf(body);
    throw words === undefined
      ? this.#refusal('The cancellation', statusUrl, status, retryAfterMs)
      : new ServerFailure(`The cancellation was refused (${status}): ${words}`, false);
  }

  /** A POST has one value in each parameter, as the ballot of STU 4 has it, unless it takes the place of a GET. */
  #kickOffCall(kickOff: KickOff): SourceCall {
    const { method, parameters, preferences } = kickOff;
    if (method === 'POST')
      return kickOffCall(this.#baseUrl, { ...kickOff, parameters: separated(parameters) }, preferences);
    const call = kickOffCall(this.#baseUrl, kickOff, preferences);
    const isInUrl = call.url.length <= MAX_URL_CHARACTERS && parameters.every(([name]) => name !== 'patient');
    return isInUrl ? call : kickOffCall(this.#baseUrl, { ...kickOff, method: 'POST' }, preferences);
  }

  /** What a URL answers when it no longer answers that the server is at work. */
  async #complete(
    url: string,
    everyMs: number,
    report: (progress: string) => void,
    warn: (text: string) => void,
  ): Promise<Answer> {
    const beganAt = this.#clock.now();
    const patience = new Patience(this.#clock, this.requests.signal);
    for (;;) {
      let failure: ServerFailure;
      try {
        const answer = withExportStatus(await this.requests.ask({ url, method: 'GET', headers: ACCEPT }));
        const status = this.#statusOf(answer, url, this.#clock.now() - beganAt);
        if (status.kind === 'complete') return answer;
        if (status.kind === 'failed') throw new FailedExport(failureWords(answer), false);
        if (status.error === undefined) {
          patience.reset();
          report(plain(answer.header('x-progress') ?? ''));
          await this.#clock.wait(Math.min(status.waitMs, everyMs), this.requests.signal);
          continue;
        }
        failure = new ServerFailure(failureWords(answer), true, answer.retryAfterMs);
      } catch (error) {
        failure = failureOf(error);
      }
      await patience.after(failure, (untilMs) => warn(this.#outage(url, untilMs)));
    }
  }

  #outage(url: string, untilMs: number): string {
    const elsewhere = this.requests.isOwn(url) ? '' : ', which is another server than that of --base';
    const until = `${new Date(untilMs).toISOString().slice(0, 16)}Z`;
    return `The status of the export is at ${new URL(url).origin}${elsewhere}. It does not answer, or is busy: it is asked again until ${until}.`;
  }

  #statusOf(answer: ExportAnswer, url: string, elapsedMs: number): BulkStatus {
    if (answer.isOfExport && answer.status >= 400) return { kind: 'failed', isGone: false };
    const outcome = answer.status < 400 ? undefined : (objectOf(answer.body) as JsonObject | undefined);
    return readStatus(
      { ...answer, outcome },
      elapsedMs,
      // Caught where it is thrown: the words are those of a failure.
      (status) => new ExportError('forbidden', this.#refusal('The status', url, status, 0).message),
    );
  }

  #refusal(what: string, url: string, status: number, waitMs: number): ServerFailure {
    return this.requests.refusal(what, status, waitMs, !this.requests.isOwn(url));
  }
}

/** The answer to a status request. */
interface ExportAnswer extends Answer {
  /** Whether its status is that of the export, and not that of the request. */
  readonly isOfExport: boolean;
}

/**
 * An answer with the status of the export, which is in a header where `separate-export-status` is preferred.
 * https://hl7.org/fhir/uv/bulkdata/STU3/export.html#headers
 */
function withExportStatus(answer: Answer): ExportAnswer {
  const status = /^\s*([2-5]\d\d)(?!\d)/.exec(answer.header('x-export-status') ?? '')?.[1];
  return answer.status === 200 && status !== undefined
    ? { ...answer, status: Number(status), isOfExport: true }
    : { ...answer, isOfExport: false };
}

/** Lists as repeated parameters. */
function separated(parameters: KickOff['parameters']): KickOff['parameters'] {
  return parameters.flatMap(([name, value]) =>
    LISTS.has(name) ? value.split(',').map((each) => [name, each] as const) : [[name, value] as const],
  );
}

/** The page of a manifest, as far as a client has to understand it. @throws ServerFailure */
function pageOf(body: Buffer, url: string): BulkManifestPage {
  try {
    return readManifestPage(body, url);
  } catch (error) {
    throw failureOf(error);
  }
}

function joined(pages: readonly BulkManifestPage[]): BulkManifest {
  try {
    return joinPages(pages);
  } catch (error) {
    throw failureOf(error);
  }
}

function failureWords({ status, body }: Answer): string {
  return `The export failed (${status})${sentenceOf(wordsOf(body))}`;
}

/** The end of a sentence with what a server says. */
function sentenceOf(words: readonly string[]): string {
  return words.length === 0 ? '.' : `: ${words.join('\n- ')}`;
}
