import type { OrchestrationContext } from 'durable-functions';
import type { StepResult } from '../activities/activity.js';
import { fromHistoryError, type SafeFailure } from '../common/errors.js';
import type { ExportWorkerInput } from './exportWorker.js';
import {
  GROUPS_OF_FILES,
  GROUPS_PER_START,
  MAX_REFERENCED_ROUNDS,
  workerInstanceId,
} from '../jobs/model/instanceIds.js';
import { type Orchestration, type RetryPolicy, runStep } from './steps.js';

export interface ExportJobInput {
  jobId: string;
  workers: number;
  retry: RetryPolicy;
  /** Whether the source may have a bulk export of its own that the job reads. */
  asksSource?: true;
}

/** Questions per execution how far the source's own export is: some eight events each, so a history stays below a few hundred. */
const POLLS_PER_EXECUTION = 25;

/**
 * One export: the plan, then workers that take one partition after the other, then the manifest. Parallelism is
 * the number of workers: a sliding window with `Task.any` would schedule its pending tasks again. An export that the
 * source makes itself is awaited before; where its files are gone before all are read, another one is awaited.
 */
export function* exportJob(context: OrchestrationContext): Orchestration<unknown> {
  const input = context.df.getInput<ExportJobInput>();
  const { jobId, retry, asksSource } = input;
  const ready = asksSource === true ? yield* awaitSource(context, input) : NO_SOURCE;
  if (ready === undefined) {
    context.df.continueAsNew(input);
    return undefined;
  }
  const failure = ready.ok ? yield* exportParts(context, input, ready.value.start) : ready.failure;
  if (failure !== undefined) yield* runStep(context, 'stopExport', { jobId, failure }, retry);
  if (asksSource === true && ready.ok) {
    const renewed = yield* runStep(context, 'renewSource', { jobId, start: ready.value.start }, retry);
    if (renewed.ok && renewed.value.isRenewed) {
      context.df.continueAsNew(input);
      return undefined;
    }
  }
  let end = yield* runStep(context, 'finishExport', { jobId }, retry);
  if (!end.ok) {
    // Then the job fails, for that reason.
    yield* runStep(context, 'stopExport', { jobId, failure: end.failure }, retry);
    end = yield* runStep(context, 'finishExport', { jobId }, retry);
  }
  if (!end.ok) throw new Error(`The export could not be finished (${end.failure.code}).`);
  return end.value;
}

const NO_SOURCE: StepResult<{ start: number }> = { ok: true, value: { start: 1 } };

/** Waits for the source's own export; `undefined`: it is to be awaited in another execution. */
function* awaitSource(
  context: OrchestrationContext,
  { jobId, retry }: ExportJobInput,
): Orchestration<StepResult<{ start: number }> | undefined> {
  for (let poll = 0; poll < POLLS_PER_EXECUTION; poll++) {
    const step = yield* runStep(context, 'prepareSource', { jobId }, retry);
    if (!step.ok) return step;
    const { start, waitMs } = step.value;
    if (waitMs === null) return { ok: true, value: { start } };
    // oxlint-disable-next-line no-restricted-globals -- the moment follows from the history
    yield context.df.createTimer(new Date(context.df.currentUtcDateTime.getTime() + waitMs));
  }
  return undefined;
}

/**
 * Plans and reads all parts. Workers report what fails themselves.
 * @returns what else failed
 */
function* exportParts(
  context: OrchestrationContext,
  { jobId, workers, retry, asksSource }: ExportJobInput,
  start: number,
): Orchestration<SafeFailure | undefined> {
  const plan = yield* runStep(context, 'planExport', { jobId }, retry);
  if (!plan.ok) return plan.failure;
  const { first, partitions, isOfFiles, followsReferences } = plan.value;
  // No two have the same number, whichever export of the source they read.
  const worker = (start - 1) * GROUPS_PER_START * workers;
  const end = first + partitions;
  const input = { jobId, turn: 0, retry, first };
  yield* runWorkers(context, { ...input, worker, end }, Math.min(workers, partitions));
  if (isOfFiles === true) {
    if (asksSource === true) {
      const proven = yield* runStep(context, 'proveSource', { jobId }, retry);
      if (!proven.ok) return proven.failure;
    }
    const found = yield* runStep(context, 'findDoubles', { jobId }, retry);
    if (!found.ok) return found.failure;
    const again = found.value.partitions;
    const second = { ...input, worker: worker + workers, end: end + again };
    yield* runWorkers(context, second, Math.min(workers, again));
  }
  if (followsReferences !== true) return undefined;
  return yield* exportReferenced(
    context,
    { ...input, worker: worker + GROUPS_OF_FILES * workers, end },
    workers,
  );
}

/**
 * Reads what exported resources refer to, and what that refers to, until nothing is new.
 * @param first input of the first worker
 * @returns what failed but was not reported by a worker
 */
function* exportReferenced(
  context: OrchestrationContext,
  first: ExportWorkerInput,
  workers: number,
): Orchestration<SafeFailure | undefined> {
  const { jobId, retry } = first;
  for (let round = 0; round < MAX_REFERENCED_ROUNDS; round++) {
    const plan = yield* runStep(context, 'planReferenced', { jobId, round }, retry);
    if (!plan.ok) return plan.failure;
    const { partitions } = plan.value;
    if (partitions === 0) break;
    const worker = first.worker + round * workers;
    const input = { ...first, worker, first: plan.value.first, end: plan.value.first + partitions };
    yield* runWorkers(context, input, Math.min(workers, partitions));
  }
  return undefined;
}

/** Runs workers until no partition is left. @param first input of the first of them; the others are numbered from there on */
function* runWorkers(
  context: OrchestrationContext,
  first: ExportWorkerInput,
  workers: number,
): Orchestration<void> {
  const { jobId, retry } = first;
  const tasks = Array.from({ length: workers }, (_, more) => {
    const worker = first.worker + more;
    const id = workerInstanceId(jobId, worker);
    return context.df.callSubOrchestrator('exportWorker', { ...first, worker }, id);
  });
  try {
    if (tasks.length > 0) yield context.df.Task.all(tasks);
  } catch (error) {
    // Workers report what fails; one that throws was ended from outside.
    yield* runStep(context, 'stopExport', { jobId, failure: fromHistoryError(error) }, retry);
  }
}
