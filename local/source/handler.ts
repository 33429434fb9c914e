import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { fhirAnswer, type Answer } from './answer.js';
import { CANARY } from './bulk/behaviours.js';
import { answerExport, exportStep } from './bulk/handler.js';
import type { FileServer } from './bulk/signature.js';
import { capabilityStatement } from './capabilityStatement.js';
import { Collection } from './collection.js';
import type { SourceContext } from './context.js';
import { faultOf, type Fault } from './faults.js';
import { historyPage } from './history.js';
import { OutcomeError, operationOutcome } from './outcome.js';
import { resourceText } from './page.js';
import { searchPage } from './search.js';
import { send } from './send.js';

const BASE_PATH = '/fhir';
const FORM = 'application/x-www-form-urlencoded';
const SECOND_MS = 1000;
const MAX_BODY_BYTES = 1024 * 1024;
const LOGIN_PAGE =
  '<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>';

interface Call {
  method: string;
  /** Segments below the base. */
  path: string[];
  query: URLSearchParams;
  /** Text of a POST that is no form. */
  body: string;
  /** URL as it was requested. */
  url: string;
  request: IncomingMessage;
  /** `http://host:port/fhir`, as the client addressed it. */
  base: string;
  faults: readonly Fault[];
}

/**
 * Answers the requests of a FHIR server's search, read, delete, history-type and capabilities interactions, and of its
 * `$export`; or those of a server of files, if one is given.
 */
export function createRequestHandler(context: SourceContext, fileServer?: FileServer): RequestListener {
  return (request, response) => {
    handle(context, request, response, fileServer).catch(() => response.destroy());
  };
}

async function handle(
  context: SourceContext,
  request: IncomingMessage,
  response: ServerResponse,
  fileServer: FileServer | undefined,
): Promise<void> {
  const url = new URL(request.url ?? '/', `http://${request.headers.host ?? 'localhost'}`);
  const path = pathBelowBase(url.pathname);
  const step = path && exportStep(context, path, fileServer);
  const faults = context.state.faults.next(step ? step.type : path?.[0], step?.at);
  const wait = faultOf(faults, 'delay');
  if (wait) await delay(wait.milliseconds);
  let answer: Answer;
  try {
    answer = await answerTo(context, request, url, path, faults, fileServer);
  } catch (error) {
    answer = errorAnswer(error);
  }
  await send(context, request, response, answer, faults);
}

async function answerTo(
  context: SourceContext,
  request: IncomingMessage,
  url: URL,
  path: string[] | undefined,
  faults: readonly Fault[],
  fileServer: FileServer | undefined,
): Promise<Answer> {
  const method = request.method ?? 'GET';
  const text = await readBody(request);
  const { headers } = request;
  const isForm = headers['content-type']?.startsWith(FORM) === true;
  const query = [url.search.slice(1), isForm ? text : ''].filter((part) => part !== '').join('&');
  const body = isForm ? '' : text;
  context.settings.onRequest?.({ method, path: path?.join('/') ?? url.pathname, query, body, headers });
  const base = `${url.origin}${BASE_PATH}`;
  if (!path) throw new OutcomeError(404, 'not-found', `The FHIR base is ${base}`);
  refuseHaste(context);
  const call = {
    method,
    path,
    query: new URLSearchParams(query),
    body,
    url: url.href,
    request,
    base,
    faults,
  };
  refuseToken(context, headers.authorization, faults);
  return faultAnswer(context, faults) ?? route(context, call, fileServer);
}

/** The segments below the base; `undefined` outside of it. */
function pathBelowBase(pathname: string): string[] | undefined {
  if (pathname !== BASE_PATH && !pathname.startsWith(`${BASE_PATH}/`)) return undefined;
  return pathname
    .slice(BASE_PATH.length)
    .split('/')
    .filter((segment) => segment !== '')
    .map((segment) => {
      try {
        return decodeURIComponent(segment);
      } catch {
        return segment;
      }
    });
}

async function readBody(request: IncomingMessage): Promise<string> {
  if (request.method !== 'POST') return '';
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new OutcomeError(413, 'too-costly', 'The body is larger than 1 MiB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8').trim();
}

