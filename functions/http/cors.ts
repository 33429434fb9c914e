import type { HttpRequest, HttpResponseInit } from '@azure/functions';

/** Headers of answers that a script of another origin may read, beside those it always may. */
const EXPOSED =
  'Content-Location, Retry-After, X-Progress, ETag, Expires, Content-Range, Accept-Ranges, Content-Encoding, X-OperationOutcome, X-Export-Status, Preference-Applied';
/** Headers of requests that a script of another origin may send. */
const ALLOWED =
  'Accept, Authorization, Content-Type, If-None-Match, If-Range, Prefer, Range, X-Functions-Key';
const MAX_SECONDS_CACHED = 600;

/**
 * The headers that let a script of a permitted origin read an answer; none for any other. Cookies are never used, so
 * credentials in the sense of browsers are not allowed.
 * https://fetch.spec.whatwg.org/#http-cors-protocol
 */
export function corsHeaders(request: HttpRequest, origins: ReadonlySet<string>): Record<string, string> {
  const origin = request.headers.get('origin');
  if (origins.size === 0) return {};
  const isPermitted = origin !== null && (origins.has('*') || origins.has(origin));
  return {
    vary: 'Origin',
    ...(isPermitted
      ? {
          'access-control-allow-origin': origins.has('*') ? '*' : origin,
          'access-control-expose-headers': EXPOSED,
        }
      : {}),
  };
}

/** The answer to a preflight of a permitted origin; `undefined` where a request is none. */
export function preflight(
  request: HttpRequest,
  origins: ReadonlySet<string>,
  methods: readonly string[],
): HttpResponseInit | undefined {
  if (request.method !== 'OPTIONS' || !request.headers.has('access-control-request-method')) return undefined;
  if (!('access-control-allow-origin' in corsHeaders(request, origins))) return undefined;
  return {
    status: 204,
    headers: {
      'access-control-allow-methods': methods.join(', '),
      'access-control-allow-headers': ALLOWED,
      'access-control-max-age': String(MAX_SECONDS_CACHED),
    },
  };
}
