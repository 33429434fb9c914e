import type { HttpRequest } from '@azure/functions';
import type { Settings } from '../settings/settings.js';

type UrlSettings = Pick<Settings, 'publicBaseUrls'>;
type Asked = Pick<HttpRequest, 'url' | 'headers'>;

/** Headers that name the host that a client asked for, in the order in which they count. */
const HOST_HEADERS = ['x-original-host', 'x-forwarded-host'];
const MAX_HEADER_CHARACTERS = 4096;

/**
 * `[base]` as the caller knows it, without trailing slash. Where the setting names bases, it is one of these: headers
 * choose among them and never add one.
 */
export function baseUrlOf({ url, headers }: Asked, { publicBaseUrls }: UrlSettings): string {
  const [first] = publicBaseUrls ?? [];
  if (publicBaseUrls === undefined || first === undefined) return `${new URL(url).origin}/fhir`;
  for (const host of HOST_HEADERS.flatMap((name) => hostsIn(headers.get(name)))) {
    const named = publicBaseUrls.find((base) => isOfHost(base, host));
    if (named !== undefined) return named;
  }
  return first;
}

/** The base of a job's URLs: it may be older than the setting, and asked for at another of the hosts than its kick-off. */
export function baseUrlOfJob(asked: Asked, job: { baseUrl: string }, settings: UrlSettings): string {
  return settings.publicBaseUrls === undefined ? job.baseUrl : baseUrlOf(asked, settings);
}

/** The URL of a request as the caller knows it, its path and query as they were sent. */
export function requestUrlOf(request: Asked, settings: UrlSettings): string {
  if (settings.publicBaseUrls === undefined) return request.url;
  // The first segment of the path is that of all routes of the interface.
  const [, below = ''] = /^[a-z]+:\/\/[^/?#]*\/[^/?#]*(.*)$/is.exec(request.url) ?? [];
  return `${baseUrlOf(request, settings)}${below}`;
}

/** Gateways behind each other make a list of it. */
function hostsIn(header: string | null): string[] {
  if (header === null || header.length > MAX_HEADER_CHARACTERS) return [];
  return header.split(',').map((host) => host.trim().toLowerCase());
}

/** Whether a host is that of a base; some gateways leave out its port. */
function isOfHost(base: string, named: string): boolean {
  const { protocol, host, hostname } = new URL(base);
  const text = `${protocol}//${named}`;
  if (!/^[a-z0-9.:[\]-]+$/.test(named) || !URL.canParse(text)) return false;
  return new URL(text).host === host || named === hostname;
}
