import { STATUS_CODES } from 'node:http';
import type { HttpRequest, HttpResponseInit } from '@azure/functions';
import type { DurableClient } from 'durable-functions';
import { lookAtInstance } from '../jobs/jobInstances.js';
import { isOpen, type KnownState, stateOf } from '../jobs/model/state.js';
import type { SafeFailure } from '../common/errors.js';
import { typesInManifest } from '../export/output/manifest.js';
import { mayShowEarly, pageOfComplete, pageWhileRunning } from '../export/output/manifestPages.js';
import { pagesSoFar } from '../jobs/manifestPages.js';
import {
  progressByType,
  progressOf,
  progressText,
  progressWithoutCounts,
  secondsToNextPoll,
  type TypeProgress,
} from '../export/output/progress.js';
import { errorIssue } from '../fhir/operationOutcome.js';
import type { HttpDependencies } from './dependencies.js';
import { type Caller, requireAccess, requireTypes } from './authorization/caller.js';
import { readJobId, unknownJob, visibleTo } from './jobOfPath.js';
import { ManifestAnswers } from './manifestAnswer.js';
import { PollLimiter } from './pollLimiter.js';
import { outcomeResponse, RequestError, statusOf } from './respond.js';
import type { Handler } from './handler.js';

/** https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-status-request */
export function exportStatus(dependencies: HttpDependencies): Handler {
  const { jobs, now } = dependencies;
  const answers = new ManifestAnswers(dependencies);
  const limiter = new PollLimiter();
  return async (request, client, _context, caller) => {
    const jobId = readJobId(request);
    const nth = readPage(request);
    const poller = pollerOf(caller, jobId) + (nth === 0 ? '' : ` ${nth}`);
    const seconds = request.method === 'GET' ? limiter.secondsToWait(poller, now()) : undefined;
    if (seconds !== undefined) {
      throw new RequestError(
        429,
        `The status is asked for too often. Wait as many seconds as Retry-After says: ${seconds} now.`,
        { 'retry-after': String(seconds) },
      );
    }
    const recorded = stateOf(await jobs.records(jobId));
    if (!isOpen(recorded)) limiter.forget(poller);
    const known = visibleTo(caller, recorded);
    const { request: job } = known;
    requireAccess(caller, job);
    const answer = await stateResponse({ request, client, caller, poller, nth }, known);
    return job.hasSeparateStatus === true ? withSeparateStatus(answer) : answer;
  };

  async function stateResponse(
    { request, client, caller, poller, nth }: StatusRequest,
    known: KnownState,
  ): Promise<HttpResponseInit> {
    const { request: job } = known;
    const { jobId } = job;
    const state = isOpen(known) ? await lookAtInstance(jobs, client, known, now()) : known;
    if (state.name === 'failed' || state.name === 'lost') return failureResponse(state.failure);
    if (known.name === 'completed') {
      const manifest = await jobs.manifest(jobId);
      if (manifest === undefined) throw unknownJob();
      requireTypes(caller, typesInManifest(manifest));
      const pages = mayShowEarly(job) ? await jobs.manifestPages(jobId) : undefined;
      const page = pageOfComplete(manifest, pages ?? { pages: [] }, nth);
      if (page === undefined) throw noPage();
      return answers.complete(request, known, { ...page, next: page.hasNext ? nth + 1 : undefined });
    }
    const [plan, partitions] = await Promise.all([jobs.plan(jobId), jobs.progress(jobId)]);
    const isCounted = (job.minPatients ?? 0) === 0;
    const progress = isCounted ? progressOf(plan, partitions) : progressWithoutCounts(plan, partitions);
    const retryAfter = secondsToNextPoll(progress, (now() - Date.parse(job.startedAt)) / 1000);
    const headers = { 'x-progress': progressText(progress), 'retry-after': String(retryAfter) };
    const page =
      plan === undefined || known.name !== 'running'
        ? undefined
        : pageWhileRunning(job, plan, await pagesSoFar(jobs, job, plan, partitions), nth);
    // Only then: pages that are not there must not push other jobs out of the limiter.
    if (page === undefined && nth > 0) throw noPage();
    limiter.noteRetryAfter(poller, retryAfter, now());
    if (page === undefined) {
      const byType = plan !== undefined && isCounted && asksRepresentation(request);
      return byType ? withTypes(headers, progressByType(plan, partitions)) : { status: 202, headers };
    }
    requireTypes(caller, typesInManifest(page.manifest));
    const next = page.hasNext ? nth + 1 : undefined;
    return {
      status: 202,
      headers: { ...headers, 'content-type': 'application/json' },
      body: await answers.running(request, job, { ...page, next }),
    };
  }
}

/** https://www.rfc-editor.org/rfc/rfc7240#section-4.2 */
const REPRESENTATION = 'return=representation';

/** Whether a client wants to have more of a running job than the headers: others may not expect a body. */
function asksRepresentation({ headers }: HttpRequest): boolean {
  const preferences = (headers.get('prefer') ?? '').split(/[,;]/).map((each) => each.trim().toLowerCase());
  return preferences.includes(REPRESENTATION);
}

function withTypes(headers: Record<string, string>, types: readonly TypeProgress[]): HttpResponseInit {
  return {
    status: 202,
    headers: { ...headers, 'content-type': 'application/json', 'preference-applied': REPRESENTATION },
    body: JSON.stringify({ progress: types }),
  };
}

/** A request for the status of a job, or for a page of its manifest. */
interface StatusRequest {
  request: HttpRequest;
  client: DurableClient;
  caller: Caller;
  poller: string;
  /** The page: 0 is the status itself. */
  nth: number;
}

/** The number of the page in the path; 0 in that of the status. */
function readPage({ params }: HttpRequest): number {
  const { page } = params;
  if (page === undefined) return 0;
  if (!/^[1-9]\d{0,8}$/.test(page)) throw noPage();
  return Number(page);
}

function noPage(): RequestError {
  return new RequestError(
    404,
    'The manifest of this export has no such page: unknown, or not there yet. Follow the links of its pages, from the status on.',
  );
}

function failureResponse({ code, message }: SafeFailure): HttpResponseInit {
  const { status, issue } = statusOf(code);
  // To a client, `transient` says that the status may be asked for again; this job has ended for good.
  return issue === 'transient'
    ? outcomeResponse(500, [errorIssue('exception', message)])
    : outcomeResponse(status, [errorIssue(issue, message)]);
}

/**
 * An answer whose own status is that of the status request, and not of the job.
 * https://hl7.org/fhir/uv/bulkdata/STU3/export.html#headers
 */
function withSeparateStatus(answer: HttpResponseInit): HttpResponseInit {
  const { status = 200 } = answer;
  if (status === 304) return answer;
  const headers = new Headers(answer.headers);
  headers.set('x-export-status', `${status} ${STATUS_CODES[status] ?? ''}`.trim());
  return { ...answer, status: 200, headers: Object.fromEntries(headers) };
}

/** Whose polls are counted together: others, who learn nothing of the job, use up none of its caller's. */
function pollerOf(caller: Caller, jobId: string): string {
  return caller.kind === 'known' ? `${jobId} ${caller.owner}` : jobId;
}
