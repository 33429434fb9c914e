import type { OrchestrationContext } from 'durable-functions';
import { fromHistoryError } from '../common/errors.js';
import type { ExportWorkerInput } from './exportWorker.js';
import { workerInstanceId } from '../jobs/model/instanceIds.js';
import { type Orchestration, type RetryPolicy, runStep } from './steps.js';

export interface ExportJobInput {
  jobId: string;
  workers: number;
  retry: RetryPolicy;
}

/**
 * One export: the plan, then workers that take one partition after the other, then the manifest. Parallelism is
 * the number of workers: a sliding window with `Task.any` would schedule its pending tasks again.
 */
export function* exportJob(context: OrchestrationContext): Orchestration<unknown> {
  const { jobId, workers, retry } = context.df.getInput<ExportJobInput>();
  const plan = yield* runStep(context, 'planExport', { jobId }, retry);
  if (plan.ok) {
    const { partitions, isOfFiles } = plan.value;
    const input = { jobId, turn: 0, retry };
    yield* runWorkers(context, { ...input, worker: 0, partitions }, Math.min(workers, partitions));
    if (isOfFiles === true) {
      const found = yield* runStep(context, 'findDoubles', { jobId }, retry);
      if (found.ok) {
        const again = found.value.partitions;
        const second = { ...input, worker: workers, partitions: partitions + again };
        yield* runWorkers(context, second, Math.min(workers, again));
      } else {
        yield* runStep(context, 'stopExport', { jobId, failure: found.failure }, retry);
      }
    }
  } else {
    yield* runStep(context, 'stopExport', { jobId, failure: plan.failure }, retry);
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
