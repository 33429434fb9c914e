/** Codes of the value set `issue-type` that the source uses. */
export type IssueCode =
  | 'invalid'
  | 'not-found'
  | 'not-supported'
  | 'forbidden'
  | 'deleted'
  | 'expired'
  | 'throttled'
  | 'transient'
  | 'too-costly'
  | 'informational'
  | 'exception';

/** An answer that is an error, as a FHIR server gives it. */
export class OutcomeError extends Error {
  override readonly name = 'OutcomeError';
  constructor(
    readonly status: number,
    readonly code: IssueCode,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

/** An OperationOutcome with one issue, as JSON. */
export function operationOutcome(code: IssueCode, diagnostics: string, severity = 'error'): string {
  return JSON.stringify({
    resourceType: 'OperationOutcome',
    issue: [{ severity, code, diagnostics }],
  });
}
