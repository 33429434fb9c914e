import { app, type HttpMethod, type HttpResponseInit } from '@azure/functions';
import * as df from 'durable-functions';
import type { HttpDependencies } from './dependencies.js';
import type { Permission } from './authorization/authorize.js';
import { UNKNOWN_CALLER } from './authorization/caller.js';
import type { Handler } from './handler.js';
import { cancelExport } from './cancelExport.js';
import { definition, DEFINITION_PATH } from './deIdentify/definition.js';
import { deIdentify, operationIsOff } from './deIdentify/deIdentify.js';
import { downloadFile } from './downloadFile.js';
import { configurationList } from './configurations/configurationList.js';
import { exportList } from './exportList.js';
import { exportStatus } from './exportStatus.js';
import { consoleRoute } from './console/console.js';
import { corsHeaders, preflight } from './cors.js';
import { instanceLevel, typeLevel } from './exportLevel.js';
import { groupList } from './groupList.js';
import { kickOff } from './kickOff.js';
import { metadata } from './metadata.js';
import { RequestError, respond } from './respond.js';
import { STU_4 } from '../export/request/guide.js';
import { smartConfiguration } from './smartConfiguration.js';

interface Route {
  name: string;
  route: string;
  /** Who may call: all, or those whom the settings' method of authentication gives the permission. */
  access: 'open' | Permission;
  methods: Partial<Record<HttpMethod, Handler>>;
}

/** Without TRACE and CONNECT, of which the library cannot make a request: it throws before any handler is called. */
const ALL_METHODS: HttpMethod[] = ['GET', 'POST', 'DELETE', 'HEAD', 'PATCH', 'PUT', 'OPTIONS'];

/**
 * All HTTP functions. The host tries their routes in the order of the functions' names, and the first that matches
 * wins: where two match, either may answer, so levels are distinguished by parameter and not by route. Only the
 * catch-all has to be last.
 */
export function routes(dependencies: HttpDependencies): Route[] {
  const start = kickOff(dependencies);
  const exportAt = (name: string, route: string, readLevel: Parameters<typeof start>[0]): Route => {
    const handler = start(readLevel);
    return { name, route, access: 'export', methods: { GET: handler, POST: handler } };
  };
  // A CapabilityStatement names the operation of each version: a client takes the one that it knows.
  const stu4At = (name: string, route: string, readLevel: Parameters<typeof start>[0]): Route => {
    return { name, route, access: 'export', methods: { POST: start(readLevel, STU_4) } };
  };
  const status = exportStatus(dependencies);
  const download = downloadFile(dependencies);
  return [
    exportAt('systemExport', 'fhir/$export', () => ({ kind: 'system' })),
    exportAt('typeExport', 'fhir/{type}/$export', typeLevel),
    exportAt('instanceExport', 'fhir/{type}/{id}/$export', instanceLevel),
    stu4At('systemExportV4', 'fhir/$export-v4', () => ({ kind: 'system' })),
    stu4At('typeExportV4', 'fhir/{type}/$export-v4', typeLevel),
    stu4At('instanceExportV4', 'fhir/{type}/{id}/$export-v4', instanceLevel),
    {
      name: 'exportStatus',
      route: 'fhir/_operations/export/{jobId}',
      access: 'export',
      methods: { GET: status, HEAD: status, DELETE: cancelExport(dependencies) },
    },
    {
      name: 'manifestPage',
      route: 'fhir/_operations/export/{jobId}/manifests/{page}',
      access: 'export',
      methods: { GET: status, HEAD: status },
    },
    {
      name: 'downloadFile',
      route: 'fhir/_operations/export/{jobId}/files/{file}',
      access: 'export',
      methods: { GET: download, HEAD: download },
    },
    listRoute('exports', 'fhir/_operations/export', exportList(dependencies)),
    listRoute('configurations', 'fhir/_operations/configurations', configurationList(dependencies)),
    listRoute('groups', 'fhir/Group', groupList(dependencies)),
    ...deIdentifyRoutes(dependencies),
    openRoute('metadata', 'fhir/metadata', metadata(dependencies)),
    openRoute('smartConfiguration', 'fhir/.well-known/smart-configuration', smartConfiguration(dependencies)),
    openRoute('console', 'console/{*path}', consoleRoute(dependencies.consoleFolder, dependencies.settings)),
    openRoute('healthz', 'healthz', healthy),
    { name: 'unknownPath', route: '{*path}', access: 'open', methods: {} },
  ];
}

function listRoute(name: string, route: string, list: Handler): Route {
  return { name, route, access: 'export', methods: { GET: list, HEAD: list } };
}

function deIdentifyRoutes(dependencies: HttpDependencies): Route[] {
  const { deIdentify: limits } = dependencies.settings;
  const shared = { name: 'deIdentify', route: 'fhir/$de-identify' };
  if (limits.method === 'off') return [{ ...shared, access: 'open', methods: { POST: operationIsOff } }];
  return [
    { ...shared, access: 'deIdentify', methods: { POST: deIdentify(dependencies, limits) } },
    openRoute('deIdentifyDefinition', `fhir/${DEFINITION_PATH}`, definition(dependencies)),
  ];
}

function openRoute(name: string, route: string, handler: Handler): Route {
  return { name, route, access: 'open', methods: { GET: handler, HEAD: handler } };
}

/**
 * Registers every route with every method: what no function has, the host answers with an empty body, and a
 * caller is to get an OperationOutcome.
 */
export function registerRoutes(dependencies: HttpDependencies): void {
  const { settings, authorize } = dependencies;
  const { corsOrigins } = settings;
  // The host checks keys only where they authenticate callers: a client with a token has none.
  const keyLevel =
    settings.authorization.authentication.method === 'function-keys' ? 'function' : 'anonymous';
  for (const { name, route, access, methods } of routes(dependencies)) {
    const allowed = Object.keys(methods);
    const refuse: Handler = async () => {
      if (allowed.length === 0) {
        throw new RequestError(
          404,
          'There is nothing here. The export operation is GET or POST [base]/$export, [base]/Patient/$export or [base]/Group/[id]/$export, where [base] ends with /fhir.',
        );
      }
      const methodNames = allowed.join(', ');
      throw new RequestError(405, `This path takes ${methodNames}.`, { allow: methodNames });
    };
    app.http(name, {
      route,
      authLevel: access === 'open' ? 'anonymous' : keyLevel,
      methods: ALL_METHODS,
      extraInputs: [df.input.durableClient()],
      handler: (request, context) =>
        withHeaders(
          corsHeaders(request, corsOrigins),
          respond(request, context, async () => {
            const answered = preflight(request, corsOrigins, allowed);
            if (answered !== undefined) return answered;
            const handler = methods[request.method as HttpMethod] ?? refuse;
            const caller = access === 'open' ? UNKNOWN_CALLER : await authorize(request, access);
            return handler(request, df.getClient(context), context, caller);
          }),
        ),
    });
  }
}

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
