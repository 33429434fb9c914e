import { type Dispatcher, request as send } from 'undici';
import { boundedBytes } from '../../common/boundedBytes.js';
import { ExportError } from '../../common/errors.js';
import { askPatiently, type FailedAttempt, isFailure } from '../attempts.js';
import type { Dispatchers } from '../dispatchers.js';
import { networkFault } from '../networkFault.js';
import { retryAfterMs } from '../retryAfter.js';
import type { SourceHeader } from '../source/credentials/sourceCredentials.js';
import type { SourceAccess } from '../source/sourceAccess.js';

export interface ServiceClientOptions {
  /** Base of the service, without a slash at its end. */
  readonly url: string;
  readonly timeoutSeconds: number;
  readonly maxAttempts: number;
  readonly dispatcherFor: Dispatchers;
  readonly access: SourceAccess;
  /** Who the requests are for. */
  readonly requester: string;
}

/** A request of a service: values are in its body alone, never in its URL. */
export interface ServiceRequest {
  /** Below the base of the service, with a slash before it. */
  readonly path: string;
  readonly contentType: string;
  /** `undefined`: nothing is sent, by GET. */
  readonly body?: unknown;
  /** For messages: what the configuration calls the place where the pseudonyms are made. */
  readonly domain: string;
}

/** Answers are some hundred bytes a value, of 1,000 values at most. */
const MAX_BYTES = 8 * 1024 * 1024;
const MAX_SHOWN = 100;

/** Posts JSON to a pseudonym service: retries with jitter, bounded answers, no redirects. */
export class ServiceClient {
  readonly #options: ServiceClientOptions;

  constructor(options: ServiceClientOptions) {
    this.#options = options;
  }

  /** What a URL below the base has. */
  get(request: Omit<ServiceRequest, 'body'>): Promise<unknown> {
    return this.post(request);
  }

  /** @returns the JSON of an answer of status 200 or 201 @throws ExportError without a word of request and answer */
  async post(request: ServiceRequest): Promise<unknown> {
    const { access, requester, maxAttempts } = this.#options;
    const answer = await askPatiently<{ json: unknown }>(() => this.#try(request), {
      limiter: access.limiter,
      job: requester,
      attemptsOf: ({ retryable }) => (retryable ? maxAttempts : 1),
    });
    if (isFailure(answer)) throw answer.error;
    return answer.json;
  }

  async #try(request: ServiceRequest, renewed?: SourceHeader): Promise<{ json: unknown } | FailedAttempt> {
    const { url, timeoutSeconds, dispatcherFor, access } = this.#options;
    const { credentials } = access;
    const header = renewed ?? (await credentials.header());
    const signal = AbortSignal.timeout(timeoutSeconds * 1000);
    const isGet = request.body === undefined;
    try {
      const response = await send(`${url}${request.path}`, {
        dispatcher: dispatcherFor(new URL(url)),
        signal,
        method: isGet ? 'GET' : 'POST',
        headers: {
          ...(header === undefined ? {} : { [header.name]: header.value }),
          accept: request.contentType,
          ...(isGet ? {} : { 'content-type': request.contentType }),
        },
        body: isGet ? null : JSON.stringify(request.body),
      });
      const status = response.statusCode;
      if (status === 200 || status === 201) return { json: await readJson(response) };
      await response.body.dump().catch(() => undefined);
      if (status === 401 && header !== undefined && renewed === undefined) {
        const other = await credentials.renewed(header);
        if (other !== undefined) return await this.#try(request, other);
      }
      const after = response.headers['retry-after'];
      return {
        error: refusal(status, request.domain, credentials.remedy),
        status,
        waitMs: retryAfterMs(Array.isArray(after) ? after[0] : after, Date.now()),
      };
    } catch (error) {
      if (error instanceof ExportError) throw error;
      // The cause may hold the URL, so it is dropped here.
      throw new ExportError(
        'pseudonym-service-unavailable',
        signal.aborted
          ? `The pseudonym service did not answer within PSEUDONYM_TIMEOUT_SECONDS (${timeoutSeconds} s).`
          : `The pseudonym service cannot be reached or cut the connection (${networkFault(error)}). Check PSEUDONYM_URL, its name resolution, network and certificate.`,
        true,
      );
    }
  }
}

async function readJson({ body }: Dispatcher.ResponseData): Promise<unknown> {
  const bytes = await boundedBytes(body, MAX_BYTES);
  try {
    return JSON.parse(bytes?.toString('utf8') ?? '') as unknown;
  } catch {
    throw new ExportError(
      'pseudonym-service-refused',
      'The pseudonym service answered with something that is not JSON. Check that PSEUDONYM_URL is its base, and that nothing between answers in its place.',
    );
  }
}

function refusal(status: number, domain: string, remedy: string): ExportError {
  if (status === 401)
    return new ExportError('pseudonym-service-denied', `The pseudonym service answered 401: ${remedy}`);
  if (status === 403) {
    return new ExportError(
      'pseudonym-service-denied',
      `The pseudonym service answered 403 for ${named(domain)}: let the app make pseudonyms there.`,
    );
  }
  if (status === 408 || status === 429 || (status >= 500 && status !== 501)) {
    return new ExportError(
      'pseudonym-service-unavailable',
      `The pseudonym service kept answering ${status}. Try again when it is less busy, or look for the cause in its own log.`,
      true,
    );
  }
  return new ExportError(
    'pseudonym-service-refused',
    `The pseudonym service answered ${status} for ${named(domain)}. Check that it has this domain, that PSEUDONYM_URL is its base, and that PSEUDONYM_SERVICE says what it is.`,
  );
}

/** A domain, which the configuration and the settings name: none of it is a value of a resource. */
function named(domain: string): string {
  return `the domain ${JSON.stringify(domain.slice(0, MAX_SHOWN))}`;
}
