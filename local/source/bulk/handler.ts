import type { IncomingHttpHeaders } from 'node:http';
import { fhirAnswer, type Answer } from '../answer.js';
import type { SourceContext } from '../context.js';
import { faultOf, type Fault } from '../faults.js';
import { OutcomeError, operationOutcome } from '../outcome.js';
import { alter } from './alterations.js';
import { CANARY, type ExportBehaviour } from './behaviours.js';
import { download } from './download.js';
import type { ExportLevel } from './exportRequest.js';
import { fileName, filesOf, type Job } from './jobs.js';
import { makeFiles } from './makeFiles.js';
import { manifest } from './manifest.js';
import { readExportRequest } from './readRequest.js';
import { signatureOf, type FileServer } from './signature.js';

const STATUS_PATH = 'export-status';
const FILES_PATH = 'export-files';

/** A request of the export operation. */
export interface BulkCall {
  method: string;
  /** Segments below the base. */
  path: readonly string[];
  query: URLSearchParams;
  /** Text of a POST. */
  body: string;
  headers: IncomingHttpHeaders;
  /** `http://host:port/fhir` */
  base: string;
  /** URL as it was requested. */
  url: string;
  faults: readonly Fault[];
}

/** A step of an export, and the type that it is for. */
export interface ExportStep {
  at: 'kickOff' | 'status' | 'file';
  type: string | undefined;
}

/** Which step of an export a path below the base belongs to, if any. */
export function exportStep(path: readonly string[]): ExportStep | undefined {
  if (levelOf(path)) return { at: 'kickOff', type: undefined };
  if (path[0] === STATUS_PATH) return { at: 'status', type: undefined };
  if (path[0] === FILES_PATH) return { at: 'file', type: path[2]?.split('.')[1] };
  return undefined;
}

/** Answers a request of the export operation (Bulk Data Access 2.0); jobs are kept in memory. @throws OutcomeError */
export function answerExport(context: SourceContext, call: BulkCall, step: ExportStep): Answer {
  if (step.at === 'kickOff') return kickOff(context, call, levelOf(call.path)!);
  const job = jobOf(context, call);
  if (job.isProtected && call.headers.authorization === undefined) {
    throw new OutcomeError(401, 'forbidden', 'A token is missing', { 'WWW-Authenticate': 'Bearer' });
  }
  if (step.at === 'status') return answerStatus(context, call, job);
  if (has(context, 'export-signed-files')) throw notThere();
  return answerFile(context, call, job);
}

/** Answers a request to the server of files whose URLs are signed, as storage services do. @throws OutcomeError */
export function answerSignedFile(context: SourceContext, call: BulkCall, fileServer: FileServer): Answer {
  if (call.headers.authorization !== undefined) return storageError(400, 'InvalidArgument');
  if (call.query.get('sig') !== signatureOf(fileServer, call.path.join('/'))) {
    return storageError(403, 'AuthenticationFailed');
  }
  return answerFile(context, call, jobOf(context, call));
}

function storageError(status: number, code: string): Answer {
  const body = Buffer.from(`<?xml version="1.0"?><Error><Code>${code}</Code></Error>`);
  return { status, body, contentType: 'application/xml' };
}

function has({ settings }: SourceContext, behaviour: ExportBehaviour): boolean {
  return settings.behaviours.includes(behaviour);
}

function levelOf(path: readonly string[]): ExportLevel | undefined {
  if (path.at(-1) !== '$export') return undefined;
  if (path.length === 1) return { kind: 'system' };
  if (path.length === 2 && path[0] === 'Patient') return { kind: 'patient' };
  return path.length === 3 && path[0] === 'Group' ? { kind: 'group', id: path[1]! } : undefined;
}

function jobOf({ state }: SourceContext, { path }: BulkCall): Job {
  const job = state.jobs.get(path[1] ?? '');
  if (!job || path.length > 3) throw notThere();
  return job;
}

function notThere(): OutcomeError {
  return new OutcomeError(404, 'not-found', 'There is no such export');
}

function kickOff(context: SourceContext, call: BulkCall, level: ExportLevel): Answer {
  refuseLevel(context, level);
  const methods = ['GET', 'POST'].filter(
    (method) => !has(context, method === 'GET' ? 'export-post-only' : 'export-get-only'),
  );
  allow(call, ...methods);
  const { retryAfterSeconds } = context.settings.bulk;
  if (has(context, 'export-one-job') && context.state.jobs.some((job) => isRunning(context, job))) {
    const wait = { 'Retry-After': String(retryAfterSeconds) };
    throw new OutcomeError(429, 'throttled', 'Another export is running', wait);
  }
  const request = readExportRequest(context, {
    ...call,
    level,
    prefer: String(call.headers['prefer'] ?? ''),
  });
  const { id } = context.state.jobs.add({
    ...makeFiles(context, request),
    request,
    url: call.url,
    started: context.now(),
    isProtected: call.headers.authorization !== undefined,
    fails: faultOf(call.faults, 'jobFails') !== undefined,
  });
  const statusUrl = `${call.base}/${STATUS_PATH}/${id}`;
  return fhirAnswer(202, operationOutcome('informational', 'The export is accepted', 'information'), {
    'Content-Location': has(context, 'export-relative-status') ? new URL(statusUrl).pathname : statusUrl,
  });
}

/** Levels that are not there, by behaviour, and the status that says so. */
const REFUSED_LEVELS: ReadonlyArray<[ExportBehaviour, ReadonlyArray<ExportLevel['kind']>, number]> = [
  ['export-absent', ['system', 'patient', 'group'], 404],
  ['export-group-only', ['system', 'patient'], 404],
  ['export-no-system', ['system'], 404],
  ['export-no-system-405', ['system'], 405],
  ['export-no-system-501', ['system'], 501],
];

