import { Readable } from 'node:stream';
import { constants, createGzip } from 'node:zlib';
import type { HttpResponseInit } from '@azure/functions';
import { ExportError } from '../errors.js';
import { manifestFiles, REPORT_FILE, typesInFile } from '../export/output/manifest.js';
import { errorIssue } from '../export/output/operationOutcome.js';
import { acceptsGzip, type ByteRange, isRangeCurrent, matchesETag, readByteRange } from './byteRange.js';
import type { HttpDependencies } from './dependencies.js';
import { maySee, requireAccess, requireTypes } from './authorization/caller.js';
import { readJobId, unknownJob } from './jobId.js';
import { RequestError } from './respond.js';
import type { Handler } from './handler.js';

/**
 * Streams a file that the manifest of a complete job names, and no other: as a whole, compressed where the client
 * takes gzip, or the part that a `Range` asks for.
 */
export function downloadFile({ jobs, files }: HttpDependencies): Handler {
  return async (request, _client, _context, caller) => {
    const jobId = readJobId(request);
    const [job, stop, outcome, manifest] = await Promise.all([
      jobs.request(jobId),
      jobs.stop(jobId),
      jobs.outcome(jobId),
      jobs.manifest(jobId),
    ]);
    // How a job ended tells its outcome: a stop that came after it counts only where it is a cancel.
    if (
      job === undefined ||
      manifest === undefined ||
      stop?.reason === 'cancelled' ||
      outcome?.state !== 'completed'
    ) {
      throw unknownJob();
    }
    if (!maySee(caller, job)) throw unknownJob();
    requireAccess(caller, job);
    // The host gives path parameters as they were sent.
    const file = decoded(request.params['file'] ?? '');
    if (file !== undefined) requireTypes(caller, typesInFile(manifest, file));
    if (file === undefined || ![...manifestFiles(manifest), REPORT_FILE].includes(file)) {
      throw new ExportError('not-found', 'The manifest of this export names no such file.');
    }
    const name = `${job.folder}${file}`;
    const { bytes, etag, lastModified } = await files.properties(job.container, name);
    const { headers } = request;
    const common = {
      'content-type': file === REPORT_FILE ? 'application/json' : 'application/fhir+ndjson',
      'last-modified': lastModified.toUTCString(),
      'cache-control': 'private, no-transform',
      'accept-ranges': 'bytes',
      vary: 'Accept-Encoding',
      // A browser must not take text of the data for a page.
      'x-content-type-options': 'nosniff',
      etag,
    };
    const range =
      request.method === 'GET' && isRangeCurrent(headers.get('if-range'), etag, lastModified)
        ? readByteRange(headers.get('range'), bytes)
        : 'whole';
    const isGzip = range === 'whole' && bytes > 0 && acceptsGzip(headers.get('accept-encoding'));
    // A compressed answer is another one: parts of it would not fit those of the file.
    const ownEtag = isGzip ? etag.replace(/"$/, '-gzip"') : etag;
    if (matchesETag(headers.get('if-none-match'), ownEtag)) {
      return { status: 304, headers: { ...common, etag: ownEtag } };
    }
    if (range === 'unsatisfiable') {
      throw new RequestError(
        416,
        [errorIssue('value', `Range begins behind the end of the file, which has ${bytes} bytes.`, 'Range')],
        { 'content-range': `bytes */${bytes}` },
      );
    }
    const read = (part?: ByteRange): Promise<NodeJS.ReadableStream> =>
      files.open(job.container, name, { etag, part });
    const isHead = request.method === 'HEAD';
    if (range !== 'whole') {
      const last = range.offset + range.count - 1;
      return {
        status: 206,
        headers: {
          ...common,
          'content-length': String(range.count),
          'content-range': `bytes ${range.offset}-${last}/${bytes}`,
        },
        body: toBody(await read(range)),
      };
    }
    if (isGzip) {
      return {
        status: 200,
        headers: { ...common, etag: ownEtag, 'content-encoding': 'gzip' },
        ...(isHead ? {} : { body: toBody(compressed(await read())) }),
      };
    }
    return {
      status: 200,
      headers: { ...common, 'content-length': String(bytes) },
      ...(isHead || bytes === 0 ? {} : { body: toBody(await read()) }),
    };
  };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function compressed(stream: NodeJS.ReadableStream): NodeJS.ReadableStream {
  const gzip = createGzip({ level: constants.Z_BEST_SPEED });
  // Where the file breaks off, so does the compressed one: without its end it is known to be cut.
  stream.on('error', () => gzip.destroy(new Error('cut')));
  gzip.on('close', () => (stream as Readable).destroy());
  return stream.pipe(gzip);
}

function toBody(stream: NodeJS.ReadableStream): NonNullable<HttpResponseInit['body']> {
  return Readable.toWeb(Readable.from(endEarly(stream)));
}

/** Ends a stream that breaks: its length, or its missing gzip end, shows the client that something is missing. */
async function* endEarly(stream: NodeJS.ReadableStream): AsyncGenerator<Uint8Array | string> {
  try {
    yield* stream;
  } catch {
    // The answer has begun, so there is no other way to tell.
  }
}
