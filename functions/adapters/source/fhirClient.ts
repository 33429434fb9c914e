import { finished } from 'node:stream/promises';
import { ExportError } from '../../common/errors.js';
import { askPatiently, type FailedAttempt } from '../attempts.js';
import { BufferPool } from '../bufferPool.js';
import { type Dispatchers, openDispatchers } from '../dispatchers.js';
import { noCredentials } from './credentials/none.js';
import type { SourceCredentials } from './credentials/sourceCredentials.js';
import type { SourceAccess } from './sourceAccess.js';
import {
  dateOf,
  decoded,
  discard,
  headerOf,
  retryAfterOf,
  SourceRequests,
  type SourceResponse,
} from './sourceRequests.js';
import { safeName } from '../../export/source/honored.js';
import { attemptsOf, OTHER_METHOD, refusalOf } from '../../export/source/refusals.js';
import type { SearchParameters, Source, SourceAnswer } from '../../export/source/source.js';

export interface FhirClientOptions {
  /** FHIR base without trailing slash. */
  baseUrl: string;
  /** For one request, to the last byte. */
  timeoutSeconds: number;
  maxAttempts: number;
  maxPageBytes: number;
  /** How the source is reached; directly unless set. */
  dispatcherFor?: Dispatchers;
  /** What lets the requests in. */
  credentials?: SourceCredentials;
  /** The places at the source, which all jobs share. */
  limiter?: SourceAccess['limiter'];
  /** For which job the requests are. */
  job?: string;
  /** Is called with every attempt that failed, without any value of a search. */
  log?: (line: SourceFailureLine) => void;
  /** Called with each request that is sent. */
  onRequest?: (() => void) | undefined;
}

/** A failed attempt, safe to log. */
export interface SourceFailureLine {
  event: 'source-request-failed';
  /** Without the query; of a link that the source made, the base alone. */
  url: string;
  /** Names of the search parameters. */
  parameters: readonly string[];
  attempt: number;
  /** Of the answer; `undefined` where there was none. */
  status: number | undefined;
  code: string;
  retryAfterMs: number;
}

/** A request, and what of it may be logged. */
interface SourceRequest {
  url: string;
  loggedUrl: string;
  parameters: readonly string[];
  /** A search too long for a URL: https://hl7.org/fhir/R4/http.html#search */
  form?: string;
}

/** A URL longer than this may be cut or refused on its way (https://www.rfc-editor.org/rfc/rfc9110#section-4.1). */
const MAX_URL = 2000;
const KEEP_ALIVE_MS = 30_000;

/** Talks to the source FHIR server: keep-alive, retries with jitter, bounded bodies, no redirects, no foreign links. */
export class FhirClient implements Source {
  readonly #options: FhirClientOptions;
  readonly #base: URL;
  readonly #requests: SourceRequests;
  /** Whether a search in a form was refused that was answered as a URL. */
  #refusesForms = false;

