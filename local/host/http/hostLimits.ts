import type { IncomingMessage } from 'node:http';

/** What the web server of the real host (Kestrel) takes, with its defaults. */
const MAX_REQUEST_LINE_BYTES = 8192;
const MAX_HEADER_BYTES = 32_768;
const MAX_HEADERS = 100;

/** What this server reads before it applies the limits above. Larger than both, so that their answers come first. */
export const MAX_READ_HEADER_BYTES = 131_072;

/** The status with which the real host refuses a request before any routing, or undefined. The body is empty. */
export function refusedByHost(request: IncomingMessage): 400 | 414 | 431 | undefined {
  const target = request.url ?? '/';
  if (`${request.method} ${target} HTTP/1.1\r\n`.length > MAX_REQUEST_LINE_BYTES) return 414;
  const { rawHeaders } = request;
  // Each line has a colon, a space and a line break.
  const bytes = rawHeaders.reduce((sum, text) => sum + text.length + 2, 0);
  if (bytes > MAX_HEADER_BYTES || rawHeaders.length > 2 * MAX_HEADERS) return 431;
  return /%00/.test(pathOf(target)) ? 400 : undefined;
}

/**
 * The target of a request with the dot segments of its path removed, encoded ones too, as the real host does before
 * routing (RFC 3986 section 5.2.4). The query stays as it is.
 */
export function withoutDotSegments(target: string): string {
  const path = pathOf(target);
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  for (const [index, segment] of segments.entries()) {
    const name = segment.replaceAll(/%2e/gi, '.');
    if (name === '..') kept.pop();
    if (name !== '..' && name !== '.') kept.push(segment);
    else if (index === segments.length - 1) kept.push('');
  }
  return `/${kept.join('/')}${target.slice(path.length)}`;
}

function pathOf(target: string): string {
  return target.split('?', 1)[0] ?? '';
}
