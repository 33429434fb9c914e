import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { ReadableStream } from 'node:stream/web';
import { sendEmpty } from './response.js';

/** How far a function's body may be ahead of what the client has taken. */
const WINDOW_BYTES = 1024 * 1024;

/** The client has gone away, or the function has failed: there is no one to stream to. */
class ExchangeAbortedError extends Error {
  override readonly name = 'ExchangeAbortedError';
}

/**
 * One request that is streamed to a function and back, through the proxy that the programming model opens
 * (`HttpUri` among its capabilities). The proxy writes a response's body as fast as the function's stream
 * gives it; here the stream is held back while the client lags behind.
 */
export class StreamedExchange {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  #ahead = 0;
  #aborted = false;
  #changed: (() => void) | undefined;
  #stop: () => void = () => {};

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.#request = request;
    this.#response = response;
    response.once('close', () => {
      if (!response.writableFinished) this.#abort();
    });
  }

  /** Sends the request to the proxy and the proxy's answer to the client. Resolves when the answer is sent. */
  async forward(proxy: string, invocationId: string, origin: URL): Promise<void> {
    const outgoing = httpRequest({
      hostname: '127.0.0.1',
      port: new URL(proxy).port,
      method: this.#request.method,
      path: this.#request.url,
      headers: {
        ...this.#request.headers,
        'x-ms-invocation-id': invocationId,
        'x-forwarded-host': origin.host,
        'x-forwarded-proto': 'http',
      },
      agent: false,
    });
    this.#stop = () => outgoing.destroy();
    // After the answer has begun nobody waits for this, and the function need not have read all of the request.
    outgoing.on('error', () => undefined);
    this.#request.pipe(outgoing);
    try {
      const [answer]: IncomingMessage[] = await once(outgoing, 'response');
      if (answer) await this.#relay(answer);
    } catch (error) {
      if (!this.#aborted) throw error;
    } finally {
      // What is left of the request would stand in the way of the next one on the client's connection.
      this.#request.unpipe(outgoing);
      this.#request.resume();
      outgoing.destroy();
    }
  }

  /** Ends the exchange without an answer of the function. */
  end(status: number): void {
    this.#abort();
    if (!this.#response.writableEnded) sendEmpty(this.#response, status);
  }

  /** Puts a stream in a function's result under this exchange's control. Other results stay as they are. */
  holdBack(result: unknown): unknown {
    if (typeof result !== 'object' || result === null || !('body' in result)) return result;
    const { body } = result;
    if (!isStream(body)) return result;
    const { status, headers, cookies, enableContentNegotiation } = result as Record<string, unknown>;
    return {
      status,
      headers,
      cookies,
      enableContentNegotiation,
      body: ReadableStream.from(this.#paced(body)),
    };
  }

  async *#paced(body: AsyncIterable<Uint8Array | string>): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      while (this.#ahead > WINDOW_BYTES && !this.#aborted) {
        await new Promise<void>((resolve) => (this.#changed = resolve));
      }
      if (this.#aborted) throw new ExchangeAbortedError('The client has closed the connection.');
      this.#ahead += bytes.length;
      yield bytes;
    }
  }

  async #relay(answer: IncomingMessage): Promise<void> {
    const response = this.#response;
    const { connection, 'x-ms-invocation-id': invocation, ...headers } = answer.headers;
    void connection;
    void invocation;
    response.writeHead(answer.statusCode ?? 200, headers);
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      await new Promise((taken) => response.write(chunk, taken));
      this.#ahead -= chunk.length;
      this.#notify();
    }
    response.end();
  }

  #abort(): void {
    this.#aborted = true;
    this.#stop();
    this.#notify();
  }

  #notify(): void {
    this.#changed?.();
    this.#changed = undefined;
  }
}

function isStream(body: unknown): body is AsyncIterable<Uint8Array | string> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
}
