import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';

const INVOCATION_ID = 'x-ms-invocation-id';
const open = new Map<string, ServerResponse>();

/**
 * Keeps the connections on which streamed answers go out, by invocation, each until it is closed: the programming
 * model writes a stream as fast as it gives, so whoever makes a large one has to look at its connection. To be called
 * once, before the first request.
 */
export function watchResponses(): void {
  subscribe('http.server.request.start', (message) => {
    const { request, response } = message as { request: IncomingMessage; response: ServerResponse };
    const invocationId = request.headers[INVOCATION_ID];
    if (typeof invocationId !== 'string') return;
    // The programming model gives no function the body of these, and what is not read breaks the host's forwarding.
    if (request.method === 'GET' || request.method === 'HEAD') request.resume();
    open.set(invocationId, response);
    // Where the client goes away, the model goes on writing: an error that nobody can do anything about.
    response.on('error', () => undefined);
    response.once('close', () => open.delete(invocationId));
  });
}

/** The connection on which an invocation answers; undefined where it is closed, or answers are not streamed. */
export function responseOf(invocationId: string): ServerResponse | undefined {
  return open.get(invocationId);
}
