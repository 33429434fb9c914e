import { ExportError } from '../common/errors.js';
import { MAX_PAUSE_MS } from '../export/source/requestLimiter.js';
import type { SourceAccess } from './source/sourceAccess.js';

/** What an attempt came to that brought no answer. */
export interface FailedAttempt {
  readonly error: ExportError;
  /** Of an HTTP answer that is none. */
  readonly status?: number;
  /** How long the server asks to wait; 0 where it says nothing. */
  readonly waitMs: number;
}

/** How often a server is asked for the same, and when. */
export interface Patience {
  /** The places at the server, which all jobs share. */
  readonly limiter: SourceAccess['limiter'] | undefined;
  readonly job: string;
  /** Attempts at most after one that failed in this way. */
  readonly attemptsOf: (error: ExportError) => number;
  readonly onFailure?: (failure: FailedAttempt, attempt: number) => void;
}

/** The longest wait between two attempts; a server that asks for more is asked again then. */
const MAX_WAIT_MS = MAX_PAUSE_MS;
const FIRST_WAIT_MS = 500;

/** Asks a server as often as it takes, or is allowed, with jitter between the attempts. */
export async function askPatiently<T extends object>(
  attempt: () => Promise<T | FailedAttempt>,
  patience: Patience,
): Promise<T | FailedAttempt> {
  for (let attempts = 1; ; attempts++) {
    const answer = await inTurn(attempt, patience);
    if (!isFailure(answer)) return answer;
    patience.onFailure?.(answer, attempts);
    if (attempts >= patience.attemptsOf(answer.error)) return answer;
    await retryPause(attempts, answer.waitMs);
  }
}

/**
 * The pause before a request is made again.
 * @param waitMs what the server asks for; 0 where it does not say
 */
export async function retryPause(attempt: number, waitMs: number): Promise<void> {
  const backoff = Math.min(FIRST_WAIT_MS * 2 ** (attempt - 1), MAX_WAIT_MS / 2) * (0.5 + Math.random());
  const ms = waitMs > 0 ? Math.min(waitMs, MAX_WAIT_MS) : backoff;
  await new Promise((resolve) => setTimeout(resolve, ms));
}

export function isFailure(answer: object): answer is FailedAttempt {
  return 'error' in answer && answer.error instanceof ExportError;
}

/** One attempt, when the server bears it and it is the job's turn. */
async function inTurn<T extends object>(
  attempt: () => Promise<T | FailedAttempt>,
  { limiter, job }: Patience,
): Promise<T | FailedAttempt> {
  const leave = await limiter?.enter(job);
  let answer: T | FailedAttempt | undefined;
  try {
    answer = await attempt().catch((error: unknown): FailedAttempt => {
      if (error instanceof ExportError) return { error, waitMs: 0 };
      throw error;
    });
    return answer;
  } finally {
    if (answer === undefined || !isFailure(answer)) leave?.(answer === undefined ? 'failed' : 'served');
    else if (answer.status === 429) leave?.('limited', answer.waitMs);
    else if (answer.status === 503) leave?.('busy', answer.waitMs);
    else leave?.('failed');
  }
}
