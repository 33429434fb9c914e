import type { ResourceFailures } from '../records/job.js';
import { issueSentence, type SourceIssue } from '../source/sourceOutcomes.js';
import {
  errorIssue,
  type OperationOutcome,
  operationOutcome,
  type OutcomeIssue,
} from '../../fhir/operationOutcome.js';

/** What was left out, is reported of the source, or was ignored of the request: an OperationOutcome a line. */
export function* errorOutcomes(
  failures: readonly ResourceFailures[],
  sourceIssues: readonly SourceIssue[],
  ignored: readonly OutcomeIssue[],
): Generator<OperationOutcome> {
  yield* failureOutcomes(failures);
  for (const issue of sourceIssues) yield operationOutcome([errorIssue('incomplete', issueSentence(issue))]);
  for (const issue of ignored) yield operationOutcome([issue]);
}

/** One OperationOutcome per resource or type that was left out, by type and reason; never a value of a resource. */
function* failureOutcomes(failures: readonly ResourceFailures[]): Generator<OperationOutcome> {
  for (const { type, message, count, isType } of failures) {
    const outcome = operationOutcome([
      isType === true
        ? errorIssue(
            'not-supported',
            `${type} was left out, since the source refuses to be searched for it: ${message}`,
          )
        : errorIssue('processing', `A ${type} resource could not be anonymized and was left out: ${message}`),
    ]);
    for (let n = 0; n < count; n++) yield outcome;
  }
}
