import type { IncomingMessage } from 'node:http';
import type { HttpData, TypedData } from '../worker/rpc.js';

/** The request's body is larger than the host takes. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
}

/** The default of the real host. */
const MAX_BODY_BYTES = 100 * 1024 * 1024;

/**
 * Reads a body to its end.
 *
 * @throws BodyTooLargeError beyond 100 MB.
 */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES)
      throw new BodyTooLargeError(`A request body may have ${MAX_BODY_BYTES} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Headers with several values have them joined by a comma. */
function headersOf(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(',') : value;
  }
  return headers;
}

/** Query parameters, decoded; of those that repeat (in whatever case) the values are joined by a comma. */
function mergedQuery(query: URLSearchParams): Record<string, string> {
  const merged = new Map<string, { name: string; value: string }>();
  for (const [name, value] of query) {
    const known = merged.get(name.toLowerCase());
    if (known) known.value += `,${value}`;
    else merged.set(name.toLowerCase(), { name, value });
  }
  return Object.fromEntries([...merged.values()].map(({ name, value }) => [name, value]));
}

/** The request as the trigger of a function receives it. */
export function httpData(
  request: IncomingMessage,
  url: URL,
  params: Record<string, string>,
  body: Buffer,
): HttpData {
  return {
    method: request.method ?? 'GET',
    url: url.origin + (request.url ?? '/'),
    headers: headersOf(request),
    params,
    query: mergedQuery(url.searchParams),
    body: body.length === 0 ? null : { bytes: body },
  };
}

/** What a function with a streamed request learns beside it. */
export function triggerMetadata(
  request: IncomingMessage,
  url: URL,
  params: Record<string, string>,
): Record<string, TypedData> {
  const metadata: Record<string, TypedData> = {};
  for (const [name, value] of Object.entries(params)) metadata[name] = { string: value };
  metadata['Query'] = { json: JSON.stringify(mergedQuery(url.searchParams)) };
  metadata['Headers'] = { json: JSON.stringify(headersOf(request)) };
  return metadata;
}
