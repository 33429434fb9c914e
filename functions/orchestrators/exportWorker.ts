import type { OrchestrationContext } from 'durable-functions';
import type { ClaimPartitionInput } from '../activities/claimPartition.js';
import type { ExportGroupInput } from '../activities/sliceRunner.js';
import type { StepResult } from '../activities/activity.js';
import type { SafeFailure } from '../common/errors.js';
import type { ExportPartitionInput } from './exportPartition.js';
import { partitionInstanceId } from '../jobs/model/instanceIds.js';
import { type Orchestration, type RetryPolicy, runStep, settle } from './steps.js';

/** `turn` is the number of partitions that the worker has taken before. */
export interface ExportWorkerInput extends ClaimPartitionInput {
  retry: RetryPolicy;
}

/** Turns per execution: some ten events each, so a history stays below a few hundred. */
const TURNS_PER_EXECUTION = 20;

/**
 * Takes partitions, one after the other, several of few resources at a time, until none is left or the job is to stop.
 * Which one is next is decided by the claims in the job's state, so a slow partition holds back its own worker only.
 */
export function* exportWorker(context: OrchestrationContext): Orchestration<null> {
  const input = context.df.getInput<ExportWorkerInput>();
  const { jobId, worker, first, end, retry } = input;
  for (let turn = input.turn; turn < input.turn + TURNS_PER_EXECUTION; turn++) {
    const claim = yield* runStep(context, 'claimPartition', { jobId, worker, turn, first, end }, retry);
    if (claim.ok && claim.value.partition === null) return null;
    let failure = claim.ok ? undefined : claim.failure;
    if (claim.ok && claim.value.partition !== null) {
      const { partition, count = 1 } = claim.value;
      failure =
        count === 1
          ? yield* exportOne(context, { jobId, partition, ...NOT_BEGUN, retry })
          : yield* exportGroup(context, { jobId, partition, count }, retry);
    }
    if (failure !== undefined) {
      yield* runStep(context, 'stopExport', { jobId, failure }, retry);
      return null;
    }
  }
  const next: ExportWorkerInput = { ...input, turn: input.turn + TURNS_PER_EXECUTION };
  context.df.continueAsNew(next);
  return null;
}

/** @returns what failed */
function* exportOne(
  context: OrchestrationContext,
  input: ExportPartitionInput,
): Orchestration<SafeFailure | undefined> {
  const id = partitionInstanceId(input.jobId, input.partition);
  return failureOf(yield* settle<null>(context.df.callSubOrchestrator('exportPartition', input, id)));
}

/**
 * Partitions of few resources, in two steps. What turns out to be more than was counted continues as others do.
 * @returns what failed
 */
function* exportGroup(
  context: OrchestrationContext,
  group: ExportGroupInput,
  retry: RetryPolicy,
): Orchestration<SafeFailure | undefined> {
  const { jobId, partition, count } = group;
  const made = yield* runStep(context, 'exportGroup', group, retry);
  if (!made.ok) return made.failure;
  const { done: lasts, open } = made.value;
  if (lasts.length > 0) {
    const failure = failureOf(yield* runStep(context, 'completeGroup', { jobId, partition, lasts }, retry));
    if (failure !== undefined) return failure;
  }
  for (let rest = lasts.length; rest < count; rest++) {
    const begun = rest === lasts.length && open !== null ? { slice: 1, previous: open } : NOT_BEGUN;
    const input = { jobId, partition: partition + rest, ...begun, retry };
    const failure = yield* exportOne(context, input);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

const NOT_BEGUN = { slice: 0, previous: null };

function failureOf(result: StepResult<unknown>): SafeFailure | undefined {
  return result.ok ? undefined : result.failure;
}
