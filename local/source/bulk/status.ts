import { fhirAnswer, type Answer } from '../answer.js';
import type { SourceContext } from '../context.js';
import { faultOf } from '../faults.js';
import { OutcomeError, operationOutcome } from '../outcome.js';
import { CANARY } from './behaviours.js';
import { allow, has, notThere, PATHS, type BulkCall } from './call.js';
import { fileUrl, goneStatus } from './files.js';
import { fileName, filesOf, type Job } from './jobs.js';
import { manifest } from './manifest.js';

/** Says how far a job is, or gives its manifest, or deletes it. @throws OutcomeError */
export function answerStatus(context: SourceContext, call: BulkCall, job: Job): Answer {
  if (call.method === 'DELETE') {
    if (has(context, 'export-delete-404') && !isRunning(context, job)) throw notThere();
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
export function isRunning({ settings, now }: SourceContext, job: Job): boolean {
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
    urlOfPage: (other) => `${call.base}/${PATHS.status}/${job.id}/${other}`,
    filesPerPage: isPaged ? bulk.filesPerPage : Infinity,
    pages: answer.pages,
    members: faultOf(call.faults, 'manifestMembers')?.members ?? {},
    requiresAccessToken: job.isProtected && !has(context, 'export-signed-files'),
  });
  return {
    status: answer.status,
    body: Buffer.from(text),
    contentType: 'application/json',
    headers: answer.headers,
  };
}
