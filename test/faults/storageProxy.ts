import { Agent, createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http';
import { EXPORT_ACCOUNT } from '../../local/developmentStorage.js';

/** What the app asks of storage, by what the request is for. */
export type StorageOperation =
  | 'create file'
  | 'append'
  | 'write manifest'
  | 'write report'
  | 'write outcome'
  | 'write plan'
  | 'write claims'
  | 'write slice'
  | 'write partition'
  | 'write progress'
  | 'write request'
  | 'write other'
  | 'read'
  | 'list'
  | 'delete';

/** One request to the storage emulator, as the proxy sees it. */
export interface StorageRequest {
  account: 'export' | 'runtime';
  operation: StorageOperation;
  /** Whether it carries a condition, so that 412 is an answer it may get. */
  isConditional: boolean;
}

/** How a request goes wrong. `written`: it takes effect, though its sender gets another answer. */
export type StorageFault =
  | ({ written: boolean } & ({ status: number } | { cut: true }))
  /** The connection is cut, and the request takes effect so much later, whatever came between. */
  | { lateMilliseconds: number };

/** The moments of a request that passes. */
export type Moment = 'before' | 'written' | 'answered';

/** What the proxy asks and reports. */
export interface StorageWatch {
  fault(request: StorageRequest): StorageFault | undefined;
  /** `written`: the storage has answered, the app does not know; `answered`: it does. */
  passes(request: StorageRequest, moment: Moment): void;
}

const NO_WATCH: StorageWatch = { fault: () => undefined, passes: () => undefined };

/**
 * Is in front of the storage emulator, sees every request of the app, and lets some of them go wrong. The
 * signature of a request covers neither host nor port, so requests pass as they are.
 */
export class StorageProxy {
  watch: StorageWatch = NO_WATCH;
  readonly port: number;
  readonly #close: () => Promise<void>;

  private constructor(port: number, close: () => Promise<void>) {
    this.port = port;
    this.#close = close;
  }

  static async start(storagePort: number): Promise<StorageProxy> {
    const agent = new Agent({ keepAlive: true });
    const server = createServer((incoming, answer) => {
      forward(agent, storagePort, proxy.watch, incoming, answer).catch(() => answer.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const proxy = new StorageProxy(port, async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      agent.destroy();
    });
    return proxy;
  }

  /** Lets everything pass again. */
  reset(): void {
    this.watch = NO_WATCH;
  }

  close(): Promise<void> {
    return this.#close();
  }
}

interface StorageAnswer {
  status: number;
  headers: string[];
  body: Buffer;
}

async function forward(
  agent: Agent,
  port: number,
  watch: StorageWatch,
  incoming: IncomingMessage,
  answer: ServerResponse,
): Promise<void> {
  const body = await readAll(incoming);
  const request = describe(incoming);
  const fault = watch.fault(request);
  watch.passes(request, 'before');
  if (fault !== undefined && 'lateMilliseconds' in fault) {
    incoming.socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, fault.lateMilliseconds));
    await ask(agent, port, incoming, body);
    return;
  }
  if (fault === undefined || fault.written) {
    const given = await ask(agent, port, incoming, body);
    watch.passes(request, 'written');
    if (fault === undefined) {
      answer.writeHead(given.status, given.headers);
      answer.end(given.body, () => watch.passes(request, 'answered'));
      return;
    }
  }
  if ('cut' in fault) {
    incoming.socket.destroy();
    return;
  }
  const code = STORAGE_CODES[fault.status] ?? 'InternalError';
  answer.writeHead(fault.status, { 'x-ms-error-code': code, 'content-type': 'application/xml' });
  answer.end(
    incoming.method === 'HEAD'
      ? ''
      : `<?xml version="1.0"?><Error><Code>${code}</Code><Message>As the test asks.</Message></Error>`,
  );
}

/** The codes that the service has for them: https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes */
const STORAGE_CODES: Record<number, string> = {
  403: 'AuthorizationFailure',
  412: 'ConditionNotMet',
  429: 'TooManyRequests',
  500: 'OperationTimedOut',
  503: 'ServerBusy',
};

function ask(agent: Agent, port: number, incoming: IncomingMessage, body: Buffer): Promise<StorageAnswer> {
  return new Promise((resolve, reject) => {
    const { method, url: path, headers } = incoming;
    const outgoing = send({ agent, host: '127.0.0.1', port, method, path, headers }, (response) => {
      readAll(response).then(
        (read) =>
          resolve({ status: response.statusCode ?? 0, headers: withoutFraming(response), body: read }),
        reject,
      );
    });
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

/** A body that was read as a whole has a length; one to a HEAD keeps the length that it states. */
function withoutFraming({ rawHeaders }: IncomingMessage): string[] {
  return rawHeaders.filter(
    (_value, index) =>
      !/^(transfer-encoding|connection|keep-alive)$/i.test(rawHeaders[index - (index % 2)] ?? ''),
  );
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Writes by the end of their blob's name. */
const WRITES: ReadonlyArray<readonly [RegExp, StorageOperation]> = [
  [/\/manifest\.json$/, 'write manifest'],
  [/\/report\.json$/, 'write report'],
  [/\/outcome\.json$/, 'write outcome'],
  [/\/plan\.json$/, 'write plan'],
  [/\/claims\.json$/, 'write claims'],
  [/\/slices\/[^/]+\/[^/]+\.json$/, 'write slice'],
  [/\/partitions\/[^/]+\.json$/, 'write partition'],
  [/\/progress\/\d+$/, 'write progress'],
  [/\/request\.json$/, 'write request'],
];

function describe({ method, url = '', headers }: IncomingMessage): StorageRequest {
  const [path = '', query = ''] = url.split('?', 2);
  const name = decodeURIComponent(path);
  return {
    account: name.startsWith(`/${EXPORT_ACCOUNT}/`) ? 'export' : 'runtime',
    operation: operationOf(method ?? '', name, new URLSearchParams(query), headers['x-ms-blob-type']),
    isConditional: headers['if-match'] !== undefined || headers['if-none-match'] !== undefined,
  };
}

function operationOf(
  method: string,
  name: string,
  query: URLSearchParams,
  blobType: unknown,
): StorageOperation {
  if (query.get('comp') === 'list') return 'list';
  if (method === 'DELETE') return 'delete';
  if (method !== 'PUT') return 'read';
  if (query.get('comp') === 'appendblock') return 'append';
  if (blobType === 'AppendBlob') return 'create file';
  return WRITES.find(([pattern]) => pattern.test(name))?.[1] ?? 'write other';
}
