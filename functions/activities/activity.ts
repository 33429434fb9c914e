import type { InvocationContext } from '@azure/functions';
import { describeThrown, type SafeFailure, safeFailure, toHistoryError } from '../common/errors.js';

/** The numbers that say which step of which job a log line is about. */
interface StepInput {
  jobId: string;
  partition?: number;
  slice?: number;
  worker?: number;
  turn?: number;
}

/** A step that may fail for good without a throw, so that the orchestrator decides what follows. */
export type StepResult<T> = { ok: true; value: T } | { ok: false; failure: SafeFailure };

/** Writes a structured line, with the step, the job and the part of it. */
export type ActivityLog = (line: object) => void;

/**
 * Makes a Durable activity of a step. What may succeed later is thrown, so that the retry policy applies; what
 * will not is returned, so that no attempt is wasted. Either way nothing but our own code and words leaves,
 * since the history keeps it.
 */
export function activity<Input extends StepInput, Output>(
  run: (input: Input, log: ActivityLog) => Promise<Output>,
): (input: Input, context: InvocationContext) => Promise<StepResult<Output>> {
  return async (input, context) => {
    const { jobId, partition, slice, worker, turn } = input;
    const startedAt = performance.now();
    const where = { step: context.functionName, jobId, partition, slice, worker, turn };
    try {
      const value = await run(input, (line) => context.warn(JSON.stringify({ ...where, ...line })));
      context.debug(JSON.stringify({ ...where, seconds: secondsSince(startedAt) }));
      return { ok: true, value };
    } catch (error) {
      const failure = safeFailure(error);
      const line = { ...where, seconds: secondsSince(startedAt), ...failure, thrown: describeThrown(error) };
      context.error(JSON.stringify(line));
      if (failure.retryable) throw toHistoryError(failure);
      return { ok: false, failure };
    }
  };
}

function secondsSince(start: number): number {
  return Math.round(performance.now() - start) / 1000;
}
