import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGzip, gzip as gzipCallback, type Gzip } from 'node:zlib';
import type { Answer, StreamedBody } from './answer.js';
import type { SourceContext } from './context.js';
import { faultOf, type Fault } from './faults.js';

const gzip = promisify(gzipCallback);

/** What a truncated stream lacks. */
const TRUNCATED_BYTES = 20;

/** Sends an answer, with the faults that spoil it on its way. */
export async function send(
  context: SourceContext,
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  faults: readonly Fault[],
): Promise<void> {
  response.statusCode = answer.status;
  response.sendDate = false;
  response.setHeader('Date', new Date(context.now()).toUTCString());
  response.setHeader('Content-Type', answer.contentType);
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  const isZipped = answer.status !== 206 && isCompressed(context, request, answer, faults);
  if (isZipped) response.setHeader('Content-Encoding', 'gzip');
  if (!Buffer.isBuffer(answer.body)) {
    const cutAt = faultOf(faults, 'cut') && Math.floor(answer.body.size * context.state.faults.draw());
    await stream(request, response, answer.body, { isZipped, cutAt, faults });
    return;
  }
  let { body } = answer;
  if (faultOf(faults, 'invalidJson')) body = body.subarray(0, Math.ceil(body.length * 0.75));
  if (isZipped) body = await gzip(body, { level: 1 });
  response.setHeader('Content-Length', body.length);
  if (!faultOf(faults, 'cut')) {
    response.end(body);
    return;
  }
  response.write(body.subarray(0, body.length >> 1), () => response.destroy());
}

function isCompressed(
  { settings }: SourceContext,
  { headers }: IncomingMessage,
  { body }: Answer,
  faults: readonly Fault[],
): boolean {
  const isFile = !Buffer.isBuffer(body);
  if (isFile && settings.behaviours.includes('export-forced-gzip')) return true;
  const isOffered = settings.gzip || (isFile && faultOf(faults, 'truncatedGzip') !== undefined);
  return isOffered && /\bgzip\b/.test(headers['accept-encoding'] ?? '');
}

function fastGzip(): Gzip {
  return createGzip({ level: 1 });
}

/** How a file is sent. */
interface Sending {
  isZipped: boolean;
  /** Bytes after which the connection ends, if it does. */
  cutAt: number | undefined;
  faults: readonly Fault[];
}

async function stream(
  request: IncomingMessage,
  response: ServerResponse,
  { size, chunks }: StreamedBody,
  { isZipped, cutAt, faults }: Sending,
): Promise<void> {
  if (isZipped) {
    // Ranges and the strong ETag are those of the file as it is without compression.
    response.removeHeader('Accept-Ranges');
    const etag = response.getHeader('ETag');
    if (etag !== undefined) response.setHeader('ETag', `W/${String(etag)}`);
  } else response.setHeader('Content-Length', size);
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  const source = Readable.from(cutAt === undefined ? chunks : firstBytes(chunks, cutAt), {
    objectMode: false,
  });
  if (cutAt !== undefined) {
    response.flushHeaders();
    for await (const chunk of isZipped ? source.pipe(fastGzip()) : source) {
      await new Promise<unknown>((resolve) => response.write(chunk, resolve));
    }
    response.destroy();
  } else if (!isZipped) await pipeline(source, response);
  else if (faultOf(faults, 'truncatedGzip')) await pipeline(source, fastGzip(), withoutEnd, response);
  else await pipeline(source, fastGzip(), response);
}

async function* withoutEnd(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let kept: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const all = Buffer.concat([kept, chunk]);
    const end = Math.max(0, all.length - TRUNCATED_BYTES);
    if (end > 0) yield all.subarray(0, end);
    kept = all.subarray(end);
  }
}

function* firstBytes(chunks: Iterable<Buffer>, count: number): Generator<Buffer> {
  let left = count;
  for (const chunk of chunks) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}
