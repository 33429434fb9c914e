import { fhirAnswer, type Answer } from '../answer.js';
import type { SourceContext } from '../context.js';
import { faultOf } from '../faults.js';
import { OutcomeError, operationOutcome } from '../outcome.js';
import type { ExportBehaviour } from './behaviours.js';
import { allow, has, PATHS, type BulkCall } from './call.js';
import type { ExportLevel } from './exportRequest.js';
import { makeFiles } from './makeFiles.js';
import { readExportRequest } from './readRequest.js';
import { isRunning } from './status.js';

/** Starts an export. @throws OutcomeError */
export function kickOff(context: SourceContext, call: BulkCall, level: ExportLevel): Answer {
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
  const isInQuery = has(context, 'export-status-query');
  const statusUrl = `${call.base}/${isInQuery ? `${PATHS.poll}?_jobId=${id}` : `${PATHS.status}/${id}`}`;
  return fhirAnswer(202, operationOutcome('informational', 'The export is accepted', 'information'), {
    'Content-Location': has(context, 'export-relative-status')
      ? statusUrl.slice(new URL(statusUrl).origin.length)
      : statusUrl,
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
