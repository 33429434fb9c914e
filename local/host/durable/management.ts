import { randomUUID } from 'node:crypto';
import { wholeSeconds } from './clock.js';
import { historyPayload, toJson } from './historyPayload.js';
import type { InstanceDetails, InstanceSummary } from './summary.js';
import { InstanceExistsError, type TaskHub } from './taskHub.js';

export interface ManagementRequest {
  method: string;
  /** Below the base of the API, undecoded, without a leading slash. */
  path: string;
  query: URLSearchParams;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

export interface ManagementResponse {
  status: number;
  headers?: Record<string, string>;
  /** Goes out as JSON. */
  body?: unknown;
}

const ENDED = new Set(['Completed', 'Failed', 'Terminated', 'Canceled']);
const DEFAULT_PAGE_SIZE = 100;
const CONTINUATION_HEADER = 'x-ms-continuation-token';

/**
 * The HTTP management API of Durable Functions, as far as the client binding and the management URLs use it.
 * Status codes and shapes are those of the Durable extension 3.19.
 */
export class ManagementApi {
  readonly #hub: TaskHub;
  /** The management URLs of an instance. */
  readonly #links: (instanceId: string) => Record<string, string>;

  constructor(hub: TaskHub, links: (instanceId: string) => Record<string, string>) {
    this.#hub = hub;
    this.#links = links;
  }

  handle(request: ManagementRequest): ManagementResponse {
    const [collection, first, operation, eventName] = request.path.split('/').map(decode);
    const { method } = request;
    if (collection === 'orchestrators' && first && method === 'POST') {
      return this.#start(first, operation, request);
    }
    if (collection !== 'instances') return { status: 404 };
    if (!first) {
      if (method === 'GET') return this.#list(request);
      return method === 'DELETE' ? this.#purgeMany(request.query) : { status: 404 };
    }
    if (!operation) {
      if (method === 'GET') return this.#status(first, request.query);
      return method === 'DELETE' ? this.#purge(first) : { status: 404 };
    }
    return method === 'POST' ? this.#operate(first, operation, eventName, request) : { status: 404 };
  }

  #start(name: string, id: string | undefined, request: ManagementRequest): ManagementResponse {
    const instanceId = id ? id : randomUUID().replaceAll('-', '');
    if (instanceId.startsWith('@')) return badRequest('Orchestration instance ids must not start with @.');
    let input: string | null = null;
    try {
      if (request.body !== '') input = JSON.stringify(JSON.parse(request.body));
    } catch {
      return badRequest('Invalid JSON content');
    }
    try {
      this.#hub.startNew(name, instanceId, input);
    } catch (error) {
      if (!(error instanceof InstanceExistsError)) throw error;
      const Message = 'Something went wrong while processing your request';
      return { status: 409, body: { Message, ExceptionMessage: error.message } };
    }
    const links = this.#links(instanceId);
    const headers = { Location: links['statusQueryGetUri'] ?? '', 'Retry-After': '10' };
    return { status: 202, headers, body: links };
  }

  #status(instanceId: string, query: URLSearchParams): ManagementResponse {
    const details = this.#hub.get(instanceId);
    if (!details) return { status: 404 };
    const showHistory = flag(query, 'showHistory', false);
    const body = {
      ...statusPayload(details, flag(query, 'showInput', true)),
      historyEvents: showHistory
        ? historyPayload(this.#hub.history(instanceId) ?? [], flag(query, 'showHistoryOutput', false))
        : null,
    };
    if (!ENDED.has(details.status)) return { status: 202, headers: { 'Retry-After': '5' }, body };
    const asError = details.status === 'Failed' && flag(query, 'returnInternalServerErrorOnFailure', false);
    return { status: asError ? 500 : 200, body };
  }

