import { errorIssue } from '../../fhir/operationOutcome.js';
import { RequestError } from '../respond.js';

/** What a client is asked to bring: https://www.rfc-editor.org/rfc/rfc6750#section-3 */
const CHALLENGE = 'Bearer realm="fhir"';

/** A challenge with the reason why what came is not enough. */
export function bearerChallenge(error: 'invalid_token' | 'insufficient_scope', more = ''): string {
  return `${CHALLENGE}, error="${error}"${more}`;
}

/** 401 for a request without credentials. */
export function unauthenticated(message: string): RequestError {
  return new RequestError(401, [errorIssue('login', message)], { 'www-authenticate': CHALLENGE });
}

/** 401 for credentials that are not believed. */
export function notBelieved(message: string): RequestError {
  return new RequestError(401, [errorIssue('login', message)], {
    'www-authenticate': bearerChallenge('invalid_token'),
  });
}
