import { errorIssue } from '../fhir/operationOutcome.js';
import { parametersOf } from './queryParameters.js';
import { RequestError } from './respond.js';

const CURSOR = 'cursor';

/**
 * Where a list goes on, as one of its own links says it; `undefined`: from its first entry on.
 * @param list what is listed, in words
 * @throws RequestError 400 for any other parameter
 */
export function readCursor(url: string, list: string): string | undefined {
  const [first, second] = parametersOf(url);
  if (first === undefined) return undefined;
  if (first[0] !== CURSOR || second !== undefined) {
    const text = `${list.replace(/^t/, 'T')} takes no parameters but the cursor of its own links: leave them out.`;
    throw new RequestError(400, [errorIssue('not-supported', text)]);
  }
  return first[1];
}

export function noCursor(list: string): RequestError {
  const text = `cursor: this is none of ${list}. Follow the links of its pages, from the first one on.`;
  return new RequestError(400, [errorIssue('value', text, CURSOR)]);
}

/** The link of a page to the next one; none without a cursor. @param cursor needs no encoding in a URL */
export function cursorLink(
  url: string,
  cursor: string | undefined,
): { link?: Array<{ relation: 'next'; url: string }> } {
  return cursor === undefined ? {} : { link: [{ relation: 'next', url: `${url}?${CURSOR}=${cursor}` }] };
}
