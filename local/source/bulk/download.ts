import type { IncomingHttpHeaders } from 'node:http';
import type { Answer } from '../answer.js';
import { OutcomeError } from '../outcome.js';
import type { ExportFile } from './exportFile.js';

export const FHIR_NDJSON = 'application/fhir+ndjson';

/** Answers a request for a file, or for a range of it (RFC 9110, 13 and 14). @throws OutcomeError with 412 or 416 */
export function download(
  file: ExportFile,
  headers: IncomingHttpHeaders,
  { etag, hasRanges }: { etag: string | undefined; hasRanges: boolean },
): Answer {
  const match = headers['if-match'];
  if (match !== undefined && match !== '*' && match !== etag) {
    throw new OutcomeError(412, 'invalid', 'The file has another ETag');
  }
  const { size } = file;
  const common = {
    ...(etag === undefined ? {} : { ETag: etag }),
    ...(hasRanges ? { 'Accept-Ranges': 'bytes' } : {}),
  };
  const ifRange = headers['if-range'];
  const isWanted = hasRanges && (ifRange === undefined || ifRange === etag);
  const range = isWanted ? readRange(headers.range, size) : undefined;
  if (range === undefined) return answer(200, file, 0, size, common);
  const [from, to] = range;
  if (from >= to) {
    const length = { ...common, 'Content-Range': `bytes */${size}` };
    throw new OutcomeError(416, 'invalid', 'The file has no such range', length);
  }
  return answer(206, file, from, to, { ...common, 'Content-Range': `bytes ${from}-${to - 1}/${size}` });
}

function answer(
  status: number,
  file: ExportFile,
  from: number,
  to: number,
  headers: Record<string, string>,
): Answer {
  const body = { size: to - from, chunks: file.read(from, to) };
  return { status, body, contentType: FHIR_NDJSON, headers };
}

/** From inclusive to exclusive; `undefined` where there is no range, or several, or one in another unit. */
function readRange(header: string | undefined, size: number): [number, number] | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  if (first === '') return [Math.max(0, size - Number(last)), size];
  return [Number(first), last === '' ? size : Math.min(size, Number(last) + 1)];
}
