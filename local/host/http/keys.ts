import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Host keys by name. `_master` opens functions of level `admin`, all of them those of level `function`. */
export type FunctionKeys = Record<string, string>;

const MASTER_KEY = '_master';

/**
 * Whether a request may call a function of that `authLevel`. Without keys every request may, as with Core
 * Tools.
 */
export function isAuthorized(
  authLevel: string,
  request: IncomingMessage,
  query: URLSearchParams,
  keys: FunctionKeys | undefined,
): boolean {
  const level = authLevel.toLowerCase();
  if (!keys || level === 'anonymous') return true;
  const given = request.headers['x-functions-key'] ?? query.get('code');
  if (typeof given !== 'string') return false;
  return Object.entries(keys).some(
    ([name, key]) => (level === 'function' || name === MASTER_KEY) && isSame(given, key),
  );
}

/** Compares in a time that does not depend on where the texts differ. */
export function isSame(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
