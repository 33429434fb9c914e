import { Agent, fetch, type Response } from 'undici';
import { ExportError } from '../errors.js';
import type { SearchParameters, Source, SourceAnswer } from '../export/source.js';

export interface FhirClientOptions {
  /** FHIR base without trailing slash. */
  baseUrl: string;
  /** For one request, to the last byte. */
  timeoutSeconds: number;
  maxAttempts: number;
  maxPageBytes: number;
}

/** A URL longer than this may be cut or refused on its way (https://www.rfc-editor.org/rfc/rfc9110#section-4.1). */
const LONGEST_URL = 2000;
/** The longest wait between two attempts; a source that asks for more is asked again then. */
const LONGEST_WAIT_MS = 60_000;
const FIRST_WAIT_MS = 500;

/** What an attempt came to that brought no answer. */
interface Failure {
  error: ExportError;
  /** Of an HTTP answer other than 200. */
  status?: number;
  waitMs: number;
}

/** Talks to the source FHIR server: keep-alive, retries with jitter, bounded bodies, no redirects, no foreign links. */
export class FhirClient implements Source {
  readonly #options: FhirClientOptions;
  readonly #base: URL;
  readonly #agent: Agent;

  constructor(options: FhirClientOptions) {
    this.#options = options;
    this.#base = new URL(options.baseUrl);
    this.#agent = new Agent({
      keepAliveTimeout: 30_000,
      headersTimeout: options.timeoutSeconds * 1000,
      bodyTimeout: options.timeoutSeconds * 1000,
    });
  }

  search(type: string, parameters: SearchParameters): Promise<SourceAnswer> {
    const query = queryOf(parameters);
    const url = `${this.#options.baseUrl}/${type}?${query}`;
    if (url.length <= LONGEST_URL) return this.#get(url);
    return this.#get(`${this.#options.baseUrl}/${type}/_search`, query);
  }

  typeHistory(type: string, parameters: SearchParameters): Promise<SourceAnswer> {
    return this.#get(`${this.#options.baseUrl}/${type}/_history?${queryOf(parameters)}`);
  }

  async read(type: string, id: string): Promise<SourceAnswer | undefined> {
    const answer = await this.#ask(`${this.#options.baseUrl}/${type}/${encodeURIComponent(id)}`);
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
    return this.#get(target.href);
  }

  capabilities(): Promise<SourceAnswer> {
    return this.#get(`${this.#options.baseUrl}/metadata`);
  }

  /** @param form a search too long for a URL: https://hl7.org/fhir/R4/http.html#search */
  async #get(url: string, form?: string): Promise<SourceAnswer> {
    const answer = await this.#ask(url, form);
    if ('body' in answer) return answer;
    throw answer.error;
  }

  /** Asks as often as it takes, or is allowed. */
  async #ask(url: string, form?: string): Promise<SourceAnswer | Failure> {
    for (let attempt = 1; ; attempt++) {
      const failure = await this.#try(url, form);
      if ('body' in failure) return failure;
      if (
        attempt >= this.#options.maxAttempts ||
        !failure.error.retryable ||
        failure.error.code === 'source-timeout'
      ) {
        return failure;
      }
      const backoff =
        Math.min(FIRST_WAIT_MS * 2 ** (attempt - 1), LONGEST_WAIT_MS / 2) * (0.5 + Math.random());
      const waitMs = failure.waitMs > 0 ? Math.min(failure.waitMs, LONGEST_WAIT_MS) : backoff;
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }

  async #try(url: string, form: string | undefined): Promise<SourceAnswer | Failure> {
    const signal = AbortSignal.timeout(this.#options.timeoutSeconds * 1000);
    try {
      const response = await fetch(url, {
        dispatcher: this.#agent,
        redirect: 'manual',
        signal,
        headers: {
          accept: 'application/fhir+json',
          prefer: 'handling=strict',
          ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        },
        ...(form === undefined ? {} : { method: 'POST', body: form }),
      });
      if (response.status !== 200) {
        await response.body?.cancel();
        return {
          error: refusal(response.status),
          status: response.status,
          waitMs: retryAfterMs(response),
        };
      }
      if (!/[/+]json\b/i.test(response.headers.get('content-type') ?? '')) {
        await response.body?.cancel();
        return {
          error: new ExportError(
            'source-not-fhir',
            'The source answered with something that is not JSON. Check that FHIR_SERVER_URL is the FHIR base of the source and that nothing between answers in its place.',
            true,
          ),
          waitMs: 0,
        };
      }
      const body = await this.#readBody(response);
      return { body, date: dateOf(response), isForm: form !== undefined };
    } catch (thrown) {
      if (thrown instanceof ExportError) return { error: thrown, waitMs: 0 };
      // The cause holds the URL with its search values, so it is dropped here.
      if (signal.aborted) {
        // Not asked again just so: the caller may ask for less.
        const error = new ExportError(
          'source-timeout',
          `The source did not answer within SOURCE_TIMEOUT_SECONDS (${this.#options.timeoutSeconds} s).`,
          true,
        );
        return { error, waitMs: 0 };
      }
      return {
        error: new ExportError(
          'source-unreachable',
          `The source cannot be reached or cut the connection (${causeCode(thrown)}). Check FHIR_SERVER_URL, its name resolution, network and certificate.`,
          true,
        ),
        waitMs: 0,
      };
    }
  }

  async #readBody(response: Response): Promise<Buffer> {
    const { maxPageBytes } = this.#options;
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    const tooLarge = Number(response.headers.get('content-length') ?? 0) > maxPageBytes;
    if (!tooLarge && response.body !== null) {
      for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
        bytes += chunk.byteLength;
        if (bytes > maxPageBytes) break;
        chunks.push(chunk);
      }
    } else {
      await response.body?.cancel();
    }
    if (tooLarge || bytes > maxPageBytes) {
      throw new ExportError(
        'source-page-too-large',
        `A page of the source is larger than SOURCE_MAX_PAGE_MEBIBYTES (${maxPageBytes / 1_048_576} MiB) allows. Raise it, if the memory of the instance allows.`,
      );
    }
    return Buffer.concat(chunks, bytes);
  }
}

