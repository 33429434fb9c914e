import { Tinypool } from 'tinypool';
import { threadLimits } from '../../common/threadLimits.js';
import { RequestError } from '../respond.js';
import type { DeIdentifyAnswer, RunDeIdentify } from './task.js';

/** Of a thread that has no work. */
const IDLE_MS = 60_000;
/** What one request may take: clients, and what is between, wait little longer than this. */
const BOUNDS = { ms: 60_000, mebibytes: 512 };

/**
 * Threads that run the work of one request at a time each, so that some MiB, or a hostile configuration, do not keep
 * the host's own thread from answering, nor a slice. One that takes too long is ended, with all that it holds.
 * @param module the main module of a thread: its default export does the work
 * @param max threads; each is started when it is needed first
 */
export function deIdentifyThreads(module: URL, max: number, bounds = BOUNDS): RunDeIdentify {
  let pool: Tinypool | undefined;
  return async (task) => {
    pool ??= open(module, max, bounds.mebibytes);
    const signal = AbortSignal.timeout(bounds.ms);
    try {
      return (await pool.run(task, { signal })) as DeIdentifyAnswer;
    } catch (error) {
      if (signal.aborted)
        throw new RequestError(
          503,
          `The request could not be done within ${bounds.ms / 1000} s. Send less at a time, or try again.`,
          { 'retry-after': '5' },
        );
      if (error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY')
        throw new RequestError(422, 'The request takes more memory than it may. Send less at a time.');
      throw error;
    }
  };
}

function open(module: URL, max: number, mebibytes: number): Tinypool {
  const pool = new Tinypool({
    filename: module.href,
    minThreads: 0,
    maxThreads: max,
    idleTimeout: IDLE_MS,
    // A thread that waits for work has to see to its connections, too.
    useAtomics: false,
    resourceLimits: threadLimits(mebibytes),
  });
  // A thread that has died without work is replaced when there is some.
  pool.on('error', () => undefined);
  return pool;
}
