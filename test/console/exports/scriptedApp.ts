import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ConsoleFiles } from '../../../functions/http/console/consoleFiles.js';
import type { AppDescription } from '../../../functions/http/console/pages.js';
import { PROJECT_ROOT } from '../../../local/paths.js';

/** A request to the interface, as it came. */
export interface Call {
  readonly method: string;
  /** Below the FHIR base, with its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface ScriptedApp {
  /** Of the exports page. */
  readonly url: string;
  /** FHIR base. */
  readonly base: string;
  readonly calls: readonly Call[];
  end(): Promise<void>;
}

/** An app that serves the built console, and answers below its FHIR base as a test says. */
export async function startScriptedApp(
  description: Omit<AppDescription, 'base'>,
  answer: (call: Call, base: string) => Reply,
): Promise<ScriptedApp> {
  const files = new ConsoleFiles(join(PROJECT_ROOT, 'dist', 'console'), { base: '../fhir', ...description });
  const calls: Call[] = [];
  const server = createServer((request, response) => {
    const reply = async (): Promise<void> => {
      const { pathname, search } = new URL(request.url ?? '/', 'http://localhost');
      if (pathname.startsWith('/console')) {
        const { status, headers, body } = await files.answer({
          path: pathname.slice('/console'.length),
          acceptEncoding: null,
          ifNoneMatch: null,
        });
        response.writeHead(status, headers).end(body);
        return;
      }
      let text = '';
      for await (const chunk of request) text += String(chunk);
      const call = {
        method: request.method ?? '',
        path: pathname.replace(/^\/fhir/, '') + search,
        headers: request.headers,
        body: text,
      };
      calls.push(call);
      const given = answer(call, `http://127.0.0.1:${(server.address() as AddressInfo).port}/fhir`);
      response.writeHead(given.status, given.headers).end(given.body);
    };
    reply().catch(() => response.writeHead(404).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `${origin}/console/`,
    base: `${origin}/fhir`,
    calls,
    end: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
