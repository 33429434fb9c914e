import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startHost, type HostOptions, type RunningHost } from '../../../local/host/host.js';
import { waitFor } from './waitFor.js';

export const TEST_APP = fileURLToPath(new URL('app', import.meta.url));
export const STREAMING_APP = fileURLToPath(new URL('streaming-app', import.meta.url));

export interface Status {
  name: string;
  instanceId: string;
  runtimeStatus: string;
  input: unknown;
  output: unknown;
  customStatus: unknown;
  createdTime: string;
  lastUpdatedTime: string;
}

/** The body of a response as JSON. */
export async function json<T>(response: Response): Promise<T> {
  const value: T = JSON.parse(await response.text());
  return value;
}

/** The durable client of the test app at that URL. */
export class Client {
  readonly #url: string;
  constructor(url: string) {
    this.#url = url;
  }

  /** Calls a method of the client in the app; throws with the message it threw. */
  async call<T = unknown>(operation: string, ...parameters: unknown[]): Promise<T> {
    const body = JSON.stringify(parameters);
    const response = await fetch(`${this.#url}/client/${operation}`, { method: 'POST', body });
    const { value, error } = await json<{ value: T; error?: string }>(response);
    if (error !== undefined) throw new Error(error);
    return value;
  }

  start(name: string, instanceId: string, input?: unknown): Promise<string> {
    return this.call('startNew', name, { instanceId, input });
  }

  status(instanceId: string): Promise<Status> {
    return this.call('getStatus', instanceId, { showInput: true });
  }

  /** Waits until the instance has that status, by default until it has ended. */
  async reaches(instanceId: string, ...statuses: string[]): Promise<Status> {
    const wanted = statuses.length > 0 ? statuses : ['Completed', 'Failed', 'Terminated'];
    let status: Status | undefined;
    await waitFor(
      async () => {
        status = await this.status(instanceId);
        return wanted.includes(status.runtimeStatus);
      },
      `${instanceId} to be ${wanted.join(' or ')}`,
    );
    if (!status) throw new Error('unreachable');
    return status;
  }
}

export interface TestHost {
  host: RunningHost;
  url: string;
  client: Client;
  data: string;
  lines: string[];
  /** Stops the host and starts another one on the same data. */
  restart(options?: Partial<HostOptions>): Promise<void>;
  close(): Promise<void>;
}

/** A host with the test app, on data of its own. */
export async function startTestHost(options: Partial<HostOptions> = {}): Promise<TestHost> {
  const data = mkdtempSync(join(tmpdir(), 'host-'));
  const lines: string[] = [];
  const start = (changed: Partial<HostOptions>): Promise<RunningHost> =>
    startHost({
      scriptRoot: TEST_APP,
      port: 0,
      dataDirectory: data,
      redeliveryDelayMs: 200,
      graceMs: 100,
      log: { write: (line) => void lines.push(line) },
      ...options,
      ...changed,
    });
  const host = await start({});
  const running: TestHost = {
    host,
    url: host.url,
    client: new Client(host.url),
    data,
    lines,
    restart: async (changed = {}) => {
      await running.host.close();
      running.host = await start(changed);
      running.url = running.host.url;
      running.client = new Client(running.url);
    },
    close: async () => {
      await running.host.close();
      rmSync(data, { recursive: true });
    },
  };
  return running;
}
