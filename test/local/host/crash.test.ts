import { spawn, execFileSync, type ChildProcess } from 'node:child_process';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert, nat, property } from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AppFunctions } from '../../../local/host/durable/appFunctions.js';
import type { Message } from '../../../local/host/durable/history.js';
import type { LogRecord, StartRecord } from '../../../local/host/durable/instance.js';
import { Store } from '../../../local/host/durable/store.js';
import { TaskHub } from '../../../local/host/durable/taskHub.js';
import { Logger } from '../../../local/host/log.js';
import { Worker } from '../../../local/host/worker/worker.js';
import { Client, TEST_APP } from './testHost.js';
import { waitFor } from './waitFor.js';
import { randomly } from '../../random.js';

const data = mkdtempSync(join(tmpdir(), 'crash-'));
afterAll(() => rmSync(data, { recursive: true }));

/** A store that stops writing, as if its process had been killed at that write. */
class DyingStore extends Store {
  writes = 0;
  readonly #diesAt: number;
  readonly #directory: string;

  constructor(directory: string, diesAt: number) {
    super(directory);
    this.#directory = directory;
    this.#diesAt = diesAt;
  }

  override begin(start: StartRecord, messages?: readonly Message[]): void {
    if (this.writes++ < this.#diesAt) super.begin(start, messages);
  }

  override append(instanceId: string, record: LogRecord): void {
    if (this.writes++ < this.#diesAt) super.append(instanceId, record);
    else if (this.writes === this.#diesAt + 1) this.#tear(instanceId, JSON.stringify(record));
  }

  /** Leaves part of the line that was being written. */
  #tear(instanceId: string, line: string): void {
    const prefix = `${instanceId.replace(/[^A-Za-z0-9-]/g, '_')}.`;
    const file = readdirSync(this.#directory).find((name) => name.startsWith(prefix));
    if (file) appendFileSync(join(this.#directory, file), line.slice(0, this.#diesAt % line.length));
  }
}

function ended(hub: TaskHub, id: string): boolean {
  return ['Completed', 'Failed'].includes(hub.get(id)?.status ?? '');
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('exit', (code) => resolve(code)));
}

describe('a hub that is killed at any write', () => {
  let worker: Worker;
  beforeAll(async () => {
    worker = await Worker.load(TEST_APP, new Logger({ write: () => {} }, {}), Infinity);
  });

  const open = (store: Store): TaskHub => {
    const hub = new TaskHub(store, new AppFunctions(worker), {
      maxConcurrentActivityFunctions: 10,
      maxConcurrentOrchestratorFunctions: 10,
      activityRedeliveryMs: 0,
      orchestratorRedeliveryMs: 0,
    });
    hub.open();
    return hub;
  };
  test.each(['parent', 'fanOut', 'parentChildFails', 'loops'])('%s has the same outcome', async (name) => {
    const reference = new DyingStore(join(data, `${name}-whole`), Infinity);
    const whole = open(reference);
    whole.startNew(name, 'job', JSON.stringify({ left: 2 }));
    await waitFor(() => ended(whole, 'job'), 'the end without a kill');
    const expected = whole.get('job')?.output?.replace(/[0-9a-f]{32}/g, '<id>');
    await whole.close(0);

    // The first write is that of the start: before it, there is no job.
    for (let diesAt = 1; diesAt < reference.writes; diesAt++) {
      const directory = join(data, `${name}-${diesAt}`);
      const dying = open(new DyingStore(directory, diesAt));
      dying.startNew(name, 'job', JSON.stringify({ left: 2 }));
      // What the killed one would have done goes on in its memory only.
      await waitFor(() => ended(dying, 'job') || dying.get('job') === undefined, 'the zombie').catch(
        () => {},
      );
      await dying.close(0);
      const next = open(new Store(directory));
      await waitFor(() => ended(next, 'job'), `the end after a kill at write ${diesAt}`);
      expect(next.get('job')?.output?.replace(/[0-9a-f]{32}/g, '<id>'), `killed at ${diesAt}`).toBe(expected);
      const running = next.list().filter(({ status }) => status === 'Running' || status === 'Pending');
      expect(running, `killed at ${diesAt}`).toEqual([]);
      await next.close(0);
    }
  });

  test('reads a log that is cut off anywhere', () => {
    const directory = join(data, 'fanOut-whole');
    const [name = ''] = readdirSync(directory);
    const log = readFileSync(join(directory, name));
    const cutDirectory = join(data, 'cut');
    assert(
      property(nat(log.length), (length) => {
        rmSync(cutDirectory, { recursive: true, force: true });
        const store = new Store(cutDirectory);
        appendFileSync(join(cutDirectory, name), log.subarray(0, length));
        const lines = log.subarray(0, length).toString().split('\n').length - 1;
        const found = [...store.recover()];
        expect(found).toHaveLength(lines === 0 ? 0 : 1);
        // What is appended afterwards can be read again.
        if (lines > 0 && length < log.length) {
          store.append('job', { type: 'taken', id: 0 });
          expect(() => store.readInstance('job')).not.toThrow();
        }
      }),
      randomly(200),
    );
  });

  test('says which file is damaged, not what is in it', () => {
    const directory = join(data, 'damaged');
    const store = new Store(directory);
    appendFileSync(join(directory, 'x.jsonl'), '{"type":"start" secret\n{}\n');
    const message = /^.*x\.jsonl is damaged: .* Remove the file/;
    expect(() => [...store.recover()]).toThrow(message);
    expect(() => [...store.recover()]).not.toThrow(/secret/);
  });
});

describe('the host as a process', () => {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const children: ChildProcess[] = [];
  beforeAll(() => {
    const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    execFileSync(process.execPath, [compiler, '-p', 'tsconfig.json'], { cwd: root });
  });
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
  });

  async function start(
    environment: NodeJS.ProcessEnv,
    ipc = false,
  ): Promise<{ child: ChildProcess; url: string }> {
    const child = spawn(process.execPath, [join(root, 'dist', 'local', 'host', 'main.js')], {
      env: { ...process.env, PORT: '0', AzureWebJobsScriptRoot: TEST_APP, ...environment },
      stdio: ['ignore', 'pipe', 'inherit', ...(ipc ? (['ipc'] as const) : [])],
    });
    children.push(child);
    let output = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text));
    let url: string | undefined;
    await waitFor(() => {
      url = /"event":"ready","url":"([^"]+)"/.exec(output)?.[1];
      return url !== undefined;
    }, 'the host to be ready');
    return { child, url: url ?? '' };
  }

  test('is killed again and again, and its job ends all the same', async () => {
    const environment = { LOCAL_DATA: join(data, 'killed'), DURABLE_REDELIVERY_DELAY_SECONDS: '0.2' };
    const file = join(data, 'killed.txt');
    let { child, url } = await start(environment);
    await new Client(url).start('family', 'family', { file, ms: 2000 });
    const kill = async (): Promise<void> => {
      const exited = exitOf(child);
      child.kill('SIGKILL');
      await exited;
      ({ child, url } = await start(environment));
    };
    const notes = (): string[] => {
      try {
        return readFileSync(file, 'utf8').trim().split('\n');
      } catch {
        return [];
      }
    };
    await kill();
    await waitFor(() => notes().includes('start a'), 'the first activity of the child');
    await kill();
    await waitFor(() => notes().includes('end a'), 'its end');
    await kill();
    await new Client(url).call('raiseEvent', 'family', 'go', 'on');
    await kill();
    const { output } = await new Client(url).reaches('family');
    expect(output).toEqual({ first: 'first', child: ['a', 'b'], event: 'on' });
    expect(notes().filter((line) => line === 'start a').length).toBeGreaterThanOrEqual(2);
    const exited = exitOf(child);
    child.kill('SIGTERM');
    expect(await exited).toBe(0);
  });

  test('ends when the process that started it lets go of it', async () => {
    const { child } = await start({ LOCAL_DATA: join(data, 'orphan') }, true);
    const exited = exitOf(child);
    child.disconnect();
    expect(await exited).toBe(0);
  });

  test('says in one line why it cannot start', () => {
    const environment = { ...process.env, AzureWebJobsScriptRoot: data, LOCAL_DATA: data };
    const main = join(root, 'dist', 'local', 'host', 'main.js');
    const run = (): void => void execFileSync(process.execPath, [main], { env: environment, stdio: 'pipe' });
    expect(run).toThrow(/host\.json does not exist: a function app needs it\.\n$/);
  });
});
