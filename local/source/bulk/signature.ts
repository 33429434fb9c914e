import { createHmac } from 'node:crypto';

/** A server of files at URLs that are good by themselves, for a time. */
export interface FileServer {
  /** As the FHIR base, on another port. */
  base: string;
  key: Buffer;
}

/** The URL of a path below the base, good until `until` (milliseconds since the epoch). */
export function signedUrl(server: FileServer, path: string, until: number): string {
  return `${server.base}/${path}?se=${until}&sig=${signatureOf(server, path, String(until))}`;
}

export function isSigned(server: FileServer, path: string, query: URLSearchParams, now: number): boolean {
  const until = query.get('se') ?? '';
  return query.get('sig') === signatureOf(server, path, until) && Number(until) >= now;
}

function signatureOf({ key }: FileServer, path: string, until: string): string {
  return createHmac('sha256', key).update(`${path} ${until}`).digest('base64url');
}
