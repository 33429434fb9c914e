import { once } from 'node:events';
import {
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { sendEmpty } from './response.js';

/** What the real host forwards of a body, with its defaults. */
const MAX_BODY_BYTES = 110 * 1024 * 1024;
/** How long the real host waits for a function that answers and leaves the rest of its request unread. */
const MAX_UNREAD_MS = 8000;

const INVOCATION_ID = 'x-ms-invocation-id';

/**
 * One request that is streamed to a function and back, through the proxy that the programming model opens
 * (`HttpUri` among its capabilities). As on the real host, the proxy writes a response's body as fast as the
 * function's stream gives it, an answer that does not come from the function is not passed on, and one to a request
 * that the function stopped reading is lost.
 */
export class StreamedExchange {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  #aborted = false;
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
        [INVOCATION_ID]: invocationId,
        'x-forwarded-host': origin.host,
        'x-forwarded-proto': 'http',
      },
      agent: false,
    });
    this.#stop = () => outgoing.destroy();
    // After the answer has begun nothing waits for this, and the function need not have read all of the request.
    outgoing.on('error', () => undefined);
    let bytes = 0;
    this.#request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) this.end(500);
    });
    this.#request.pipe(outgoing);
    try {
      const [answer]: IncomingMessage[] = await once(outgoing, 'response');
      // What the worker's server refuses by itself never reaches the function: the host waits for it in vain.
      if (answer?.headers[INVOCATION_ID] === undefined) return;
      if (await isSent(outgoing)) await this.#relay(answer);
      else this.end(500);
    } catch (error) {
      if (!this.#aborted) throw error;
    } finally {
      // What is left of the request would block the next one on the client's connection.
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

  async #relay(answer: IncomingMessage): Promise<void> {
    const response = this.#response;
    const { connection, [INVOCATION_ID]: invocation, ...headers } = answer.headers;
    void connection;
    void invocation;
    response.writeHead(answer.statusCode ?? 200, headers);
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      await new Promise((taken) => response.write(chunk, taken));
    }
    response.end();
  }

  #abort(): void {
    this.#aborted = true;
    this.#stop();
  }
}

/** Whether the request is sent to its end, or gets there in time. */
async function isSent(outgoing: ClientRequest): Promise<boolean> {
  if (outgoing.writableFinished) return true;
  try {
    await once(outgoing, 'finish', { signal: AbortSignal.timeout(MAX_UNREAD_MS) });
    return true;
  } catch {
    return false;
  }
}
