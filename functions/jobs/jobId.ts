import type { HttpRequest } from '@azure/functions';
import { errorIssue } from '../fhir/operationOutcome.js';
import { RequestError } from '../http/respond.js';

/** The job id in the path; what cannot be one is as unknown as any other job. */
export function readJobId(request: HttpRequest): string {
  const { jobId } = request.params;
  if (jobId === undefined || !/^[0-9a-f]{32}$/.test(jobId)) throw unknownJob();
  return jobId;
}

export function unknownJob(): RequestError {
  return new RequestError(404, [
    errorIssue(
      'not-found',
      'There is no such export: it never was, was cancelled, or its retention is over.',
    ),
  ]);
}
