import type { Readable } from 'node:stream';
import { constants, createGzip } from 'node:zlib';
import { ExportError } from '../common/errors.js';
import {
  type ExportManifest,
  manifestFiles,
  REPORT_FILE,
  REPORT_PAGE_FILE,
  reportFiles,
  SHARED_REPORT_FILE,
  typesInFile,
} from '../export/output/manifest.js';
import { REPORT_POLICY } from '../export/report/reportPage.js';
import { filesOfPages, mayShowEarly } from '../export/output/manifestPages.js';
import { errorIssue } from '../fhir/operationOutcome.js';
import { acceptsCoding, type ByteRange, isRangeCurrent, matchesETag, readByteRange } from './byteRange.js';
import type { HttpDependencies } from './dependencies.js';
import { requireAccess, requireTypes } from './authorization/caller.js';
import { readJobId, unknownJob, visibleTo } from './jobOfPath.js';
import { expiryOf, type KnownState, stateOf } from '../jobs/model/state.js';
import { pacedBody } from './pacedBody.js';
import { decoded } from './pathParameter.js';
import { RequestError } from './respond.js';
import { responseOf } from './responseConnections.js';
import { FUNCTION_TIMEOUT_SECONDS } from '../settings/crossChecks.js';
import type { Handler } from './handler.js';

/** The host ends a call at `functionTimeout`, which a client could take for the end of the file. */
const MAX_MS = (FUNCTION_TIMEOUT_SECONDS - 60) * 1000;
/**
 * A file that is larger goes uncompressed, since it may take longer than a call does, and a compressed one cannot be
 * resumed: for a client of 1 Mbit/s, and lines that are compressed to a quarter (to an eighth is usual).
 */
export const MAX_COMPRESSED_BYTES = (MAX_MS / 1000) * 125_000 * 4;

/** Of the files that have no lines. */
const MEDIA_TYPES: Readonly<Record<string, string>> = {
  [REPORT_FILE]: 'application/json',
  [SHARED_REPORT_FILE]: 'application/json',
  [REPORT_PAGE_FILE]: 'text/html; charset=utf-8',
};

/**
 * Streams a file that the manifest of a complete job names, and no other: as a whole, compressed where the client
 * takes gzip, or the part that a `Range` asks for.
 */
export function downloadFile(dependencies: HttpDependencies): Handler {
  const { jobs, files } = dependencies;
  return async (request, _client, context, caller) => {
    // Before anything is waited for: it is forgotten when the client goes away.
    const response = responseOf(context.invocationId);
    const bodyOf = (stream: Readable): ReturnType<typeof pacedBody> => pacedBody(stream, response, MAX_MS);
    const jobId = readJobId(request);
    const state = visibleTo(caller, stateOf(await jobs.records(jobId)));
    const { request: job } = state;
    requireAccess(caller, job);
    const given = await givenFiles(dependencies, state);
    const file = decoded(request.params['file'] ?? '');
    if (file !== undefined) requireTypes(caller, typesInFile(given, file));
    if (file === undefined || !given.names.includes(file)) {
      throw new ExportError('not-found', 'The manifest of this export names no such file.');
    }
    const name = `${job.folder}${file}`;
    const { bytes, etag, lastModified } = await files.properties(job.container, name);
    const { headers } = request;
    const common = {
      'content-type': MEDIA_TYPES[file] ?? 'application/fhir+ndjson',
      ...(file === REPORT_PAGE_FILE ? { 'content-security-policy': `${REPORT_POLICY}; sandbox` } : {}),
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
    const isGzip =
      range === 'whole' &&
      bytes > 0 &&
      bytes <= MAX_COMPRESSED_BYTES &&
      acceptsCoding(headers.get('accept-encoding'), 'gzip');
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
    const read = (part?: ByteRange): Promise<Readable> => files.open(job.container, name, { etag, part });
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
        body: bodyOf(await read(range)),
      };
    }
    if (isGzip) {
      return {
        status: 200,
        headers: { ...common, etag: ownEtag, 'content-encoding': 'gzip' },
        ...(isHead ? {} : { body: bodyOf(compressed(await read())) }),
      };
    }
    return {
      status: 200,
      headers: { ...common, 'content-length': String(bytes) },
      ...(isHead || bytes === 0 ? {} : { body: bodyOf(await read()) }),
    };
  };
}

interface GivenFiles extends Pick<ExportManifest, 'output' | 'deleted' | 'error'> {
  names: string[];
}

/** The files that callers may have: of a complete job, and of pages of the manifest of a running one. */
async function givenFiles({ settings, jobs, now }: HttpDependencies, state: KnownState): Promise<GivenFiles> {
  const { jobId } = state.request;
  if (state.name === 'running' && mayShowEarly(state.request)) {
    const given = filesOfPages((await jobs.manifestPages(jobId)) ?? { pages: [] });
    return { ...given, names: manifestFiles(given) };
  }
  const manifest = state.name === 'completed' ? await jobs.manifest(jobId) : undefined;
  if (state.name !== 'completed' || manifest === undefined) throw unknownJob();
  if (expiryOf(state, settings.jobRetentionHours) <= now()) throw unknownJob();
  return { ...manifest, names: [...manifestFiles(manifest), ...reportFiles(manifest)] };
}

function compressed(stream: Readable): Readable {
  const gzip = createGzip({ level: constants.Z_BEST_SPEED });
  // Where the file breaks off, so does the compressed one.
  stream.on('error', (error) => gzip.destroy(error));
  gzip.on('close', () => stream.destroy());
  return stream.pipe(gzip);
}
