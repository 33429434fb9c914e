import { createGunzip, createInflate } from 'node:zlib';
import { pipeline, type Readable } from 'node:stream';
import { type Dispatcher, request as send } from 'undici';
import { ExportError } from '../../common/errors.js';
import type { Dispatchers } from '../dispatchers.js';
import { networkFault } from '../networkFault.js';
import { retryAfterMs } from '../retryAfter.js';
import type { SourceCredentials, SourceHeader } from './credentials/sourceCredentials.js';

export type SourceResponse = Dispatcher.ResponseData;

/** A request to the source. */
export interface SourceCall {
  url: string;
  method: 'GET' | 'POST' | 'DELETE';
  headers: Readonly<Record<string, string>>;
  body?: string | undefined;
  /** Whether it goes without the credentials of the source. */
  isOpen?: boolean;
  /** Called with each request that is sent. */
  onRequest?: (() => void) | undefined;
}

/** Sends requests with the connections and the credentials of the source: no redirects, faults without their URLs. */
export class SourceRequests {
  readonly credentials: SourceCredentials;
  readonly #dispatcherFor: Dispatchers;
  readonly #timeoutSeconds: number;

  /** @param timeoutSeconds for messages */
  constructor(dispatcherFor: Dispatchers, credentials: SourceCredentials, timeoutSeconds: number) {
    this.credentials = credentials;
    this.#dispatcherFor = dispatcherFor;
    this.#timeoutSeconds = timeoutSeconds;
  }

  /**
   * Any answer, whose body the caller has to read or discard; one more request where the source refuses a header that
   * can be renewed.
   * @param renewed a header to use after the source refused the one before
   * @throws ExportError where there is none
   */
  async open(call: SourceCall, signal?: AbortSignal, renewed?: SourceHeader): Promise<SourceResponse> {
    const { url, method, headers, body, isOpen = false } = call;
    const header = isOpen ? undefined : (renewed ?? (await this.credentials.header()));
    let response: SourceResponse;
    call.onRequest?.();
    try {
      response = await send(url, {
        dispatcher: this.#dispatcherFor(new URL(url)),
        method,
        headers: { ...(header === undefined ? {} : { [header.name]: header.value }), ...headers },
        ...(signal === undefined ? {} : { signal }),
        ...(body === undefined ? {} : { body }),
      });
    } catch (error) {
      throw this.faultOf(error, signal);
    }
    if (response.statusCode !== 401 || header === undefined || renewed !== undefined) return response;
    await discard(response);
    const other = await this.credentials.renewed(header);
    return other === undefined ? response : this.open(call, signal, other);
  }

  /** What a failed request or body means. The cause holds the URL with its search values, so it is dropped. */
  faultOf(error: unknown, signal?: AbortSignal): ExportError {
    if (error instanceof ExportError) return error;
    if (signal?.aborted === true) {
      // Not asked again just so: the caller may ask for less.
      return new ExportError(
        'source-timeout',
        `The source did not answer within SOURCE_TIMEOUT_SECONDS (${this.#timeoutSeconds} s).`,
        true,
      );
    }
    return new ExportError(
      'source-unreachable',
      `The source cannot be reached or cut the connection (${networkFault(error)}). Check FHIR_SERVER_URL, its name resolution, network and certificate.`,
      true,
    );
  }
}

export function headerOf({ headers }: SourceResponse, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** The body without the codings that were asked for. Whatever else a source may use does not look like JSON. */
export function decoded(response: SourceResponse): Readable {
  const coding = headerOf(response, 'content-encoding')?.trim().toLowerCase();
  const decoder =
    coding === 'gzip' || coding === 'x-gzip'
      ? createGunzip()
      : coding === 'deflate'
        ? createInflate()
        : undefined;
  if (decoder === undefined) return response.body;
  // A failure of either ends both, and the reader of the stream reports it.
  return pipeline(response.body, decoder, () => undefined);
}

/** Gives up a body that is not read; the connection may be kept where little is left of it. */
export async function discard({ body }: SourceResponse): Promise<void> {
  await body.dump().catch(() => undefined);
}

/** By the source's clock, where it says. */
export function retryAfterOf(response: SourceResponse): number {
  return retryAfterMs(headerOf(response, 'retry-after'), dateOf(response) ?? Date.now());
}

export function dateOf(response: SourceResponse): number | undefined {
  const date = Date.parse(headerOf(response, 'date') ?? '');
  return Number.isNaN(date) ? undefined : date;
}
