import { createHash } from 'node:crypto';
import type { HttpRequest, HttpResponseInit } from '@azure/functions';
import { lookAtInstance } from '../jobs/jobInstances.js';
import { expiryOf, isOpen, stateOf } from '../jobs/model/state.js';
import type { SafeFailure } from '../common/errors.js';
import type { JobRequest } from '../export/records/job.js';
import {
  downloadUrl,
  type ExportManifest,
  linkManifest,
  typesInManifest,
} from '../export/output/manifest.js';
import {
  progressOf,
  progressText,
  progressWithoutCounts,
  secondsToNextPoll,
} from '../export/output/progress.js';
import { errorIssue } from '../fhir/operationOutcome.js';
import { matchesETag } from './byteRange.js';
import type { HttpDependencies } from './dependencies.js';
import { type Caller, requireAccess, requireTypes } from './authorization/caller.js';
import { readJobId, unknownJob, visibleTo } from './jobOfPath.js';
import { baseUrlOf } from './publicUrls.js';
import { PollLimiter } from './pollLimiter.js';
import { outcomeResponse, RequestError, statusOf } from './respond.js';
import type { Handler } from './handler.js';

const MINUTE_MS = 60_000;

/** https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-status-request */
export function exportStatus({ settings, jobs, files, now }: HttpDependencies): Handler {
  const limiter = new PollLimiter();
  return async (request, client, _context, caller) => {
    const jobId = readJobId(request);
    const poller = pollerOf(caller, jobId);
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
    const state = isOpen(known) ? await lookAtInstance(jobs, client, known, now()) : known;
    if (state.name === 'failed' || state.name === 'lost') return failureResponse(state.failure);
    if (known.name === 'completed') {
      const manifest = await jobs.manifest(jobId);
      if (manifest === undefined) throw unknownJob();
      requireTypes(caller, typesInManifest(manifest));
      return manifestResponse(request, known, manifest);
    }
    const [plan, partitions] = await Promise.all([jobs.plan(jobId), jobs.progress(jobId)]);
    const isCounted = (job.minPatients ?? 0) === 0;
    const progress = isCounted ? progressOf(plan, partitions) : progressWithoutCounts(plan, partitions);
    const retryAfter = secondsToNextPoll(progress, (now() - Date.parse(job.startedAt)) / 1000);
    limiter.noteRetryAfter(poller, retryAfter, now());
    return {
      status: 202,
      headers: { 'x-progress': progressText(progress), 'retry-after': String(retryAfter) },
    };
  };

  async function manifestResponse(
    request: HttpRequest,
    state: { request: JobRequest; at: string },
    manifest: ExportManifest,
  ): Promise<HttpResponseInit> {
    const job = state.request;
    const over = expiryOf(state, settings.jobRetentionHours);
    if (over <= now()) throw unknownJob();
    const lifetime = settings.sasLifetimeMinutes * MINUTE_MS;
    const isSigned = settings.downloadLinks === 'sas';
    const expires = isSigned ? Math.min(over, now() + lifetime) : over;
    // Signed links are other ones each time; those a client has are good for half of their lifetime at least.
    const turn = isSigned ? Math.floor(now() / (lifetime / 2)) : 0;
    // A job may be older than the setting, and its status asked for by another of the hosts than its kick-off.
    const baseUrl = settings.publicBaseUrls === undefined ? job.baseUrl : baseUrlOf(request, settings);
    const etag = etagOf([manifest, settings.downloadLinks, baseUrl, turn]);
    const headers = {
      etag,
      expires: new Date(expires).toUTCString(),
      'cache-control': 'private, no-cache',
    };
    if (matchesETag(request.headers.get('if-none-match'), etag)) return { status: 304, headers };
    const linked = isSigned
      ? await signed(job, manifest, expires)
      : linkManifest(manifest, {
          requiresAccessToken: true,
          urlOf: (file) => downloadUrl({ baseUrl, jobId: job.jobId }, file),
        });
    return {
      status: 200,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(linked),
    };
  }

  async function signed(job: JobRequest, manifest: ExportManifest, expires: number): Promise<ExportManifest> {
    const linkTo = await files.readLinks(job.container, new Date(expires), now());
    return linkManifest(manifest, {
      requiresAccessToken: false,
      urlOf: (file) => linkTo(`${job.folder}${file}`),
    });
  }
}

function failureResponse({ code, message }: SafeFailure): HttpResponseInit {
  const { status, issue } = statusOf(code);
  // To a client, `transient` says that the status may be asked for again; this job has ended for good.
  return issue === 'transient'
    ? outcomeResponse(500, [errorIssue('exception', message)])
    : outcomeResponse(status, [errorIssue(issue, message)]);
}

/** Whose polls are counted together: others, who learn nothing of the job, use up none of its caller's. */
function pollerOf(caller: Caller, jobId: string): string {
  return caller.kind === 'known' ? `${jobId} ${caller.owner}` : jobId;
}

/** Weak: the signatures in two answers differ. */
function etagOf(content: readonly unknown[]): string {
  const digest = createHash('sha256').update(JSON.stringify(content)).digest('base64url');
  return `W/"${digest.slice(0, 32)}"`;
}
