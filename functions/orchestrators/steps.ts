import * as df from 'durable-functions';
import type { OrchestrationContext, OrchestrationHandler, Task } from 'durable-functions';
import type { Activities } from '../activities/activities.js';
import type { StepResult } from '../activities/activity.js';
import { fromHistoryError } from '../common/errors.js';

/** How often and how patiently activities are tried; part of the input, so that a replay sees the same. */
export interface RetryPolicy {
  maxAttempts: number;
  firstRetrySeconds: number;
}

const MAX_RETRY_MS = 300_000;

/** A durable generator: yields tasks and gets back what the runtime recorded of them. */
export type Orchestration<Result> = Generator<Task, Result, Recorded>;
type Recorded = ReturnType<OrchestrationHandler> extends Generator<Task, unknown, infer Next> ? Next : never;

/** Runs an activity with its retries. Never throws for a failing activity. */
export function* runStep<Name extends keyof Activities>(
  context: OrchestrationContext,
  name: Name,
  input: Activities[Name]['input'],
  retry: RetryPolicy,
): Orchestration<StepResult<Activities[Name]['output']>> {
  const options = new df.RetryOptions(retry.firstRetrySeconds * 1000, retry.maxAttempts);
  options.backoffCoefficient = 2;
  options.maxRetryIntervalInMilliseconds = MAX_RETRY_MS;
  return yield* settle(context.df.callActivityWithRetry(name, options, input));
}

/** Waits for a task that gives a StepResult and turns a throw, its retries used up, into one. */
export function* settle<T>(task: Task): Orchestration<StepResult<T>> {
  try {
    return yield task;
  } catch (error) {
    return { ok: false, failure: fromHistoryError(error) };
  }
}
