import type { HttpRequest } from '@azure/functions';
import type { Caller } from './caller.js';

/** What a caller may be permitted to do: neither implies the other. */
export type Permission = 'export' | 'deIdentify';

/**
 * Identifies the caller.
 * @param asked what the caller is about to do, an export without
 * @throws RequestError 401 where a caller does not show who it is, 403 where it may not do that, 503 where that
 * is not known for now
 */
export type Authorize = (request: HttpRequest, asked?: Permission) => Promise<Caller>;
