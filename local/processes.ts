import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';

export interface ProcessOptions {
  /** As messages name it. */
  name: string;
  /** Compiled module to run. */
  module: string;
  arguments?: string[];
  /** Arguments of Node, besides those of this process. */
  nodeArguments?: string[] | undefined;
  environment: Record<string, string | undefined>;
  workingDirectory: string;
  /** File that takes what the process prints. */
  logFile: string;
}

const MAX_LINES = 5;
const STOP_GRACE_MS = 8000;

/** A part of the stack in a process of its own. It ends when this process does, however that ends. */
export class StackProcess {
  readonly #child: ChildProcess;
  readonly name: string;
  readonly #logFile: string;
  /** Length of the log before this process: what is before it is of earlier ones. */
  readonly #logStart: number;

  constructor(options: ProcessOptions) {
    const log = openSync(options.logFile, 'a');
    this.name = options.name;
    this.#logFile = options.logFile;
    this.#logStart = fstatSync(log).size;
    this.#child = fork(options.module, options.arguments ?? [], {
      cwd: options.workingDirectory,
      env: options.environment,
      execArgv: [...process.execArgv, ...(options.nodeArguments ?? [])],
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Waits until `isReady` says so. Rejects where the process ends before, or after `seconds`. */
  async ready(isReady: () => Promise<boolean>, seconds = 60): Promise<void> {
    const until = Date.now() + seconds * 1000;
    while (!(await isReady())) {
      if (this.hasEnded) throw new Error(`${this.name} ended at its start. ${this.#said()}`);
      if (Date.now() > until)
        throw new Error(`${this.name} did not start within ${seconds} s. ${this.#said()}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Ends the process at once, as a crash would. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Asks the process to end and waits for it. */
  async stop(): Promise<void> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_GRACE_MS);
    await this.#end('SIGTERM');
    clearTimeout(timer);
  }

  #said(): string {
    const said = readFileSync(this.#logFile).subarray(this.#logStart).toString('utf8');
    const all = said.trimEnd().split('\n');
    // An entry of the log, as JSON, has what follows it in plain words.
    const isSaidAgain = (line: string): boolean =>
      all.some((other) => other !== line && line.includes(JSON.stringify(other).slice(1, -1)));
    const lines = all.filter((line) => line !== '' && !isSaidAgain(line)).slice(-MAX_LINES);
    return `The last lines of ${this.#logFile}:\n${lines.join('\n')}`;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.hasEnded) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill(signal);
    await ended;
  }
}
