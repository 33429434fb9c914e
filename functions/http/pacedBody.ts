import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';

/** What may wait in memory for a client to take it, besides the buffers of the stream itself. */
const MAX_WAITING_BYTES = 512 * 1024;

/**
 * A stream as the body of an answer, no further ahead of the client than half a MiB. Where it cannot be given whole,
 * because it breaks or because the time is over, the connection is aborted, so that no client takes a part for the
 * whole. It never throws: a download that a client breaks off is no error.
 * @param response the connection on which the answer goes out; without one, the body can only end early
 * @param mostMs how long the whole answer may take, from now on
 */
export function pacedBody(
  stream: Readable,
  response: ServerResponse | undefined,
  mostMs: number,
): ReadableStream<Uint8Array> {
  const chunks: AsyncIterator<Uint8Array> = stream[Symbol.asyncIterator]();
  const abort = (): void => void response?.destroy();
  const timer = setTimeout(() => {
    abort();
    stream.destroy();
  }, mostMs).unref();
  const end = (): void => {
    clearTimeout(timer);
    response?.off('close', end);
    stream.destroy();
  };
  response?.once('close', end);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          if (response !== undefined) await taken(response);
          const next = response?.destroyed === true ? undefined : await chunks.next();
          if (next !== undefined && next.done !== true) {
            controller.enqueue(next.value);
            return;
          }
        } catch {
          // The answer has begun, so there is no other way to say so.
          abort();
        }
        end();
        controller.close();
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  );
}

/** Waits until the client has taken what was written, or is gone. */
function taken(response: ServerResponse): Promise<void> | undefined {
  if (response.destroyed || response.writableLength < MAX_WAITING_BYTES) return undefined;
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}
