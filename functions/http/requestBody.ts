import type { HttpRequest } from '@azure/functions';
import { errorIssue } from '../fhir/operationOutcome.js';
import { RequestError } from './respond.js';

const BODY_TYPES = ['application/fhir+json', 'application/json'];
const BYTES_PER_MEBIBYTE = 1_048_576;

/**
 * The bytes of a body, which has to be JSON by its type; empty without one.
 * @param what the body has to be, for messages
 * @throws RequestError 413 where it is larger, 415 where it is something else
 */
export async function readBody(request: HttpRequest, maxMebibytes: number, what: string): Promise<Buffer> {
  const { headers } = request;
  const contentType = (headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const coding = headers.get('content-encoding')?.trim().toLowerCase() ?? 'identity';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    // What is too much is dropped but read: the host gives no answer of a function that stops in the middle.
    if (bytes <= maxMebibytes * BYTES_PER_MEBIBYTE) chunks.push(chunk);
    else chunks.length = 0;
  }
  if (bytes > maxMebibytes * BYTES_PER_MEBIBYTE) {
    throw new RequestError(413, `The body is larger than ${maxMebibytes} MiB, the most that is taken.`);
  }
  if (bytes > 0 && !BODY_TYPES.includes(contentType)) {
    throw wrongType(
      `The body must be ${what} as JSON: send it with Content-Type: application/fhir+json.`,
      'Content-Type',
    );
  }
  if (bytes > 0 && coding !== 'identity') {
    throw wrongType('The body must not be compressed: send it without Content-Encoding.', 'Content-Encoding');
  }
  return Buffer.concat(chunks);
}

function wrongType(message: string, header: string): RequestError {
  return new RequestError(415, [errorIssue('not-supported', message, header)]);
}