function queryOf(parameters: SearchParameters): string {
  return new URLSearchParams(parameters.map(([name, value]): [string, string] => [name, value])).toString();
}

/** What a status other than 200 means for the walk. */
function refusal(status: number): ExportError {
  if (status === 401 || status === 403) {
    return new ExportError(
      'source-denied',
      `The source answered ${status}: the app may not read there. Let it read and search the exported types.`,
    );
  }
  if (status === 413) {
    return new ExportError('source-page-too-large', 'The source answered 413 to a search of this page size.');
  }
  if (status === 408 || status === 429 || status >= 500) {
    return new ExportError(
      'source-busy',
      `The source kept answering ${status}. Try again when it is less busy.`,
      true,
    );
  }
  return new ExportError(
    'source-refused',
    `The source answered ${status} to a request of the export. Check FHIR_SERVER_URL and the searches the source supports.`,
  );
}

/** `Retry-After` in milliseconds, as seconds or as an HTTP date: RFC 9110, section 10.2.3. */
function retryAfterMs(response: Response): number {
  const value = response.headers.get('retry-after')?.trim() ?? '';
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? 0 : Math.max(0, date - (dateOf(response) ?? Date.now()));
}

function dateOf(response: Response): number | undefined {
  const date = Date.parse(response.headers.get('date') ?? '');
  return Number.isNaN(date) ? undefined : date;
}

/** The system's code of a network fault (`ECONNREFUSED`, `ENOTFOUND`): all that is safe to tell of it. */
function causeCode(thrown: unknown): string {
  const cause = thrown instanceof Error && thrown.cause !== undefined ? thrown.cause : thrown;
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{2,50}$/.test(code) ? code : 'no further detail';
}
