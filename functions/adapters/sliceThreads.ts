import { type MessagePort, Worker } from 'node:worker_threads';
import type { ExportSliceInput, ExportSliceOutput } from '../activities/exportSlice.js';
import type { SliceRunner } from '../activities/sliceRunner.js';
import { ExportError, type SafeFailure, safeFailure } from '../errors.js';

type ToThread = { kind: 'run'; call: number; input: ExportSliceInput } | { kind: 'forget'; jobId: string };
type FromThread = { call: number } & ({ output: ExportSliceOutput } | { failure: SafeFailure });

interface Call {
  resolve: (output: ExportSliceOutput) => void;
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
export class SliceThreads implements SliceRunner {
  readonly #module: URL;
  readonly #most: number;
  readonly #threads: Thread[] = [];
  #calls = 0;

  /**
   * @param module the main module of a thread; it calls `serveSlices`
   * @param most threads; each is started when it is needed first
   */
  constructor(module: URL, most: number) {
    this.#module = module;
    this.#most = most;
  }

  run(input: ExportSliceInput): Promise<ExportSliceOutput> {
    const thread = this.#idlest();
    const call = this.#calls++;
    return new Promise((resolve, reject) => {
      thread.calls.set(call, { resolve, reject });
      post(thread.worker, { kind: 'run', call, input });
    });
  }

  forget(jobId: string): void {
    for (const { worker } of this.#threads) post(worker, { kind: 'forget', jobId });
  }

  /** Ends all threads; slices that run on them fail. */
  async end(): Promise<void> {
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  #idlest(): Thread {
    const idlest = this.#threads.toSorted((a, b) => a.calls.size - b.calls.size)[0];
    if (idlest !== undefined && (idlest.calls.size === 0 || this.#threads.length >= this.#most))
      return idlest;
    const worker = new Worker(this.#module);
    const thread: Thread = { worker, calls: new Map() };
    this.#threads.push(thread);
    // The host ends the process when it wants to, whatever slices are at: they are tried again elsewhere.
    worker.unref();
    worker.on('message', (message: FromThread) => {
      const call = thread.calls.get(message.call);
      thread.calls.delete(message.call);
      if ('output' in message) call?.resolve(message.output);
      else
        call?.reject(
          new ExportError(message.failure.code, message.failure.message, message.failure.retryable),
        );
    });
    let failure = safeFailure(undefined);
    worker.on('error', (thrown) => {
      failure = safeFailure(thrown);
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
  const run = async (call: number, input: ExportSliceInput): Promise<void> => {
    const answer = await runner.run(input).then(
      (output) => ({ call, output }),
      (thrown: unknown) => ({ call, failure: safeFailure(thrown) }),
    );
    post(port, answer);
  };
  port.on('message', (message: ToThread) => {
    if (message.kind === 'forget') runner.forget(message.jobId);
    else void run(message.call, message.input);
  });
}

function post(port: Pick<MessagePort, 'postMessage'>, message: ToThread | FromThread): void {
  port.postMessage(message);
}
