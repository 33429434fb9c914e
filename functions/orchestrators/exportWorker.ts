import type { OrchestrationContext } from 'durable-functions';
import type { ClaimPartitionInput } from '../activities/claimPartition.js';
import type { ExportPartitionInput } from './exportPartition.js';
import { partitionInstanceId } from '../jobs/model/instanceIds.js';
import { type Orchestration, type RetryPolicy, runStep, settle } from './steps.js';

/** `turn` is the number of partitions that the worker has taken before. */
export interface ExportWorkerInput extends ClaimPartitionInput {
  retry: RetryPolicy;
}

/** Partitions per execution: some ten events each, so a history stays below a few hundred. */
const TURNS_PER_EXECUTION = 20;

/**
 * Takes partitions, one after the other, until none is left or the job is to stop. Which one is next is
 * decided by the claims in the job's state, so a slow partition holds back its own worker only.
 */
export function* exportWorker(context: OrchestrationContext): Orchestration<null> {
  const input = context.df.getInput<ExportWorkerInput>();
  const { jobId, worker, first, end, retry } = input;
  for (let turn = input.turn; turn < input.turn + TURNS_PER_EXECUTION; turn++) {
    const claim = yield* runStep(context, 'claimPartition', { jobId, worker, turn, first, end }, retry);
    if (claim.ok && claim.value.partition === null) return null;
    let failure = claim.ok ? undefined : claim.failure;
    if (claim.ok && claim.value.partition !== null) {
      const { partition } = claim.value;
      const child: ExportPartitionInput = { jobId, partition, slice: 0, previous: null, retry };
      const id = partitionInstanceId(jobId, partition);
      const result = yield* settle<null>(context.df.callSubOrchestrator('exportPartition', child, id));
      if (!result.ok) failure = result.failure;
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
