import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';

const INVOCATION_ID = 'x-ms-invocation-id';
const open = new Map<string, { request: IncomingMessage; response: ServerResponse }>();

/**
 * Keeps the connections on which streamed answers go out, by invocation, each until it is closed: the programming
 * model writes a stream as fast as it gives, so the function that makes a large one has to look at its connection. To be called
 * once, before the first request.
 */
export function watchResponses(): void {
  subscribe('http.server.request.start', (message) => {
    const { request, response } = message as { request: IncomingMessage; response: ServerResponse };
    const invocationId = request.headers[INVOCATION_ID];
    if (typeof invocationId !== 'string') return;
    // The programming model gives no function the body of these: it is dropped as it comes.
    if (request.method === 'GET' || request.method === 'HEAD') request.resume();
    open.set(invocationId, { request, response });
    // Where the client goes away, the model continues to write: nothing can be done about that error.
    response.on('error', () => undefined);
    response.once('close', () => open.delete(invocationId));
  });
}

/** The connection on which an invocation answers; undefined where it is closed, or answers are not streamed. */
export function responseOf(invocationId: string): ServerResponse | undefined {
  return open.get(invocationId)?.response;
}

/** Waits until the request of an invocation has come whole, or its client is gone. Its body has to be read meanwhile. */
export async function requestIsOver(invocationId: string): Promise<void> {
  const request = open.get(invocationId)?.request;
  if (request === undefined || request.complete || request.destroyed) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      request.off('end', done).off('close', done);
      resolve();
    };
    request.on('end', done).on('close', done);
  });
}
