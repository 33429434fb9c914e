import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import { describeThrown, ExportError, type ExportErrorCode } from '../common/errors.js';
import { errorIssue, type IssueType, operationOutcome, type OutcomeIssue } from '../fhir/operationOutcome.js';
import { requestIsOver } from './responseConnections.js';

/** The issue type that goes with a status. */
const ISSUE_OF_STATUS: Readonly<Record<number, IssueType>> = {
  400: 'invalid',
  401: 'login',
  403: 'forbidden',
  404: 'not-found',
  405: 'not-supported',
  409: 'conflict',
  413: 'invalid',
  415: 'not-supported',
  422: 'processing',
  429: 'throttled',
  503: 'transient',
};

/** The status of an error code; that of others is 500. */
const STATUS_OF_CODE: Readonly<Partial<Record<ExportErrorCode, number>>> = {
  'invalid-request': 400,
  'configuration-not-found': 400,
  'configuration-invalid': 400,
  forbidden: 403,
  'not-found': 404,
  'container-conflict': 409,
  'resource-failed': 422,
  'source-busy': 503,
  'source-failed': 503,
  'source-timeout': 503,
  'source-unreachable': 503,
  'storage-unavailable': 503,
  'registry-unavailable': 503,
  'pseudonym-service-unavailable': 503,
};

/** An answer other than success, with everything that is wrong. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly issues: OutcomeIssue[];

  /** @param problem all issues, or the words of the only one, which is of the status's own type */
  constructor(
    readonly status: number,
    problem: string | OutcomeIssue[],
    readonly headers: Record<string, string> = {},
  ) {
    super(`HTTP ${status}`);
    this.issues = typeof problem === 'string' ? [errorIssue(issueOf(status), problem)] : problem;
  }
}

function issueOf(status: number): IssueType {
  return ISSUE_OF_STATUS[status] ?? 'exception';
}

/** An OperationOutcome as a response. */
export function outcomeResponse(
  status: number,
  issues: OutcomeIssue[],
  headers: Record<string, string> = {},
): HttpResponseInit {
  return {
    status,
    headers: { 'content-type': 'application/fhir+json; charset=utf-8', ...headers },
    body: JSON.stringify(operationOutcome(issues)),
  };
}

/** The HTTP status and issue type of an error code. */
export function statusOf(code: ExportErrorCode): { status: number; issue: IssueType } {
  const status = STATUS_OF_CODE[code] ?? 500;
  return { status, issue: issueOf(status) };
}

/** The one place where a throw becomes an answer: always an OperationOutcome, never a stack or a foreign message. */
export async function respond(
  request: HttpRequest,
  context: InvocationContext,
  handle: () => Promise<HttpResponseInit>,
): Promise<HttpResponseInit> {
  const response = await handle().catch((error: unknown) => {
    if (error instanceof RequestError) return outcomeResponse(error.status, error.issues, error.headers);
    const where = { function: context.functionName, thrown: describeThrown(error) };
    if (error instanceof ExportError) {
      const { status, issue } = statusOf(error.code);
      if (status >= 500)
        context.error(JSON.stringify({ ...where, code: error.code, message: error.message }));
      return outcomeResponse(status, [errorIssue(issue, error.message)]);
    }
    context.error(JSON.stringify({ ...where, code: 'internal' }));
    const message = `Unexpected error. See the log of the app, invocation ${context.invocationId}.`;
    return outcomeResponse(500, [errorIssue('exception', message)]);
  });
  await dropBody(request, context.invocationId);
  if (request.method !== 'HEAD') return response;
  const { body: _body, ...head } = response;
  return head;
}

/** Reads what no handler has read of a body: the host gives no answer of a function that leaves it. */
async function dropBody({ body, bodyUsed }: HttpRequest, invocationId: string): Promise<void> {
  try {
    if (body !== null && body !== undefined && !bodyUsed) {
      for await (const chunk of body as AsyncIterable<Uint8Array>) void chunk;
    }
    await requestIsOver(invocationId);
  } catch {
    // The client has broken the request off, so no caller waits for the answer.
  }
}
