import type { ResourceFailures } from '../records/job.js';
import { errorIssue, type OperationOutcome, operationOutcome } from '../../fhir/operationOutcome.js';

/** One OperationOutcome per resource that was left out, by type and reason; never a value of the resource. */
export function* failureOutcomes(failures: readonly ResourceFailures[]): Generator<OperationOutcome> {
  for (const { type, message, count } of failures) {
    const outcome = operationOutcome([
      errorIssue('processing', `A ${type} resource could not be anonymized and was left out: ${message}`),
    ]);
    for (let n = 0; n < count; n++) yield outcome;
  }
}
