import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { request as send } from 'undici';
import { ExportError } from '../../common/errors.js';
import type { RegistrySettings } from '../../settings/registrySettings.js';
import { type Dispatchers, openDispatchers } from '../dispatchers.js';
import { networkFault } from '../networkFault.js';
import { retryAfterMs } from '../retryAfter.js';
import { boundedBytes } from '../../common/boundedBytes.js';

export interface RegistryRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH';
  url: URL;
  headers: Readonly<Record<string, string>>;
  body?: string | Uint8Array;
}

export interface RegistryResponse {
  status: number;
  /** Names in lower case. */
  headers: Record<string, string>;
  body: Readable;
}

const MAX_ATTEMPTS = 4;
const FIRST_WAIT_MS = 300;
/** A registry that asks to wait longer is not waited for: the caller of the kick-off waits, too. */
const MAX_WAIT_MS = 10_000;
const MAX_REDIRECTS = 3;
const ANSWER_TIMEOUT_MS = 20_000;

/**
 * Sends requests to registries, over TLS alone. Two rules hold here for whatever speaks through it: only hosts
 * of the setting are contacted, and what leads elsewhere (the storage behind a registry) gets no credentials.
 */
export class RegistryTransport {
  readonly #hosts: ReadonlySet<string>;
  readonly #dispatcherFor: Dispatchers;

  constructor({ hosts, ca, proxy }: Pick<RegistrySettings, 'hosts' | 'ca' | 'proxy'>) {
    this.#hosts = hosts;
    this.#dispatcherFor = openDispatchers({ ca, proxy, timeoutMs: ANSWER_TIMEOUT_MS, keepAliveMs: 1_000 });
  }

  /** Whether requests may go there, with credentials. */
  isRegistered(url: URL): boolean {
    return url.protocol === 'https:' && this.#hosts.has(url.host) && url.username === '';
  }

  /**
   * Sends a request to a registered registry; tries again on 408, 429, 5xx and cut connections. Follows no redirect.
   * @throws ExportError where there is no answer, or one that says to come again
   */
  async send(request: RegistryRequest, signal: AbortSignal): Promise<RegistryResponse> {
    if (!this.isRegistered(request.url)) throw notRegistered(request.url.host);
    return this.#send(request, signal);
  }

  /**
   * Gets a blob, which registries keep in storage elsewhere: up to three redirects are followed, over https, and no
   * header of the request goes with them.
   */
  async getBlob(request: RegistryRequest, signal: AbortSignal): Promise<RegistryResponse> {
    let response = await this.send(request, signal);
    for (let { url } = request, redirects = 0; isRedirect(response); redirects++) {
      discard(response);
      const location = response.headers['location'] ?? '';
      const target = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
      if (target?.protocol !== 'https:' || target.username !== '' || redirects >= MAX_REDIRECTS) {
        throw unavailable(
          `The registry ${request.url.host} leads to a place that is not followed: more than ${MAX_REDIRECTS} redirects, or not https.`,
          false,
        );
      }
      response = await this.#send({ method: 'GET', url: target, headers: {} }, signal);
      if (!isRedirect(response) && response.status !== 200) {
        discard(response);
        throw unavailable(
          `The storage of the registry ${request.url.host}, at ${target.host}, answered ${response.status}. See to the firewall of the registry's storage.`,
        );
      }
      url = target;
    }
    return response;
  }

  async #send(request: RegistryRequest, signal: AbortSignal): Promise<RegistryResponse> {
    const { host } = request.url;
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#try(request, signal);
      if ('status' in answer) return answer;
      const { error, waitMs } = answer;
      const wait = Math.max(waitMs, FIRST_WAIT_MS * 2 ** (attempt - 1) * (0.5 + Math.random()));
      if (attempt >= MAX_ATTEMPTS || wait > MAX_WAIT_MS) throw error;
      await sleep(wait, undefined, { signal }).catch(() => {
        throw outOfTime(host);
      });
    }
  }

  async #try(
    { method, url, headers, body }: RegistryRequest,
    signal: AbortSignal,
  ): Promise<RegistryResponse | { error: ExportError; waitMs: number }> {
    const { host } = url;
    try {
      const answer = await send(url.href, {
        dispatcher: this.#dispatcherFor(url),
        method,
        headers,
        body: body ?? null,
        signal,
      });
      const response = { status: answer.statusCode, headers: flat(answer.headers), body: answer.body };
      if (![408, 429].includes(response.status) && response.status < 500) return response;
      discard(response);
      return {
        error: unavailable(
          `The registry ${host} kept answering ${answer.statusCode}. Try again when it is less busy.`,
        ),
        waitMs: retryAfterMs(response.headers['retry-after'], Date.now()),
      };
    } catch (error) {
      if (signal.aborted) throw outOfTime(host);
      return {
        error: unavailable(`The registry ${host} cannot be reached: ${networkFault(error)}.`),
        waitMs: 0,
      };
    }
  }
}

/** The body of an answer that is to be short, as text. */
export async function readText(response: RegistryResponse, host: string, mostBytes: number): Promise<string> {
  return (await readBytes(response.body, host, mostBytes)).toString('utf8');
}

/** @throws ExportError where there are more than `mostBytes`, or the connection is cut */
export async function readBytes(
  source: AsyncIterable<Uint8Array>,
  host: string,
  mostBytes: number,
): Promise<Buffer> {
  const bytes = await boundedBytes(source, mostBytes).catch((error: unknown) => {
    throw cutOff(error, host);
  });
  if (bytes !== undefined) return bytes;
  throw unavailable(
    `The registry ${host} answered with more than the ${mostBytes} bytes that are taken.`,
    false,
  );
}

/** Gives up the rest of an answer. */
export function discard({ body }: RegistryResponse): void {
  body.on('error', () => undefined).destroy();
}

/** A fault while a body was read, as an ExportError. */
export function cutOff(error: unknown, host: string): ExportError {
  if (error instanceof ExportError) return error;
  if (error instanceof Error && /^(AbortError|TimeoutError)$/.test(error.name)) return outOfTime(host);
  return unavailable(`The registry ${host} did not send all of an answer: ${networkFault(error)}.`);
}

export function notRegistered(host: string): ExportError {
  return new ExportError(
    'invalid-request',
    `_anonymizationConfigCollectionReference: the registry ${host} is not among those of the setting ANONYMIZATION_REGISTRIES, or not with this repository. Use a registered one, or have it added there.`,
  );
}

function unavailable(problem: string, retryable = true): ExportError {
  return new ExportError('registry-unavailable', problem, retryable);
}

function outOfTime(host: string): ExportError {
  return unavailable(
    `The registry ${host} took too long to send the image. Try again; a smaller image is quicker.`,
  );
}

function isRedirect({ status }: RegistryResponse): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

function flat(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  );
}
