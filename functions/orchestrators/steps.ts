import * as df from 'durable-functions';
import type { OrchestrationContext, OrchestrationHandler, Task } from 'durable-functions';
import type { CompletePartitionInput } from '../activities/completePartition.js';
import type { ClaimPartitionInput, ClaimPartitionOutput } from '../activities/claimPartition.js';
import type { ExportSliceInput, ExportSliceOutput } from '../activities/exportSlice.js';
import type { FinishExportInput, FinishExportOutput } from '../activities/finishExport.js';
import type { PlanExportInput, PlanExportOutput } from '../activities/planExport.js';
import type { StopExportInput } from '../activities/stopExport.js';
import { fromHistoryError } from '../common/errors.js';
import type { StepResult } from './stepResult.js';

/**
 * What crosses between orchestrators and activities. All of it is kept in the Durable history, so it is job
 * ids, numbers, counts and attempt names only.
 */
interface Activities {
  planExport: { input: PlanExportInput; output: PlanExportOutput };
  claimPartition: { input: ClaimPartitionInput; output: ClaimPartitionOutput };
  exportSlice: { input: ExportSliceInput; output: ExportSliceOutput };
  completePartition: { input: CompletePartitionInput; output: null };
  stopExport: { input: StopExportInput; output: null };
  finishExport: { input: FinishExportInput; output: FinishExportOutput };
}

/** How often and how patiently activities are tried; part of the input, so that a replay sees the same. */
export interface RetryPolicy {
  maxAttempts: number;
  firstRetrySeconds: number;
}

const LONGEST_RETRY_MS = 300_000;

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
  options.maxRetryIntervalInMilliseconds = LONGEST_RETRY_MS;
  return yield* settle(context.df.callActivityWithRetry(name, options, input));
}

/** Waits for a task that gives a StepResult and turns a throw, its retries used up, into one. */
export function* settle<T>(task: Task): Orchestration<StepResult<T>> {
  try {
    return yield task;
  } catch (thrown) {
    return { ok: false, failure: fromHistoryError(thrown) };
  }
}
