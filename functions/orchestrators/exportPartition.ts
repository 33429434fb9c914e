import type { OrchestrationContext } from 'durable-functions';
import type { StepResult } from '../activities/activity.js';
import type { ExportSliceInput } from '../activities/sliceRunner.js';
import { type Orchestration, type RetryPolicy, runStep } from './steps.js';

/** `slice` is the one to do next, and `previous` the attempt before it that counts. */
export interface ExportPartitionInput extends ExportSliceInput {
  retry: RetryPolicy;
}

/** Slices per execution: three events each and six more per retry, so a history stays below a few hundred. */
const SLICES_PER_EXECUTION = 25;

/**
 * One partition, slice by slice. The attempt that the runtime records as the slice's result is the one that
 * counts; whatever other attempts wrote is never named in the manifest.
 */
export function* exportPartition(context: OrchestrationContext): Orchestration<StepResult<null>> {
  const input = context.df.getInput<ExportPartitionInput>();
  const { jobId, partition, retry } = input;
  let { slice, previous } = input;
  for (const end = slice + SLICES_PER_EXECUTION; slice < end; slice++) {
    const result = yield* runStep(context, 'exportSlice', { jobId, partition, slice, previous }, retry);
    if (!result.ok) return result;
    previous = result.value.attempt;
    if (result.value.isDone) {
      return yield* runStep(context, 'completePartition', { jobId, partition, last: previous }, retry);
    }
  }
  const next: ExportPartitionInput = { ...input, slice, previous };
  context.df.continueAsNew(next);
  return { ok: true, value: null };
}
