import { hasBrokenOff } from '../adapters/jobInstances.js';
import { progressText, progressWithoutCounts } from '../export/progress.js';
import { errorIssue } from '../export/operationOutcome.js';
import type { HttpDependencies } from './dependencies.js';
import { maySee, requireAccess, requireTypes } from './authorization/caller.js';
import { readJobId, unknownJob } from './jobId.js';
import { outcomeResponse, statusOf } from './respond.js';
import type { Handler } from './handler.js';

const MOST_SECONDS_BETWEEN_POLLS = 30;

/** https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-status-request */
export function exportStatus({ settings, jobs, now }: HttpDependencies): Handler {
  return async (request, client, _context, caller) => {
    const jobId = readJobId(request);
    const [job, outcome, stop] = await Promise.all([
      jobs.request(jobId),
      jobs.outcome(jobId),
      jobs.stop(jobId),
    ]);
    if (job === undefined || stop?.reason === 'cancelled' || outcome?.state === 'cancelled')
      throw unknownJob();
    if (!maySee(caller, job)) throw unknownJob();
    requireAccess(caller, job);
    if (outcome?.state === 'failed') {
      const { status, issue } = statusOf(outcome.failure.code);
      return outcomeResponse(status, [errorIssue(issue, outcome.failure.message)]);
    }
    if (outcome?.state === 'completed') {
      const manifest = await jobs.manifest(jobId);
      if (manifest === undefined) throw unknownJob();
      requireTypes(
        caller,
        manifest.output.map(({ type }) => type),
      );
      const expires = new Date(Date.parse(outcome.at) + settings.jobRetentionHours * 3_600_000);
      return {
        status: 200,
        headers: { 'content-type': 'application/json', expires: expires.toUTCString() },
        body: JSON.stringify(manifest),
      };
    }
    if (await hasBrokenOff(client, jobId)) {
      return outcomeResponse(500, [
        errorIssue(
          'exception',
          'The export ended unexpectedly. Its files will be removed; start it again. The log of the app tells more.',
        ),
      ]);
    }
    const [plan, progress] = await Promise.all([jobs.plan(jobId), jobs.progress(jobId)]);
    const tell = (job.minPatients ?? 0) > 0 ? progressWithoutCounts : progressText;
    const elapsedSeconds = (now() - Date.parse(job.startedAt)) / 1000;
    const retryAfter = Math.min(MOST_SECONDS_BETWEEN_POLLS, Math.max(1, Math.round(elapsedSeconds / 10)));
    return {
      status: 202,
      headers: { 'x-progress': tell(plan, progress), 'retry-after': String(retryAfter) },
    };
  };
}
