import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { resolve } from 'node:path';
import { AppFunctions } from './durable/appFunctions.js';
import { type DurableFaults, RepeatedDeliveries } from './durable/deliveryFaults.js';
import { clientBinding, managementUrls, type ManagementEndpoints } from './durable/clientBinding.js';
import { ManagementApi, type ManagementResponse } from './durable/management.js';
import { StorageLog } from './durable/storageLog.js';
import { Store } from './durable/store.js';
import { TaskHub } from './durable/taskHub.js';
import { DirectoryLock } from './directoryLock.js';
import { readHostSettings } from './hostJson.js';
import { MAX_READ_HEADER_BYTES, refusedByHost, withoutDotSegments } from './http/hostLimits.js';
import { HttpFunctions } from './http/httpFunctions.js';
import { isAuthorized, isSame, type FunctionKeys } from './http/keys.js';
import { readBody } from './http/request.js';
import { sendEmpty } from './http/response.js';
import { applyLocalSettings } from './localSettings.js';
import { Logger, standardOutput, type LogSink } from './log.js';
import { TimerTriggers } from './timerTriggers.js';
import { AppLoadError } from './worker/loadApp.js';
import { Worker } from './worker/worker.js';

export interface HostOptions {
  /** The folder of the app: package.json, host.json, local.settings.json. */
  scriptRoot: string;
  /** 0 for any free one. */
  port: number;
  /** Where the histories are kept, in `durable/`. */
  dataDirectory: string;
  /**
   * How long after a restart that waits which a stopped host was doing. Default the visibility time-outs of host.json,
   * one for activities, one for orchestrators.
   */
  redeliveryDelayMs?: number;
  /** How long to wait for another host that works on the same data and may be stopping. Default 0. */
  directoryWaitMs?: number;
  /** What goes wrong in the Durable extension. Default nothing. */
  durableFaults?: DurableFaults;
  /** How long `close` waits for running functions. Default 5 s. */
  graceMs?: number;
  /** Host keys by name; without any, functions are open to all, as with Core Tools. */
  functionKeys?: FunctionKeys;
  /** Where log lines go; standard output by default. */
  log?: LogSink;
}

