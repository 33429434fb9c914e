import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AppFunction, Worker } from '../worker/worker.js';
import { isAuthorized, type FunctionKeys } from './keys.js';
import { BodyTooLargeError, httpData, readBody, triggerMetadata } from './request.js';
import { sendEmpty, sendResponse } from './response.js';
import { pathParts, Route } from './routes.js';
import { StreamedExchange } from './streaming.js';

/** Brings HTTP requests to the functions with an HTTP trigger. */
export class HttpFunctions {
  readonly #worker: Worker;
  readonly #routes: Route<AppFunction>[];
  readonly #keys: FunctionKeys | undefined;
  /** Where requests are streamed to, when the app has asked for streaming. */
  readonly #proxy: string | undefined;

  constructor(
    worker: Worker,
    options: { routePrefix: string; keys?: FunctionKeys | undefined; proxy?: string | undefined },
  ) {
    this.#worker = worker;
    this.#keys = options.keys;
    this.#proxy = options.proxy;
    this.#routes = worker.functions
      .filter(({ trigger }) => trigger.type.toLowerCase() === 'httptrigger')
      .map((fn) => {
        const { route, methods } = fn.trigger;
        const template = `${options.routePrefix}/${route ?? fn.name}`;
        return new Route(
          template,
          methods?.map((method) => method.toUpperCase()),
          fn,
        );
      })
      // As the real host does: the first that matches wins, however general it is.
      .sort((a, b) => compareNames(a.value.name, b.value.name));
  }

  /** Answers a request: 404 without a body where no function has its path and method. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const url = requestUrl(request);
    if (path.startsWith('//')) {
      sendEmpty(response, 404);
      return;
    }
    const parts = pathParts(path);
    for (const route of this.#routes) {
      const params = route.match(request.method ?? 'GET', parts);
      if (!params || !url) continue;
      const { authLevel } = route.value.trigger;
      if (!isAuthorized(authLevel ?? 'function', request, url.searchParams, this.#keys)) {
        sendEmpty(response, 401);
      } else if (this.#proxy === undefined) {
        await this.#callBuffered(route.value, request, response, url, params);
      } else {
        await this.#callStreamed(route.value, this.#proxy, request, response, url, params);
      }
      return;
    }
    sendEmpty(response, 404);
  }

  async #callBuffered(
    fn: AppFunction,
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    params: Record<string, string>,
  ): Promise<void> {
    let body: Buffer;
    try {
      body = await readBody(request);
    } catch (error) {
      // Otherwise the client has broken off the request.
      if (error instanceof BodyTooLargeError) sendEmpty(response, 413);
      return;
    }
    try {
      const { returnValue } = await this.#worker.invoke(fn, {
        triggerData: { http: httpData(request, url, params, body) },
        triggerMetadata: triggerMetadata(request, url, params),
      });
      sendResponse(response, returnValue);
    } catch {
      // The worker has logged it.
      sendEmpty(response, 500);
    }
  }

  async #callStreamed(
    fn: AppFunction,
    proxy: string,
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    params: Record<string, string>,
  ): Promise<void> {
    const invocationId = randomUUID();
    const exchange = new StreamedExchange(request, response);
    const forwarded = exchange.forward(proxy, invocationId, url).catch(() => exchange.end(500));
    let isEmpty = false;
    try {
      await this.#worker.invoke(fn, {
        invocationId,
        triggerData: null,
        triggerMetadata: triggerMetadata(request, url, params),
        onResult: (result) => {
          isEmpty = result === undefined || result === null;
        },
      });
    } catch {
      // The worker has logged it. The proxy would leave the response open.
      exchange.end(500);
      return;
    }
    if (isEmpty) exchange.end(204);
    await forwarded;
  }
}

/** Ordinal, without regard to case. */
function compareNames(a: string, b: string): number {
  const [first, second] = [a.toUpperCase(), b.toUpperCase()];
  if (first === second) return 0;
  return first < second ? -1 : 1;
}

/** The request's URL, absolute; undefined when the request's own parts make none. */
function requestUrl(request: IncomingMessage): URL | undefined {
  const host = request.headers.host ?? `localhost:${request.socket.localPort}`;
  try {
    return new URL(`http://${host}${request.url ?? '/'}`);
  } catch {
    return undefined;
  }
}
