import { createHmac } from 'node:crypto';

/** A server of files at URLs that are good by themselves. */
export interface FileServer {
  /** As the FHIR base, on another port. */
  base: string;
  key: Buffer;
}

/** What makes the URL of a path good. */
export function signatureOf({ key }: FileServer, path: string): string {
  return createHmac('sha256', key).update(path).digest('base64url');
}