export interface RunningHost {
  /** Without a trailing slash. */
  url: string;
  /**
   * Takes no more requests, gives running functions a short time to end, and stops. What is pending then is
   * taken up at the next start.
   */
  close(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';
/**
 * How long the real host keeps a connection that is idle. Of a server that closes it sooner, a busy client sends its next
 * request on a connection that is closed just then.
 * https://learn.microsoft.com/dotnet/api/microsoft.aspnetcore.server.kestrel.core.kestrelserverlimits.keepalivetimeout
 */
const KEEP_ALIVE_MS = 130_000;
/** Where the real host opens the API for its own client binding; another port if it is taken. */
const RPC_PORT = 17_071;
const RPC_PATH = '/durabletask/';
const WEBHOOK_PATH = '/runtime/webhooks/durabletask/';
const ADMIN_PATH = '/admin/';
/** `POST` with a function's name runs its timer now, as with Core Tools. */
const RUN_TIMER_PATH = '/admin/functions/';

/**
 * Starts the local stand-in for the Azure Functions host with the app in `scriptRoot`: HTTP and timer
 * triggers, and Durable Functions with its state on disk. It listens on the loopback interface only.
 *
 * @throws AppLoadError, HostSettingsError, DirectoryInUseError, or an error of the listening port.
 */
export async function startHost(options: HostOptions): Promise<RunningHost> {
  const scriptRoot = resolve(options.scriptRoot);
  applyLocalSettings(scriptRoot, process.env);
  const settings = readHostSettings(scriptRoot, process.env);
  const logger = new Logger(options.log ?? standardOutput, settings.logLevels);
  const directory = resolve(options.dataDirectory, 'durable', encodeURIComponent(settings.hubName));
  const opened: { close(): Promise<void> | void }[] = [];
  try {
    const { durableFaults = {} } = options;
    const storageLog = new StorageLog(logger);
    opened.push(storageLog);
    const store = new Store(directory, durableFaults.diskBytes, (isFirst) => storageLog.recorded(isFirst));
    opened.push(await DirectoryLock.take(directory, options.directoryWaitMs));
    const web = await Listener.open(options.port, logger);
    opened.push(web);
    const rpc = await Listener.open(RPC_PORT, logger).catch(() => Listener.open(0, logger));
    opened.push(rpc);
    setEnvironment(scriptRoot, web.authority);

    const worker = await Worker.load(scriptRoot, logger, settings.functionTimeoutMs);
    const capabilities = await worker.capabilities();
    const endpoints: ManagementEndpoints = {
      taskHubName: settings.hubName,
      connectionName: 'Storage',
      baseUrl: `http://${web.authority}${WEBHOOK_PATH.slice(0, -1)}`,
      code: randomBytes(24).toString('base64url'),
      rpcBaseUrl: `http://${rpc.authority}${RPC_PATH}`,
    };
    worker.setClientBinding({ json: clientBinding(endpoints) });

    const functions = new RepeatedDeliveries(new AppFunctions(worker), durableFaults);
    const hub = new TaskHub(store, functions, {
      ...settings,
      activityRedeliveryMs: options.redeliveryDelayMs ?? settings.workItemVisibilityMs,
      orchestratorRedeliveryMs: options.redeliveryDelayMs ?? settings.controlVisibilityMs,
    });
    const api = new ManagementApi(hub, (id) => managementUrls(endpoints, id));
    const http = new HttpFunctions(worker, {
      routePrefix: settings.routePrefix,
      keys: options.functionKeys,
      proxy: capabilities['HttpUri'],
    });
    const timers = new TimerTriggers(worker);

    storageLog.start();
    hub.open();
    rpc.serve((request, response) => manage(api, RPC_PATH, request, response));
    web.serve(async (request, response) => {
      const refused = refusedByHost(request);
      if (refused !== undefined) {
        sendEmpty(response, refused);
        return;
      }
      request.url = withoutDotSegments(request.url ?? '/');
      const path = request.url;
      if (path.startsWith(WEBHOOK_PATH)) {
        await manage(api, WEBHOOK_PATH, request, response, endpoints.code);
      } else if (path.startsWith(ADMIN_PATH)) {
        sendEmpty(response, administer(request, timers, options.functionKeys));
      } else {
        await http.handle(request, response);
      }
    });
    timers.start();
    const url = `http://${web.authority}`;
    logger.log({ level: 'information', category: 'Host.Startup', message: `Host started on ${url}` });

    let closing: Promise<void> | undefined;
    const shutDown = async (): Promise<void> => {
      const graceMs = options.graceMs ?? 5000;
      timers.stop();
      await Promise.all([web.drain(graceMs), hub.close(graceMs)]);
      await worker.terminate();
      await closeAll(opened);
      await logger.close();
    };
    return { url, close: () => (closing ??= shutDown()) };
  } catch (error) {
    // One entry, as on the real host, which continues without functions then.
    if (error instanceof AppLoadError) {
      logger.log({ level: 'error', category: 'Host.Startup', message: error.message });
    }
    await closeAll(opened);
    throw error;
  }
}

async function closeAll(opened: { close(): Promise<void> | void }[]): Promise<void> {
  for (const resource of opened.splice(0).reverse()) await resource.close();
}

/** Sets what the real host and Core Tools set for an app. */
function setEnvironment(scriptRoot: string, authority: string): void {
  const { env } = process;
  env['WEBSITE_HOSTNAME'] = authority;
  env['AzureWebJobsScriptRoot'] = scriptRoot;
  env['AZURE_FUNCTIONS_ENVIRONMENT'] ??= 'Development';
  env['FUNCTIONS_WORKER_RUNTIME'] ??= 'node';
  // The client binding would send its calls to this host through a proxy.
  const exempt = new Set((env['NO_PROXY'] ?? env['no_proxy'] ?? '').split(',').filter(Boolean));
  for (const host of [LOOPBACK, 'localhost', '::1']) exempt.add(host);
  env['NO_PROXY'] = env['no_proxy'] = [...exempt].join(',');
}

/** The status of a request below `/admin/`: 401 without the master key, where there are keys. */
function administer(
  request: IncomingMessage,
  timers: TimerTriggers,
  keys: FunctionKeys | undefined,
): 202 | 401 | 404 {
  const { pathname, searchParams } = new URL(`http://${LOOPBACK}${request.url ?? '/'}`);
  const runsTimer = request.method === 'POST' && pathname.startsWith(RUN_TIMER_PATH);
  const isAllowed = keys === undefined ? runsTimer : isAuthorized('admin', request, searchParams, keys);
  if (!isAllowed) return 401;
  return runsTimer && timers.runNow(pathname.slice(RUN_TIMER_PATH.length)) ? 202 : 404;
}

async function manage(
  api: ManagementApi,
  base: string,
  request: IncomingMessage,
  response: ServerResponse,
  code?: string,
): Promise<void> {
  const url = new URL(`http://${LOOPBACK}${request.url ?? '/'}`);
  const body = await readBody(request);
  let answer: ManagementResponse;
  if (!url.pathname.startsWith(base)) {
    answer = { status: 404 };
  } else if (code !== undefined && !isSame(code, url.searchParams.get('code') ?? '')) {
    answer = { status: 401 };
  } else {
    answer = api.handle({
      method: request.method ?? 'GET',
      path: url.pathname.slice(base.length),
      query: url.searchParams,
      headers: request.headers,
      body: body.toString(),
    });
  }
  const text = answer.body === undefined ? '' : JSON.stringify(answer.body);
  const headers: Record<string, string> = { ...answer.headers };
  if (text !== '') headers['content-type'] = 'application/json; charset=utf-8';
  response.writeHead(answer.status, headers).end(text);
}

const UNREADABLE_GRACE_MS = 1000;

/**
 * Answers a request whose head cannot be read. What comes of it still is read and dropped: a connection that is closed
 * with bytes unread is reset, and the client loses the answer.
 */
function refuseUnreadable(error: Error & { code?: string }, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status =
    error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
  socket.on('error', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  socket.resume();
  setTimeout(() => socket.destroy(), UNREADABLE_GRACE_MS).unref();
}

/** A port on the loopback interface, held from before there is anything to answer with. */
class Listener {
  readonly authority: string;
  readonly #server: Server;
  readonly #logger: Logger;
  #handler: ((request: IncomingMessage, response: ServerResponse) => Promise<void>) | undefined;

  private constructor(server: Server, logger: Logger) {
    this.#server = server;
    this.#logger = logger;
    const address = server.address();
    this.authority = `${LOOPBACK}:${typeof address === 'object' ? (address?.port ?? 0) : 0}`;
    server.on('request', (request, response) => void this.#answer(request, response));
  }

  static open(port: number, logger: Logger): Promise<Listener> {
    // A streamed answer may take as long as the client likes.
    const server = createServer({
      requestTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: MAX_READ_HEADER_BYTES,
    });
    server.on('clientError', refuseUnreadable);
    return new Promise((done, failed) => {
      server.once('error', failed);
      server.listen(port, LOOPBACK, () => done(new Listener(server, logger)));
    });
  }

  serve(handler: (request: IncomingMessage, response: ServerResponse) => Promise<void>): void {
    this.#handler = handler;
  }

  /** Takes no further connection and waits at most that long for the requests under way. */
  async drain(graceMs: number): Promise<void> {
    const closed = new Promise((done) => this.#server.close(done));
    this.#server.closeIdleConnections();
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise((done) => (timer = setTimeout(done, graceMs)));
    await Promise.race([closed, grace]);
    clearTimeout(timer);
  }

  async close(): Promise<void> {
    const closed = new Promise((done) => this.#server.close(done));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (this.#handler) await this.#handler(request, response);
      else response.writeHead(503).end();
    } catch (error) {
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#logger.log({ level: 'error', category: 'Host.General', message });
      if (response.headersSent) response.destroy();
      else response.writeHead(500).end();
    }
  }
}
