import type * as node from '../../../functions/fhir/publishedUris.js';

/*
 * What `functions/fhir/publishedUris.ts` reads from lists of published names. The preview has no report of URIs, so here
 * none is published.
 */

export const URI_KINDS: typeof node.URI_KINDS = ['extensions', 'systems'];
export const OTHER_URI: typeof node.OTHER_URI = 'other';
export const EXTENSION_PART: typeof node.EXTENSION_PART = 'part';
export const reportedUri: typeof node.reportedUri = () => OTHER_URI;
