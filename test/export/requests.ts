import type { ExportScope } from '../../functions/export/request/scope.js';
import type { JobRequest } from '../../functions/export/records/job.js';

/** What a kick-off without parameters asks for: everything. */
export const WHOLE_SCOPE: ExportScope = {
  types: undefined,
  typeFilters: [],
  elements: [],
  patients: undefined,
  since: undefined,
  until: undefined,
  pageSize: undefined,
};

/** A raw export of the whole source, with two workers, into a folder of its own; `change` has what is to be different. */
export function jobRequest(change: Partial<JobRequest> & Pick<JobRequest, 'jobId'>): JobRequest {
  return {
    ...WHOLE_SCOPE,
    requestUrl: 'http://host/fhir/$export',
    baseUrl: 'http://host/fhir',
    startedAt: '2026-01-01T00:00:00.000Z',
    container: 'research',
    folder: `20260101-${change.jobId}/`,
    level: { kind: 'system' },
    workers: 2,
    configuration: undefined,
    notes: [],
    ...change,
  };
}
