import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import { describeThrown, ExportError, type ExportErrorCode } from '../common/errors.js';
import { errorIssue, type IssueType, operationOutcome, type OutcomeIssue } from '../fhir/operationOutcome.js';
import { requestIsOver } from './responseConnections.js';

/** An answer other than success, with everything that is wrong. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  constructor(
    readonly status: number,
    readonly issues: OutcomeIssue[],
    readonly headers: Record<string, string> = {},
  ) {
    super(`HTTP ${status}`);
  }
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
  switch (code) {
    case 'invalid-request':
    case 'configuration-not-found':
    case 'configuration-invalid':
      return { status: 400, issue: 'invalid' };
    case 'forbidden':
      return { status: 403, issue: 'forbidden' };
    case 'not-found':
      return { status: 404, issue: 'not-found' };
    case 'container-conflict':
      return { status: 409, issue: 'conflict' };
    case 'resource-failed':
      return { status: 422, issue: 'processing' };
    case 'source-busy':
    case 'source-failed':
    case 'source-timeout':
    case 'source-unreachable':
    case 'storage-unavailable':
    case 'registry-unavailable':
      return { status: 503, issue: 'transient' };
    default:
      return { status: 500, issue: 'exception' };
  }
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