function refuseLevel(context: SourceContext, { kind }: ExportLevel): void {
  const refusal = REFUSED_LEVELS.find(([name, kinds]) => has(context, name) && kinds.includes(kind));
  if (refusal) throw new OutcomeError(refusal[2], 'not-supported', 'There is no $export at this level');
}

function answerStatus(context: SourceContext, call: BulkCall, job: Job): Answer {
  if (call.method === 'DELETE') {
    context.state.jobs.remove(job.id);
    return fhirAnswer(202, operationOutcome('informational', 'The export is deleted', 'information'));
  }
  allow(call, 'GET', 'DELETE');
  if (goneStatus(context, job) !== undefined) throw notThere();
  const page = Number(call.path[2] ?? 0);
  if (page === 0) job.polls++;
  if (isRunning(context, job)) return running(context, call, job, page);
  if (job.fails) throw new OutcomeError(500, 'exception', `The export failed at Patient/1 (${CANARY})`);
  if (page === 0) job.readings++;
  const headers = { Expires: new Date(job.started + context.settings.bulk.filesLiveMs).toUTCString() };
  return manifestAnswer(context, call, job, page, { status: 200, pages: Infinity, headers });
}

/** Whether a job is running, after `polls` requests for its status. */
function isRunning({ settings, now }: SourceContext, job: Job): boolean {
  const { polls, runMs } = settings.bulk;
  return job.polls <= polls || now() < job.started + runMs;
}

function running(context: SourceContext, call: BulkCall, job: Job, page: number): Answer {
  const { polls, retryAfterSeconds } = context.settings.bulk;
  const percent = Math.min(99, Math.floor((100 * job.polls) / (polls + 1)));
  const retryAfter = has(context, 'export-retry-date')
    ? new Date(context.now() + retryAfterSeconds * 1000).toUTCString()
    : String(retryAfterSeconds);
  const progress = has(context, 'export-progress-canary')
    ? `${percent}%, at patient ${CANARY}`
    : `${percent}% complete`;
  const headers = {
    ...(has(context, 'export-no-progress') ? {} : { 'X-Progress': progress }),
    ...(has(context, 'export-retry-absent') ? {} : { 'Retry-After': retryAfter }),
  };
  // A page more is ready at every request behind the first one.
  const pages = job.polls - 1;
  const isPartial = has(context, 'export-partial') && job.request.allowsPartialManifests && page < pages;
  return isPartial
    ? manifestAnswer(context, call, job, page, { status: 202, pages, headers })
    : fhirAnswer(202, '', headers);
}

function manifestAnswer(
  context: SourceContext,
  call: BulkCall,
  job: Job,
  page: number,
  answer: { status: number; pages: number; headers: Record<string, string> },
): Answer {
  const { behaviours, bulk } = context.settings;
  const isPaged =
    has(context, 'export-pages') || (has(context, 'export-partial') && job.request.allowsPartialManifests);
  const files = filesOf(job);
  const text = manifest(job, page, {
    behaviours,
    urlOf: (one) => fileUrl(context, call, job, fileName(files.indexOf(one), one)),
    urlOfPage: (other) => `${call.base}/${STATUS_PATH}/${job.id}/${other}`,
    filesPerPage: isPaged ? bulk.filesPerPage : Infinity,
    pages: answer.pages,
    requiresAccessToken: job.isProtected && !has(context, 'export-signed-files'),
  });
  return {
    status: answer.status,
    body: Buffer.from(text),
    contentType: 'application/json',
    headers: answer.headers,
  };
}

function fileUrl(context: SourceContext, call: BulkCall, job: Job, name: string): string {
  const path = `${FILES_PATH}/${job.id}/${name}`;
  const { fileServer } = context.state;
  // From the first page, whose URL has two segments below the base, or from another one, whose URL has three.
  const up = '../'.repeat(call.path.length - 1);
  const url = fileServer
    ? `${fileServer.base}/${path}?sig=${signatureOf(fileServer, path)}`
    : has(context, 'export-relative-files')
      ? `${up}${path}`
      : `${call.base}/${path}`;
  if (!has(context, 'export-manifest-changes')) return url;
  return `${url}${url.includes('?') ? '&' : '?'}reading=${job.readings}`;
}

/** What the files of a job are answered with, if they are no longer there. */
function goneStatus({ settings, now }: SourceContext, job: Job): number | undefined {
  return job.goneStatus ?? (now() > job.started + settings.bulk.filesLiveMs ? 410 : undefined);
}

function answerFile(context: SourceContext, call: BulkCall, job: Job): Answer {
  allow(call, 'GET', 'HEAD');
  const number = filesOf(job).findIndex((other, index) => fileName(index, other) === call.path[2]);
  const found = filesOf(job)[number];
  if (!found) throw new OutcomeError(404, 'not-found', 'There is no such file');
  job.goneStatus ??= faultOf(call.faults, 'filesExpire')?.status;
  const gone = goneStatus(context, job);
  if (gone !== undefined) throw new OutcomeError(gone, 'not-found', 'The files of this export have expired');
  if (faultOf(call.faults, 'fileChanges')) job.revision++;
  const altered = faultOf(call.faults, 'alteredFile');
  return download(altered ? alter(found, altered.alteration) : found, call.headers, {
    etag: has(context, 'export-no-etag') ? undefined : `"${job.id}-${number}-${job.revision}"`,
    hasRanges: !has(context, 'export-no-ranges'),
  });
}

function allow({ method }: BulkCall, ...methods: readonly string[]): void {
  if (methods.includes(method)) return;
  throw new OutcomeError(405, 'not-supported', `${method} is not supported here`, {
    Allow: methods.join(', '),
  });
}