function route(context: SourceContext, call: Call, fileServer: FileServer | undefined): Answer {
  const step = exportStep(context, call.path, fileServer);
  if (fileServer && step?.at !== 'file') throw new OutcomeError(404, 'not-found', 'Only files are here');
  if (step) return answerExport(context, { ...call, headers: call.request.headers }, step, fileServer);
  const [type, id, ...rest] = call.path;
  if (type === undefined) throw new OutcomeError(404, 'not-found', 'Only searches by type are supported');
  if (type === 'metadata' && id === undefined) {
    allow(call, 'GET');
    const { fhirVersion, unsupported, behaviours } = context.settings;
    if (behaviours.includes('metadata-refused'))
      throw new OutcomeError(403, 'not-supported', 'Not for everybody');
    return fhirAnswer(
      200,
      capabilityStatement(
        fhirVersion,
        call.base,
        [...context.collections.keys()],
        unsupported,
        !behaviours.includes('export-not-listed'),
      ),
    );
  }
  if (!context.types.has(type)) throw new OutcomeError(404, 'not-found', `Unknown resource type ${type}`);
  const collection = context.collections.get(type) ?? new Collection(type);
  const isSearch = id === undefined || id === '_search' || id === '_history';
  if (isSearch && context.settings.behaviours.includes('search-refused')) {
    throw new OutcomeError(403, 'forbidden', 'Searches are not for everybody');
  }
  if (id === undefined) {
    allow(call, 'GET');
    return search(context, call, collection);
  }
  if (id === '_search' && rest.length === 0) {
    if (context.settings.behaviours.includes('forms-refused')) allow(call, 'GET');
    allow(call, 'POST');
    const contentType = call.request.headers['content-type'] ?? '';
    if (!contentType.startsWith(FORM)) {
      throw new OutcomeError(
        415,
        'not-supported',
        'A POST search has an application/x-www-form-urlencoded body',
      );
    }
    return search(context, call, collection);
  }
  if (id === '_history' && rest.length === 0 && !context.settings.unsupported.includes('_history')) {
    allow(call, 'GET');
    return fhirAnswer(200, historyPage(collection, call.query, call.base, isStrict(call), context.settings));
  }
  if (rest.length > 0) throw new OutcomeError(404, 'not-supported', `There is no ${call.path.join('/')}`);
  if (call.method === 'DELETE' && (collection.remove(id, context.now()) || collection.wasRemoved(id))) {
    return fhirAnswer(200, operationOutcome('deleted', `${type}/${id} is deleted`, 'information'));
  }
  if (call.method !== 'DELETE') allow(call, 'GET');
  return read(collection, id);
}

function allow(call: Call, method: string): void {
  if (call.method !== method) {
    throw new OutcomeError(405, 'not-supported', `${call.method} is not supported here`, { Allow: method });
  }
}

function read(collection: Collection, id: string): Answer {
  const row = collection.row(id);
  if (row !== undefined) return fhirAnswer(200, resourceText(collection, row));
  throw collection.wasRemoved(id)
    ? new OutcomeError(410, 'deleted', `${collection.type}/${id} has been deleted`)
    : new OutcomeError(404, 'not-found', `${collection.type}/${id} is not known`);
}

function search(context: SourceContext, call: Call, collection: Collection): Answer {
  const page = searchPage(context, collection, call.query, call.base, isStrict(call), call.faults);
  const isHidden = context.settings.behaviours.includes('times-hidden') && collection.type !== 'Patient';
  return fhirAnswer(200, isHidden ? withoutTimes(page) : page);
}

/** @throws OutcomeError 429 where more are asked for than a token bucket holds that is filled at the permitted rate */
function refuseHaste({ settings, state }: SourceContext): void {
  const { requestsPerSecond } = settings;
  if (requestsPerSecond === undefined) return;
  const now = performance.now();
  const filled = ((now - state.permits.at) * requestsPerSecond) / SECOND_MS;
  state.permits = { left: Math.min(requestsPerSecond, state.permits.left + filled), at: now };
  if (state.permits.left < 1)
    throw new OutcomeError(429, 'throttled', 'Too many requests', { 'Retry-After': '1' });
  state.permits.left--;
}

/** @throws OutcomeError with 401 for a token that has expired, or expires now */
function refuseToken({ state }: SourceContext, token: string | undefined, faults: readonly Fault[]): void {
  if (token === undefined) return;
  if (faultOf(faults, 'tokenExpires')) state.refusedTokens.add(token);
  if (!state.refusedTokens.has(token)) return;
  const headers = { 'WWW-Authenticate': 'Bearer error="invalid_token"' };
  throw new OutcomeError(401, 'forbidden', 'The token has expired', headers);
}

function withoutTimes(page: Buffer): Buffer {
  return Buffer.from(page.toString('utf8').replaceAll(/"lastUpdated":"[^"]*",|,?"lastUpdated":"[^"]*"/g, ''));
}

function isStrict({ request }: Call): boolean {
  return /(?:^|[,;\s])handling=strict(?:$|[,;\s])/.test(String(request.headers['prefer'] ?? ''));
}

function faultAnswer(context: SourceContext, faults: readonly Fault[]): Answer | undefined {
  const status = faultOf(faults, 'status');
  if (status) {
    const { retryAfterSeconds: seconds, retryAfterForm } = status;
    const at = context.now() + (seconds ?? 0) * 1000;
    const retryAfter = retryAfterForm === 'date' ? new Date(at).toUTCString() : String(seconds);
    throw new OutcomeError(
      status.status,
      status.status === 429 ? 'throttled' : 'transient',
      `A setting makes the source answer like this (${CANARY})`,
      seconds === undefined ? {} : { 'Retry-After': retryAfter },
    );
  }
  if (!faultOf(faults, 'html')) return undefined;
  return { status: 200, body: Buffer.from(LOGIN_PAGE), contentType: 'text/html; charset=utf-8' };
}

function errorAnswer(error: unknown): Answer {
  if (error instanceof OutcomeError) {
    return fhirAnswer(error.status, operationOutcome(error.code, error.message), error.headers);
  }
  return fhirAnswer(500, operationOutcome('exception', 'The source failed to answer'));
}
