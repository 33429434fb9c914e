import { fhirAnswer, type Answer } from '../answer.js';
import type { SourceContext } from '../context.js';
import { faultOf } from '../faults.js';
import { OutcomeError } from '../outcome.js';
import { alter } from './alterations.js';
import { allow, has, notThere, PATHS, type BulkCall } from './call.js';
import { download, FHIR_NDJSON } from './download.js';
import type { ExportFile } from './exportFile.js';
import { fileName, filesOf, type Job } from './jobs.js';
import { isSigned, signedUrl, type FileServer } from './signature.js';

/** The URL of one of a job's files, as the manifest has it. */
export function fileUrl(context: SourceContext, call: BulkCall, job: Job, name: string): string {
  const path = `${PATHS.files}/${job.id}/${name}`;
  const { fileServer } = context.state;
  // From the first page, whose URL has two segments below the base, or from another one, whose URL has three.
  const up = '../'.repeat(call.path.length - 1);
  const isSignedUrl = fileServer && has(context, 'export-signed-files');
  const url = isSignedUrl
    ? signedUrl(fileServer, path, urlEnd(context))
    : has(context, 'export-relative-files')
      ? `${up}${path}`
      : `${call.base}/${path}`;
  if (!has(context, 'export-manifest-changes')) return url;
  return `${url}${url.includes('?') ? '&' : '?'}reading=${job.readings}`;
}

/** What the files of a job are answered with, if they are no longer there. */
export function goneStatus({ settings, now }: SourceContext, job: Job): number | undefined {
  return job.goneStatus ?? (now() > job.started + settings.bulk.filesLiveMs ? 410 : undefined);
}

/** Gives a file at its URL below the base, or says where it is. @throws OutcomeError */
export function answerFile(context: SourceContext, call: BulkCall, job: Job): Answer {
  if (has(context, 'export-signed-files')) throw notThere();
  const { fileServer } = context.state;
  if (!fileServer) return content(context, call, job);
  const location = signedUrl(fileServer, call.path.join('/'), urlEnd(context));
  return { status: 307, body: Buffer.alloc(0), contentType: 'text/plain', headers: { Location: location } };
}

/** Gives a file of the server of files whose URLs are signed, as storage services do. @throws OutcomeError */
export function answerSignedFile(
  context: SourceContext,
  call: BulkCall,
  job: Job,
  fileServer: FileServer,
): Answer {
  if (call.headers.authorization !== undefined) return storageError(400, 'InvalidArgument');
  if (!isSigned(fileServer, call.path.join('/'), call.query, context.now())) {
    return storageError(403, 'AuthenticationFailed');
  }
  return content(context, call, job);
}

function urlEnd({ settings, now }: SourceContext): number {
  return now() + settings.bulk.urlsLiveMs;
}

function storageError(status: number, code: string): Answer {
  const body = Buffer.from(`<?xml version="1.0"?><Error><Code>${code}</Code></Error>`);
  return { status, body, contentType: 'application/xml' };
}

function content(context: SourceContext, call: BulkCall, job: Job): Answer {
  allow(call, 'GET', 'HEAD');
  const number = filesOf(job).findIndex((other, index) => fileName(index, other) === call.path[2]);
  const found = filesOf(job)[number];
  if (!found) throw new OutcomeError(404, 'not-found', 'There is no such file');
  job.goneStatus ??= faultOf(call.faults, 'filesExpire')?.status;
  const gone = goneStatus(context, job);
  if (gone !== undefined) throw new OutcomeError(gone, 'not-found', 'The files of this export have expired');
  if (faultOf(call.faults, 'fileChanges')) job.revision++;
  const altered = faultOf(call.faults, 'alteredFile');
  const accept = call.headers.accept ?? '*/*';
  if (has(context, 'export-binary-files') && !accept.includes(FHIR_NDJSON)) return binary(found);
  if (has(context, 'export-strict-accept') && !accept.includes(FHIR_NDJSON) && !accept.includes('*/*')) {
    throw new OutcomeError(406, 'not-supported', `The file is ${FHIR_NDJSON}`);
  }
  return download(altered ? alter(found, altered.alteration) : found, call.headers, {
    etag: has(context, 'export-no-etag') ? undefined : `"${job.id}-${number}-${job.revision}"`,
    hasRanges: !has(context, 'export-no-ranges'),
  });
}

function binary(file: ExportFile): Answer {
  const data = Buffer.concat([...file.read(0, file.size)]).toString('base64');
  return fhirAnswer(200, JSON.stringify({ resourceType: 'Binary', contentType: FHIR_NDJSON, data }));
}
