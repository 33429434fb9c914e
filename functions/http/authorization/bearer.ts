import type { OutcomeIssue } from '../../fhir/operationOutcome.js';
import { RequestError } from '../respond.js';

/** What a client is asked to bring: https://www.rfc-editor.org/rfc/rfc6750#section-3 */
const CHALLENGE = 'Bearer realm="fhir"';

/** A challenge with the reason why what came is not enough. */
function bearerChallenge(error: 'invalid_token' | 'insufficient_scope', more = ''): string {
  return `${CHALLENGE}, error="${error}"${more}`;
}

/** 401 for a request without credentials. */
export function unauthenticated(message: string): RequestError {
  return new RequestError(401, message, { 'www-authenticate': CHALLENGE });
}

/** 401 for credentials that are not believed. */
export function notBelieved(message: string): RequestError {
  return new RequestError(401, message, { 'www-authenticate': bearerChallenge('invalid_token') });
}

/** 403 for a caller whose permissions do not suffice. */
export function notPermitted(problem: string | OutcomeIssue[], more = ''): RequestError {
  const challenge = bearerChallenge('insufficient_scope', more);
  return new RequestError(403, problem, { 'www-authenticate': challenge });
}
