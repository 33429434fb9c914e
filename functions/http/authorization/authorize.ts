import type { HttpRequest } from '@azure/functions';
import type { Caller } from './caller.js';

/**
 * Identifies the caller.
 * @throws RequestError 401 where a caller does not show who it is, 403 where it may not call at all, 503 where that
 * is not known for now
 */
export type Authorize = (request: HttpRequest) => Promise<Caller>;
