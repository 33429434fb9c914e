import { app, type HttpMethod, type HttpResponseInit } from '@azure/functions';
import * as df from 'durable-functions';
import { errorIssue } from '../export/operationOutcome.js';
import type { HttpDependencies } from './dependencies.js';
import type { Handler } from './handler.js';
import { cancelExport } from './cancelExport.js';
import { downloadFile } from './downloadFile.js';
import { exportStatus } from './exportStatus.js';
import { corsHeaders, preflight } from './cors.js';
import { groupLevel, kickOff } from './kickOff.js';
import { metadata } from './metadata.js';
import { RequestError, respond } from './respond.js';

interface Route {
  name: string;
  route: string;
  authLevel: 'anonymous' | 'function';
  methods: Partial<Record<HttpMethod, Handler>>;
}

/** Without TRACE and CONNECT, of which the library cannot make a request: it throws before any handler is called. */
const ALL_METHODS: HttpMethod[] = ['GET', 'POST', 'DELETE', 'HEAD', 'PATCH', 'PUT', 'OPTIONS'];

function routes(dependencies: HttpDependencies): Route[] {
  const start = kickOff(dependencies);
  const exportAt = (readLevel: Parameters<typeof start>[0]): Route['methods'] => ({
    GET: start(readLevel),
    POST: start(readLevel),
  });
  const status = exportStatus(dependencies);
  const download = downloadFile(dependencies);
  const about = metadata(dependencies);
  return [
    {
      name: 'systemExport',
      route: 'fhir/$export',
      authLevel: 'function',
      methods: exportAt(() => ({ kind: 'system' })),
    },
    {
      name: 'patientExport',
      route: 'fhir/Patient/$export',
      authLevel: 'function',
      methods: exportAt(() => ({ kind: 'patient' })),
    },
    {
      name: 'groupExport',
      route: 'fhir/Group/{groupId}/$export',
      authLevel: 'function',
      methods: exportAt(groupLevel),
    },
    { name: 'otherTypeExport', route: 'fhir/{type}/$export', authLevel: 'function', methods: REFUSED_LEVEL },
    {
      name: 'otherInstanceExport',
      route: 'fhir/{type}/{id}/$export',
      authLevel: 'function',
      methods: REFUSED_LEVEL,
    },
    {
      name: 'exportStatus',
      route: 'fhir/_operations/export/{jobId}',
      authLevel: 'function',
      methods: { GET: status, HEAD: status, DELETE: cancelExport(dependencies) },
    },
    {
      name: 'downloadFile',
      route: 'fhir/_operations/export/{jobId}/files/{file}',
      authLevel: 'function',
      methods: { GET: download, HEAD: download },
    },
    {
      name: 'metadata',
      route: 'fhir/metadata',
      authLevel: 'anonymous',
      methods: { GET: about, HEAD: about },
    },
    { name: 'healthz', route: 'healthz', authLevel: 'anonymous', methods: { GET: healthy, HEAD: healthy } },
    { name: 'unknownPath', route: '{*path}', authLevel: 'anonymous', methods: {} },
  ];
}

/**
 * Registers every route with every method: what no function has, the host answers with an empty body, and a
 * caller is to get an OperationOutcome.
 */
export function registerRoutes(dependencies: HttpDependencies): void {
  const { corsOrigins } = dependencies.settings;
  for (const { name, route, authLevel, methods } of routes(dependencies)) {
    const allowed = Object.keys(methods);
    const refuse: Handler = async () => {
      if (allowed.length === 0) {
        throw new RequestError(404, [
          errorIssue(
            'not-found',
            'There is nothing here. The export operation is GET or POST [base]/$export, [base]/Patient/$export or [base]/Group/[id]/$export, where [base] ends with /fhir.',
          ),
        ]);
      }
      const methodNames = allowed.join(', ');
      throw new RequestError(405, [errorIssue('not-supported', `This path takes ${methodNames}.`)], {
        allow: methodNames,
      });
    };
    app.http(name, {
      route,
      authLevel,
      methods: ALL_METHODS,
      extraInputs: [df.input.durableClient()],
      handler: (request, context) =>
        withHeaders(
          corsHeaders(request, corsOrigins),
          respond(request, context, async () => {
            const handler = methods[request.method as HttpMethod] ?? refuse;
            return (
              preflight(request, corsOrigins, allowed) ?? handler(request, df.getClient(context), context)
            );
          }),
        ),
    });
  }
}

const refuseLevel: Handler = async () => {
  throw new RequestError(400, [
    errorIssue(
      'not-supported',
      'This cannot be exported. There are [base]/$export, of everything, [base]/Patient/$export, of all patients, and [base]/Group/[id]/$export, of the members of a group; name types with _type.',
    ),
  ]);
};
const REFUSED_LEVEL = { GET: refuseLevel, POST: refuseLevel };

/** An answer with more headers; those it has itself stay, and `vary` has both. */
async function withHeaders(
  more: Record<string, string>,
  answer: Promise<HttpResponseInit>,
): Promise<HttpResponseInit> {
  const response = await answer;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(more)) {
    if (name === 'vary') headers.append(name, value);
    else headers.set(name, value);
  }
  return { ...response, headers: Object.fromEntries(headers) };
}

const healthy: Handler = async () => ({ status: 200, jsonBody: { status: 'ok' } });