  constructor(options: FhirClientOptions) {
    this.#options = options;
    this.#base = new URL(options.baseUrl);
    this.#requests = new SourceRequests(
      options.dispatcherFor ??
        openDispatchers({ timeoutMs: options.timeoutSeconds * 1000, keepAliveMs: KEEP_ALIVE_MS }),
      options.credentials ?? noCredentials,
      options.timeoutSeconds,
    );
  }

  search(type: string, parameters: SearchParameters): Promise<SourceAnswer> {
    const query = queryOf(parameters);
    const loggedUrl = `${this.#options.baseUrl}/${type}`;
    const logged = { loggedUrl, parameters: parameters.map(([name]) => safeName(name)) };
    const inUrl = { ...logged, url: `${loggedUrl}?${query}` };
    const inForm = { ...logged, url: `${loggedUrl}/_search`, form: query };
    if (inUrl.url.length <= MAX_URL) return this.#get(inUrl, inForm);
    return this.#refusesForms ? this.#get(inUrl) : this.#get(inForm, inUrl);
  }

  typeHistory(type: string, parameters: SearchParameters): Promise<SourceAnswer> {
    const loggedUrl = `${this.#options.baseUrl}/${type}/_history`;
    const names = parameters.map(([name]) => safeName(name));
    return this.#get({ loggedUrl, parameters: names, url: `${loggedUrl}?${queryOf(parameters)}` });
  }

  async read(type: string, id: string): Promise<SourceAnswer | undefined> {
    const loggedUrl = `${this.#options.baseUrl}/${type}`;
    const answer = await this.#ask({
      url: `${loggedUrl}/${encodeURIComponent(id)}`,
      loggedUrl,
      parameters: [],
    });
    if ('body' in answer) return answer;
    if (answer.status === 404 || answer.status === 410) return undefined;
    throw answer.error;
  }

  async follow(url: string): Promise<SourceAnswer> {
    const target = URL.canParse(url, `${this.#options.baseUrl}/`)
      ? new URL(url, `${this.#options.baseUrl}/`)
      : undefined;
    const path = this.#base.pathname.replace(/\/+$/, '');
    if (
      target === undefined ||
      target.origin !== this.#base.origin ||
      (target.pathname !== path && !target.pathname.startsWith(`${path}/`)) ||
      target.username !== ''
    ) {
      throw new ExportError(
        'source-foreign-link',
        "A next link of the source leads to another server or base than FHIR_SERVER_URL and was not followed. Set FHIR_SERVER_URL to the base that the source's own links have, or correct the source's public URL.",
      );
    }
    return this.#get({ url: target.href, loggedUrl: this.#options.baseUrl, parameters: [] });
  }

  capabilities(): Promise<SourceAnswer> {
    const url = `${this.#options.baseUrl}/metadata`;
    return this.#get({ url, loggedUrl: url, parameters: [] });
  }

  /** @param otherwise the same search by the other method, asked where the source refuses the first */
  async #get(request: SourceRequest, otherwise?: SourceRequest): Promise<SourceAnswer> {
    const answer = await this.#ask(request);
    if ('body' in answer) return answer;
    const statuses: readonly number[] = OTHER_METHOD[request.form === undefined ? 'GET' : 'POST'];
    if (otherwise === undefined || answer.status === undefined || !statuses.includes(answer.status)) {
      throw answer.error;
    }
    const other = await this.#ask(otherwise);
    // The first refusal says more about the search than that of a form it need not have had.
    if (!('body' in other)) throw answer.error;
    if (request.form !== undefined) this.#refusesForms = true;
    return other;
  }

  #ask(request: SourceRequest): Promise<SourceAnswer | FailedAttempt> {
    const { limiter, job = '', maxAttempts, log } = this.#options;
    return askPatiently<SourceAnswer>(() => this.#try(request), {
      limiter,
      job,
      attemptsOf: (error) => Math.min(attemptsOf(error), maxAttempts),
      onFailure: ({ status, error, waitMs }, attempt) =>
        log?.({
          event: 'source-request-failed',
          url: request.loggedUrl,
          parameters: request.parameters,
          attempt,
          status,
          code: error.code,
          retryAfterMs: waitMs,
        }),
    });
  }

  /** @throws ExportError where there is no answer, or one that is not FHIR */
  async #try(request: SourceRequest): Promise<SourceAnswer | FailedAttempt> {
    const { form } = request;
    const signal = AbortSignal.timeout(this.#options.timeoutSeconds * 1000);
    try {
      const response = await this.#requests.open(
        {
          url: request.url,
          method: form === undefined ? 'GET' : 'POST',
          headers: {
            accept: 'application/fhir+json',
            'accept-encoding': 'gzip, deflate',
            prefer: 'handling=strict',
            ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
          },
          body: form,
          onRequest: this.#options.onRequest,
        },
        signal,
      );
      const status = response.statusCode;
      if (status !== 200) {
        await discard(response);
        const { remedy } = this.#requests.credentials;
        return { error: refusalOf(status, remedy), waitMs: retryAfterOf(response), status };
      }
      if (!/[/+]json\b/i.test(headerOf(response, 'content-type') ?? '')) {
        await discard(response);
        throw new ExportError(
          'source-not-fhir',
          'The source answered with something that is not JSON. Check that FHIR_SERVER_URL is the FHIR base of the source and that nothing between answers in its place.',
          true,
        );
      }
      const page = await this.#readBody(response);
      return { ...page, date: dateOf(response), isForm: form !== undefined };
    } catch (error) {
      throw this.#requests.faultOf(error, signal);
    }
  }

  /** The body as it was before it was compressed, in one piece: of a known length, it is read to its place at once. */
  async #readBody(response: SourceResponse): Promise<Required<Pick<SourceAnswer, 'body' | 'release'>>> {
    const { maxPageBytes } = this.#options;
    const length = Number(headerOf(response, 'content-length') ?? Number.NaN);
    const body = decoded(response);
    const isPlain = body === response.body;
    if (length > maxPageBytes) {
      await discard(response);
      throw tooLarge(maxPageBytes);
    }
    let page = pages.take(isPlain && length >= 0 ? length : FIRST_BYTES);
    let filled = 0;
    // By events: a reader that waits for the stream gets what came meanwhile in one piece, which is one copy more.
    body.on('data', (chunk: Buffer) => {
      const end = filled + chunk.length;
      if (end > maxPageBytes) {
        body.destroy(tooLarge(maxPageBytes));
        return;
      }
      if (end > page.length) {
        const larger = pages.take(Math.max(end, 2 * page.length));
        page.copy(larger, 0, 0, filled);
        pages.giveBack(page);
        page = larger;
      }
      page.set(chunk, filled);
      filled = end;
    });
    // Also of a body that was cut before it was listened to.
    await finished(body, { writable: false });
    return { body: page.subarray(0, filled), release: () => pages.giveBack(page) };
  }
}

/** Bytes of memory that wait for the next pages. */
const MAX_IDLE_BYTES = 8 * 1024 * 1024;
const pages = new BufferPool(MAX_IDLE_BYTES);

/** A body of unknown length is read into so many bytes first. */
const FIRST_BYTES = 65_536;

function tooLarge(maxPageBytes: number): ExportError {
  return new ExportError(
    'source-page-too-large',
    `A page of the source is larger than SOURCE_MAX_PAGE_MEBIBYTES (${maxPageBytes / 1_048_576} MiB) allows. Raise it, if the memory of the instance allows.`,
  );
}

function queryOf(parameters: SearchParameters): string {
  return new URLSearchParams(parameters.map(([name, value]): [string, string] => [name, value])).toString();
}
