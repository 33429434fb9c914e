import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { isLoopback } from '../functions/common/loopback.js';
import { ConsoleFiles } from '../functions/http/console/consoleFiles.js';
import { outcomeResponse, RequestError } from '../functions/http/respond.js';
import { PROJECT_ROOT } from '../local/paths.js';
import { ArgumentsError, type Given, UsageError } from './command.js';

const HOST = '127.0.0.1';
const DEFAULT_PORT = 8765;
const MAX_PORT = 65_535;

/** A console that is served. */
export interface ServedConsole {
  /** Of the exports page; it ends with a slash. */
  readonly url: string;
  stop(): Promise<void>;
}

/** `fhir-deid console`: the pages of the console on this machine, until Ctrl-C or SIGTERM. */
export async function consoleOnThisMachine(given: Given, untilStopped = untilSignal): Promise<number> {
  const base = readBase(given.values['base']);
  const served = await serveConsole({ port: readPort(given.values['port']), base });
  console.log(
    `The console runs at ${served.url}preview (preview) and ${served.url} (exports).\n${
      base === undefined
        ? 'Exports need an app: --base names it.'
        : `Exports are those of ${base}, whose CORS_ORIGINS has to name ${new URL(served.url).origin}.`
    }\nCtrl-C stops it.`,
  );
  await untilStopped();
  await served.stop();
  return 0;
}

function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      process.off('SIGINT', stop).off('SIGTERM', stop);
      resolve();
    };
    process.once('SIGINT', stop).once('SIGTERM', stop);
  });
}

/**
 * Serves the built console to this machine alone.
 * @param port 0: a free one
 * @param base FHIR base of the app that the exports page is for
 * @throws UsageError where the port cannot be had
 */
export async function serveConsole({
  port,
  base,
}: {
  port: number;
  base?: string | undefined;
}): Promise<ServedConsole> {
  const folder = join(PROJECT_ROOT, 'dist', 'console');
  const files = new ConsoleFiles(folder, { base, signIn: undefined, listsExports: true });
  const server = createServer((request, response) => {
    void handle(files, request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', () =>
      reject(new UsageError(`Port ${port} of ${HOST} cannot be used. Name another one with --port.`)),
    );
    server.listen(port, HOST, resolve);
  });
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://${HOST}:${taken}/console/`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  status: number;
  headers: Record<string, string>;
  body?: string | Buffer;
}

async function handle(
  files: ConsoleFiles,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { status, headers, body } = await answer(files, request);
  response.writeHead(status, headers).end(request.method === 'HEAD' ? undefined : body);
}

async function answer(files: ConsoleFiles, request: IncomingMessage): Promise<Answer> {
  try {
    return await answerOf(files, request);
  } catch (error) {
    const { status, issues, headers } =
      error instanceof RequestError ? error : new RequestError(500, 'The file cannot be read.');
    const refused = outcomeResponse(status, issues, headers);
    return {
      status,
      headers: { ...(refused.headers as Record<string, string>), 'x-content-type-options': 'nosniff' },
      body: refused.body as string,
    };
  }
}

async function answerOf(files: ConsoleFiles, { method, url, headers }: IncomingMessage): Promise<Answer> {
  const host = `http://${headers.host ?? ''}`;
  // A web page must not get here by a name of its own.
  if (!URL.canParse(host) || !isLoopback(new URL(host)))
    throw new RequestError(403, `The console is for this machine: use http://${HOST}.`);
  if (method !== 'GET' && method !== 'HEAD')
    throw new RequestError(405, 'This path takes GET, HEAD.', { allow: 'GET, HEAD' });
  const { pathname } = new URL(url ?? '/', host);
  if (pathname === '/') return { status: 307, headers: { location: 'console/' } };
  const below = /^\/console(\/.*)?$/.exec(pathname);
  if (below === null) throw new RequestError(404, 'The console begins at /console/.');
  const found = await files.answer({
    path: below[1] ?? '',
    acceptEncoding: headers['accept-encoding'] ?? null,
    ifNoneMatch: headers['if-none-match'] ?? null,
  });
  return { ...found, headers: { ...found.headers } };
}

function readPort(given: string | undefined): number {
  const port = given === undefined ? DEFAULT_PORT : Number(given);
  if (given !== undefined && (!/^\d{1,5}$/.test(given) || port > MAX_PORT))
    throw new ArgumentsError(`--port must be a whole number from 0 to ${MAX_PORT}; 0 takes a free one.`);
  return port;
}

function readBase(given: string | undefined): string | undefined {
  if (given === undefined) return undefined;
  const url = URL.canParse(given) ? new URL(given) : undefined;
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url));
  if (url === undefined || !isSafe || `${url.username}${url.password}${url.search}${url.hash}` !== '')
    throw new ArgumentsError(
      '--base must be the https URL of the FHIR base of an app, or http on this machine, without a user and a query.',
    );
  return url.href.replace(/\/+$/, '');
}
