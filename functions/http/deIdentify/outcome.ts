import type { EngineReport } from '../../deid/run/report.js';
import { operationOutcome, type OutcomeIssue, warningIssue } from '../../fhir/operationOutcome.js';

/** Of what is said of a result: a header is bounded. */
const MAX_ISSUES = 20;
const MAX_HEADER_CHARACTERS = 6000;

/** What was dropped of a resource, could not be decided, or is not valid: paths of the definition, and no values. */
export function outcomeIssues(report: EngineReport): OutcomeIssue[] {
  const problems = [...report.types.values()].flatMap(({ problems: found }) => [...found]);
  return [
    ...[...report.dropped].map(([path, count]) =>
      warningIssue(
        `Dropped, ${times(count)}: ${path} is unknown to this FHIR version, or its value is of the wrong type.`,
      ),
    ),
    ...[...report.undecided].map(([rule, count]) =>
      warningIssue(`A condition of ${rule} could not be decided, ${times(count)}.`),
    ),
    ...problems.map(([problem, count]) =>
      warningIssue(`The result is not valid FHIR, ${times(count)}: ${problem}.`),
    ),
  ];
}

/**
 * An OperationOutcome on one line, as FHIR has a resource in a header
 * (https://hl7.org/fhir/R4/provenance.html#header); `undefined` where there is nothing to say.
 */
export function outcomeHeader(issues: readonly OutcomeIssue[]): string | undefined {
  if (issues.length === 0) return undefined;
  for (let kept = Math.min(issues.length, MAX_ISSUES); ; kept--) {
    const left = issues.length - kept;
    const more = left === 0 ? [] : [warningIssue(`There are ${left} more issues.`)];
    const text = JSON.stringify(operationOutcome([...issues.slice(0, kept), ...more]));
    if (text.length <= MAX_HEADER_CHARACTERS || kept === 0) return text.replaceAll(/[^\x20-\x7e]/g, '?');
  }
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}
