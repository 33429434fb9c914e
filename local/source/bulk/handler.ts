import type { IncomingHttpHeaders } from 'node:http';
import { fhirAnswer, type Answer } from '../answer.js';
import type { SourceContext } from '../context.js';
import { OutcomeError, operationOutcome } from '../outcome.js';
import { download } from './download.js';
import { ExportFile } from './exportFile.js';
import type { Job } from './jobs.js';
import { fileName, filesOf, manifest } from './manifest.js';
import type { ExportLevel } from './exportRequest.js';
import { readExportRequest } from './readRequest.js';
import { selectDeleted, selectRows } from './selection.js';

const STATUS_PATH = 'export-status';
const FILES_PATH = 'export-files';
const FILE_LIFETIME_MS = 24 * 60 * 60 * 1000;

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
  const [, id = '', name = '', ...rest] = call.path;
  const job = rest.length === 0 ? context.state.jobs.get(id) : undefined;
  if (!job) throw new OutcomeError(404, 'not-found', 'There is no such export');
  if (job.isProtected && call.headers.authorization === undefined) {
    throw new OutcomeError(401, 'forbidden', 'A token is missing', { 'WWW-Authenticate': 'Bearer' });
  }
  return step.at === 'status' ? status(context, call, job) : file(call, job, name);
}

function levelOf(path: readonly string[]): ExportLevel | undefined {
  if (path.at(-1) !== '$export') return undefined;
  if (path.length === 1) return { kind: 'system' };
  if (path.length === 2 && path[0] === 'Patient') return { kind: 'patient' };
  return path.length === 3 && path[0] === 'Group' ? { kind: 'group', id: path[1]! } : undefined;
}

function kickOff(context: SourceContext, call: BulkCall, level: ExportLevel): Answer {
  allow(call, 'GET', 'POST');
  const request = readExportRequest(context, {
    ...call,
    level,
    prefer: String(call.headers['prefer'] ?? ''),
  });
  const { linesPerFile } = context.settings.bulk;
  const output: ExportFile[] = [];
  for (const { collection, rows } of selectRows(context, request)) {
    for (let first = 0; first < rows.length; first += linesPerFile) {
      const lines = { collection, rows: rows.subarray(first, first + linesPerFile) };
      output.push(new ExportFile(collection.type, [lines]));
    }
  }
  const now = context.now();
  const deleted = selectDeleted(context, request).map((url) => deletion(url, now));
  const job = context.state.jobs.add({
    request,
    url: call.url,
    started: now,
    isProtected: call.headers.authorization !== undefined,
    output,
    deleted: deleted.length === 0 ? [] : [new ExportFile('Bundle', [{ texts: deleted }])],
    errors:
      request.ignored.length === 0
        ? []
        : [new ExportFile('OperationOutcome', [{ texts: request.ignored.map(ignoredOutcome) }])],
  });
  const accepted = operationOutcome('informational', 'The export is accepted', 'information');
  return fhirAnswer(202, accepted, { 'Content-Location': `${call.base}/${STATUS_PATH}/${job.id}` });
}

function status(context: SourceContext, call: BulkCall, job: Job): Answer {
  if (call.method === 'DELETE') {
    context.state.jobs.remove(job.id);
    return fhirAnswer(202, operationOutcome('informational', 'The export is deleted', 'information'));
  }
  allow(call, 'GET', 'DELETE');
  const { polls, runMs, retryAfterSeconds } = context.settings.bulk;
  job.polls++;
  if (job.polls <= polls || context.now() < job.started + runMs) {
    const percent = Math.min(99, Math.floor((100 * job.polls) / (polls + 1)));
    return fhirAnswer(202, '', {
      'X-Progress': `${percent}% complete`,
      'Retry-After': String(retryAfterSeconds),
    });
  }
  return {
    status: 200,
    body: Buffer.from(manifest(job, `${call.base}/${FILES_PATH}`)),
    contentType: 'application/json',
    headers: { Expires: new Date(job.started + FILE_LIFETIME_MS).toUTCString() },
  };
}

function file(call: BulkCall, job: Job, name: string): Answer {
  allow(call, 'GET', 'HEAD');
  const number = filesOf(job).findIndex((other, index) => fileName(index, other) === name);
  const found = filesOf(job)[number];
  if (!found) throw new OutcomeError(404, 'not-found', 'There is no such file');
  return download(found, `"${job.id}-${number}"`, call.headers);
}

function deletion(url: string, now: number): string {
  return JSON.stringify({
    resourceType: 'Bundle',
    meta: { lastUpdated: new Date(now).toISOString() },
    type: 'transaction',
    entry: [{ request: { method: 'DELETE', url } }],
  });
}

function ignoredOutcome(name: string): string {
  return operationOutcome('not-supported', `The parameter ${name} had no effect`, 'warning');
}

function allow({ method }: BulkCall, ...methods: readonly string[]): void {
  if (methods.includes(method)) return;
  throw new OutcomeError(405, 'not-supported', `${method} is not supported here`, {
    Allow: methods.join(', '),
  });
}
