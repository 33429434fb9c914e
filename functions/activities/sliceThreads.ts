import { type MessagePort, Worker, type WorkerOptions } from 'node:worker_threads';
import type { ActivityLog } from './activity.js';
import type {
  ExportGroupInput,
  ExportGroupOutput,
  ExportSliceInput,
  ExportSliceOutput,
  GrowingSlices,
  SliceRunner,
} from './sliceRunner.js';
import { ExportError, type SafeFailure, safeFailure } from '../common/errors.js';

type Work = { kind: 'run'; input: ExportSliceInput } | { kind: 'runGroup'; input: ExportGroupInput };
type Output = ExportSliceOutput | ExportGroupOutput;
type ToThread = (Work & { call: number }) | { kind: 'forget'; jobId: string };
type FromThread = { call: number } & ({ output: Output } | { failure: SafeFailure } | { line: object });

interface Call {
  log: ActivityLog;
  resolve: (output: Output) => void;
  reject: (error: ExportError) => void;
}

interface Thread {
  worker: Worker;
  calls: Map<number, Call>;
}

/**
 * Runs slices on worker threads, so that anonymizing uses every core and the host's own thread stays free to
 * answer. What crosses between the threads is what the Durable history holds, and no more: numbers, attempt names
 * and our own words. A thread that dies takes its slices' attempts with it, which are tried again.
 */
export class SliceThreads implements GrowingSlices {
  readonly #module: URL;
  readonly #max: number;
  readonly #optionsOf: () => WorkerOptions;
  readonly #threads: Thread[] = [];
  #allowed: number;
  #calls = 0;

  /**
   * @param module the main module of a thread; it calls `serveSlices`
   * @param max threads; each is started when it is needed first
   * @param optionsOf what each new thread is given
   */
  constructor(module: URL, max: number, optionsOf: () => WorkerOptions = () => ({})) {
    this.#module = module;
    this.#max = max;
    this.#allowed = max;
    this.#optionsOf = optionsOf;
  }

  run(input: ExportSliceInput, log: ActivityLog): Promise<ExportSliceOutput> {
    return this.#call({ kind: 'run', input }, log) as Promise<ExportSliceOutput>;
  }

  runGroup(input: ExportGroupInput, log: ActivityLog): Promise<ExportGroupOutput> {
    return this.#call({ kind: 'runGroup', input }, log) as Promise<ExportGroupOutput>;
  }

  forget(jobId: string): void {
    for (const { worker } of this.#threads) post(worker, { kind: 'forget', jobId });
  }

  allow(threads: number): void {
    this.#allowed = Math.min(threads, this.#max);
  }

  /** Ends all threads; slices that run on them fail. */
  async end(): Promise<void> {
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  #call(work: Work, log: ActivityLog): Promise<Output> {
    const thread = this.#idlest();
    const call = this.#calls++;
    return new Promise((resolve, reject) => {
      thread.calls.set(call, { log, resolve, reject });
      post(thread.worker, { ...work, call });
    });
  }

  #idlest(): Thread {
    const idlest = this.#threads.toSorted((a, b) => a.calls.size - b.calls.size)[0];
    if (idlest !== undefined && (idlest.calls.size === 0 || this.#threads.length >= this.#allowed))
      return idlest;
    const worker = new Worker(this.#module, this.#optionsOf());
    const thread: Thread = { worker, calls: new Map() };
    this.#threads.push(thread);
    // The host ends the process when it wants to, whatever slices are at: they are tried again elsewhere.
    worker.unref();
    worker.on('message', (message: FromThread) => {
      const call = thread.calls.get(message.call);
      if ('line' in message) return call?.log(message.line);
      thread.calls.delete(message.call);
      if ('output' in message) call?.resolve(message.output);
      else
        call?.reject(
          new ExportError(message.failure.code, message.failure.message, message.failure.retryable),
        );
    });
    let failure = safeFailure(undefined);
    worker.on('error', (error) => {
      failure = safeFailure(error);
    });
    worker.on('exit', () => {
      this.#threads.splice(this.#threads.indexOf(thread), 1);
      for (const { reject } of thread.calls.values()) {
        reject(new ExportError('internal', `A thread that ran slices has ended. ${failure.message}`, true));
      }
      thread.calls.clear();
    });
    return thread;
  }
}

/** Answers the calls that `SliceThreads` sends to a thread. */
export function serveSlices(port: MessagePort, runner: SliceRunner): void {
  const run = async (call: number, work: Work): Promise<void> => {
    const log = (line: object): void => post(port, { call, line });
    const running: Promise<Output> =
      work.kind === 'run' ? runner.run(work.input, log) : runner.runGroup(work.input, log);
    const answer = await running.then(
      (output) => ({ call, output }),
      (error: unknown) => ({ call, failure: safeFailure(error) }),
    );
    post(port, answer);
  };
  port.on('message', (message: ToThread) => {
    if (message.kind === 'forget') runner.forget(message.jobId);
    else void run(message.call, message);
  });
}

function post(port: Pick<MessagePort, 'postMessage'>, message: ToThread | FromThread): void {
  port.postMessage(message);
}
