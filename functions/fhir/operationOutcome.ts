/** https://hl7.org/fhir/R4/valueset-issue-type.html, as far as it is used here. */
export type IssueType =
  | 'incomplete'
  | 'invalid'
  | 'required'
  | 'login'
  | 'value'
  | 'not-supported'
  | 'not-found'
  | 'forbidden'
  | 'conflict'
  | 'throttled'
  | 'too-long'
  | 'processing'
  | 'transient'
  | 'exception'
  | 'informational';

export interface OutcomeIssue {
  severity: 'fatal' | 'error' | 'warning' | 'information';
  code: IssueType;
  diagnostics: string;
  /** The parameter or header it is about. */
  expression?: string[];
}

/** https://hl7.org/fhir/R4/operationoutcome.html */
export interface OperationOutcome {
  resourceType: 'OperationOutcome';
  issue: OutcomeIssue[];
}

export function operationOutcome(issues: OutcomeIssue[]): OperationOutcome {
  return { resourceType: 'OperationOutcome', issue: issues };
}

export function errorIssue(code: IssueType, diagnostics: string, expression?: string): OutcomeIssue {
  return issueOf('error', code, diagnostics, expression);
}

export function informationIssue(diagnostics: string): OutcomeIssue {
  return issueOf('information', 'informational', diagnostics);
}

/** What has gone otherwise than its caller may think. */
export function warningIssue(
  diagnostics: string,
  code: IssueType = 'processing',
  expression?: string,
): OutcomeIssue {
  return issueOf('warning', code, diagnostics, expression);
}

function issueOf(
  severity: OutcomeIssue['severity'],
  code: IssueType,
  diagnostics: string,
  expression?: string,
): OutcomeIssue {
  return { severity, code, diagnostics, ...(expression === undefined ? {} : { expression: [expression] }) };
}