  #list({ query, headers }: ManagementRequest): ManagementResponse {
    const prefix = query.get('instanceIdPrefix') ?? '';
    const after = headers[CONTINUATION_HEADER];
    const lastId = typeof after === 'string' ? Buffer.from(after, 'base64url').toString() : '';
    const matches = filter(query);
    const found = this.#hub
      .list()
      .filter((summary) => summary.id > lastId && summary.id.startsWith(prefix) && matches(summary));
    const size = Number(query.get('top') ?? DEFAULT_PAGE_SIZE) || DEFAULT_PAGE_SIZE;
    const page = found.slice(0, size);
    const showInput = flag(query, 'showInput', true);
    const body = page.flatMap(({ id }) => {
      const details = this.#hub.get(id);
      return details ? [{ ...statusPayload(details, showInput), historyEvents: null }] : [];
    });
    const last = page.at(-1);
    if (found.length <= size || !last) return { status: 200, body };
    const token = Buffer.from(last.id).toString('base64url');
    return { status: 200, headers: { [CONTINUATION_HEADER]: token }, body };
  }

  #purge(instanceId: string): ManagementResponse {
    return this.#hub.purge(instanceId) ? { status: 200, body: { instancesDeleted: 1 } } : { status: 404 };
  }

  #purgeMany(query: URLSearchParams): ManagementResponse {
    if (Number.isNaN(Date.parse(query.get('createdTimeFrom') ?? ''))) {
      return badRequest("Please provide value for 'createdTimeFrom' parameter.");
    }
    const matches = filter(query);
    const purged = this.#hub
      .list()
      .filter((summary) => ENDED.has(summary.status) && matches(summary) && this.#hub.purge(summary.id));
    return purged.length === 0 ? { status: 404 } : { status: 200, body: { instancesDeleted: purged.length } };
  }

  #operate(
    instanceId: string,
    operation: string,
    eventName: string | undefined,
    request: ManagementRequest,
  ): ManagementResponse {
    const status = this.#hub.get(instanceId)?.status;
    if (!status) return { status: 404 };
    const reason = request.query.get('reason');
    const accepted = { status: 202 };
    switch (operation.toLowerCase()) {
      case 'rewind':
        if (status === 'Failed') return { status: 501, body: 'This local host cannot rewind instances.' };
        return { status: 412 };
      case 'raiseevent':
        if (ENDED.has(status)) return { status: 410 };
        if (!eventName) return { status: 404 };
        return this.#raiseEvent(instanceId, eventName, request);
      case 'terminate':
        if (ENDED.has(status)) return { status: 410 };
        this.#hub.terminate(instanceId, reason);
        return accepted;
      case 'suspend':
        if (ENDED.has(status)) return { status: 410 };
        this.#hub.suspend(instanceId, reason);
        return accepted;
      case 'resume':
        if (ENDED.has(status)) return { status: 410 };
        this.#hub.resume(instanceId, reason);
        return accepted;
      default:
        return { status: 404 };
    }
  }

  #raiseEvent(instanceId: string, name: string, { headers, body }: ManagementRequest): ManagementResponse {
    const contentType = headers['content-type'];
    if (typeof contentType !== 'string' || !/^application\/json\s*(;|$)/i.test(contentType)) {
      return badRequest('Only application/json request content is supported');
    }
    let input: string | null = null;
    try {
      if (body !== '') input = JSON.stringify(JSON.parse(body));
    } catch {
      return badRequest('Invalid JSON content');
    }
    this.#hub.raiseEvent(instanceId, name, input);
    return { status: 202 };
  }
}

function badRequest(Message: string): ManagementResponse {
  return { status: 400, body: { Message } };
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function flag(query: URLSearchParams, name: string, otherwise: boolean): boolean {
  const value = query.get(name)?.toLowerCase();
  return value === 'true' || value === 'false' ? value === 'true' : otherwise;
}

/** `createdTimeFrom`, `createdTimeTo` and `runtimeStatus` of the query. */
function filter(query: URLSearchParams): (summary: InstanceSummary) => boolean {
  const from = Date.parse(query.get('createdTimeFrom') ?? '');
  const to = Date.parse(query.get('createdTimeTo') ?? '');
  const statuses = query
    .getAll('runtimeStatus')
    .flatMap((value) => value.split(','))
    .filter(Boolean);
  return ({ createdAt, status }) => {
    const created = Date.parse(createdAt);
    if (created < from || created > to) return false;
    return statuses.length === 0 || statuses.includes(status);
  };
}

function statusPayload(details: InstanceDetails, showInput: boolean): object {
  return {
    name: details.name,
    instanceId: details.id,
    runtimeStatus: details.status,
    input: showInput ? toJson(details.input) : null,
    customStatus: toJson(details.customStatus),
    output: toJson(details.output),
    createdTime: wholeSeconds(details.createdAt),
    lastUpdatedTime: wholeSeconds(details.updatedAt),
  };
}
