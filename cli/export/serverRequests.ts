import { boundedBytes } from '../../functions/common/boundedBytes.js';
import { openDispatchers } from '../../functions/adapters/dispatchers.js';
import { noCredentials } from '../../functions/adapters/source/credentials/none.js';
import type { SourceCredentials } from '../../functions/adapters/source/credentials/sourceCredentials.js';
import {
  dateOf,
  decoded,
  discard,
  headerOf,
  retryAfterOf,
  type SourceCall,
  SourceRequests,
  type SourceResponse,
} from '../../functions/adapters/source/sourceRequests.js';
import type { ProxySettings } from '../../functions/settings/proxySettings.js';
import { isPrivateUrl } from '../../functions/settings/clientAuthentication.js';
import { UsageError } from '../command.js';
import { failureOf, inClientWords, ServerFailure } from './serverFailure.js';

/** Until headers are there, and between two parts of a body. */
const TIMEOUT_SECONDS = 120;
const KEEP_ALIVE_MS = 4_000;
const MAX_REDIRECTS = 5;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];
/** Manifests, reports and outcomes. */
const MAX_BYTES = 67_108_864;
/** Statuses that pass: https://www.rfc-editor.org/rfc/rfc9110#section-15 */
const BUSY: readonly number[] = [408, 425, 429, 500, 502, 503, 504];

/** An answer with its body, which is short. */
export interface Answer {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  /** 0 where it does not say. */
  readonly retryAfterMs: number;
  /** The server's clock. */
  readonly date: number | undefined;
  readonly body: Buffer;
}

/** How the server is reached. */
export interface Access {
  readonly credentials?: SourceCredentials;
  readonly ca?: string | undefined;
  readonly proxy?: ProxySettings;
  readonly signal?: AbortSignal;
}

/** Requests to the server and to where its files are. Credentials go to the server of the base URL alone. */
export class ServerRequests {
  readonly signal: AbortSignal | undefined;
  readonly #base: URL;
  readonly #requests: SourceRequests;

  constructor(baseUrl: string, { credentials = noCredentials, ca, proxy, signal }: Access = {}) {
    this.#base = new URL(baseUrl);
    this.signal = signal;
    const timeoutMs = TIMEOUT_SECONDS * 1000;
    const dispatchers = openDispatchers({ ca, proxy, timeoutMs, keepAliveMs: KEEP_ALIVE_MS });
    this.#requests = new SourceRequests(dispatchers, credentials, TIMEOUT_SECONDS);
  }

  /** @throws ServerFailure where there is no answer */
  async ask(call: SourceCall): Promise<Answer> {
    const response = await this.open(call);
    try {
      const body = await boundedBytes(decoded(response), MAX_BYTES);
      if (body === undefined)
        throw new ServerFailure(`The server answered with more than ${MAX_BYTES} bytes.`, false);
      return {
        status: response.statusCode,
        header: (name) => headerOf(response, name),
        retryAfterMs: retryAfterOf(response),
        date: dateOf(response),
        body,
      };
    } catch (error) {
      throw this.faultOf(error);
    }
  }

  /**
   * An answer whose body the caller has to read or discard. A GET follows redirects.
   * @throws ServerFailure where there is none; what the signal is aborted with
   */
  async open(call: SourceCall, redirects = 0): Promise<SourceResponse> {
    if (!isPrivateUrl(new URL(call.url)) && this.#base.protocol === 'https:') {
      throw new ServerFailure('The server names a URL that is not by https, which is not asked for.', false);
    }
    const isOpen = call.isOpen === true || !this.isOwn(call.url);
    let response: SourceResponse;
    try {
      response = await this.#requests.open({ ...call, isOpen }, this.signal);
    } catch (error) {
      throw this.faultOf(error);
    }
    const place = REDIRECTS.includes(response.statusCode) ? headerOf(response, 'location') : undefined;
    if (place === undefined || !URL.canParse(place, call.url) || call.method !== 'GET') return response;
    await discard(response);
    if (redirects === MAX_REDIRECTS) throw new ServerFailure('The server redirects without an end.', false);
    return this.open({ ...call, url: new URL(place, call.url).href }, redirects + 1);
  }

  /** Whether a URL is the server's own, to which credentials may go. */
  isOwn(url: string): boolean {
    const { origin, username } = new URL(url);
    return origin === this.#base.origin && username === '';
  }

  /** What an answer other than success means. @param what the subject of the sentence */
  refusal(what: string, status: number, waitMs: number, isOpen: boolean): ServerFailure {
    const remedies: Readonly<Record<number, string>> = {
      401: isOpen
        ? 'it wants credentials, which are sent to the server of --base alone'
        : inClientWords(this.#requests.credentials.remedy),
      403: isOpen ? 'its link has expired, or does not allow it' : 'these credentials do not allow it',
      404: 'the server does not have it (any more)',
      410: 'the server does not have it any more',
    };
    const remedy = remedies[status];
    const message = `${what} was answered with ${status}${remedy === undefined ? '' : `: ${remedy}`}`;
    return new ServerFailure(message.replace(/\.?$/, '.'), BUSY.includes(status), waitMs);
  }

  /** The failure of a request or a body. @throws what the signal is aborted with; UsageError */
  faultOf(error: unknown): ServerFailure {
    this.signal?.throwIfAborted();
    if (error instanceof ServerFailure) return error;
    // Of credentials that are read anew.
    if (error instanceof UsageError) throw error;
    return failureOf(this.#requests.faultOf(error));
  }
}
