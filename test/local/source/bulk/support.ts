import { once } from 'node:events';
import { get, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { RunningSource } from '../../../../local/source/source.js';

/** An answer with its body as it came, which `fetch` would unpack. */
export interface Raw {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  text: string;
}

export async function raw(url: string, headers: Record<string, string> = {}): Promise<Raw> {
  const request = get(url, { headers, agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  return { status: response.statusCode ?? 0, headers: response.headers, body, text: body.toString() };
}

export interface FileEntry {
  type?: string;
  url: string;
  count?: number;
}

export interface Manifest {
  transactionTime: string;
  request?: string;
  requiresAccessToken: boolean;
  output: FileEntry[];
  deleted?: FileEntry[];
  error?: FileEntry[];
  outcome?: FileEntry[];
  link?: { relation: string; url: string }[];
  [name: string]: unknown;
}

const KICK_OFF = { Prefer: 'respond-async', Accept: 'application/fhir+json' };

export async function kickOff(
  url: string,
  headers: Record<string, string> = {},
  parameters?: readonly object[],
): Promise<Response> {
  if (parameters === undefined) return fetch(url, { headers: { ...KICK_OFF, ...headers } });
  return fetch(url, {
    method: 'POST',
    headers: { ...KICK_OFF, 'Content-Type': 'application/fhir+json', ...headers },
    body: JSON.stringify({ resourceType: 'Parameters', parameter: parameters }),
  });
}

/** The URL of the export's status. */
export async function accepted(kicked: Promise<Response> | Response): Promise<string> {
  const response = await kicked;
  const text = await response.text();
  const location = response.headers.get('content-location');
  if (response.status !== 202 || location === null) throw new Error(`${response.status} ${text}`);
  return new URL(location, response.url).href;
}

/** Asks for the status until it is no longer 202, without waiting. */
export async function finished(
  statusUrl: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; polls: Response[]; text: string; manifest: Manifest }> {
  const polls: Response[] = [];
  for (;;) {
    const response = await fetch(statusUrl, { headers });
    polls.push(response);
    const text = await response.text();
    if (response.status === 202) continue;
    const manifest = (text.startsWith('{') ? JSON.parse(text) : {}) as Manifest;
    return { status: response.status, polls, text, manifest };
  }
}

/** Kicks off an export by GET and returns its manifest. */
export async function exported({ url }: RunningSource, path: string): Promise<Manifest> {
  return (await finished(await accepted(kickOff(`${url}/${path}`)))).manifest;
}

export async function linesOf({ url }: { url: string }): Promise<string[]> {
  const { status, text } = await raw(url);
  if (status !== 200) throw new Error(`${status} ${text}`);
  return text.split('\n').slice(0, -1);
}

/** `Type/id` of all lines of all output files, sorted. */
export async function keysOf(manifest: Manifest): Promise<string[]> {
  const lines = (await Promise.all(manifest.output.map(linesOf))).flat();
  return lines
    .map((line) => JSON.parse(line) as { resourceType: string; id: string })
    .map(({ resourceType, id }) => `${resourceType}/${id}`)
    .sort();
}
