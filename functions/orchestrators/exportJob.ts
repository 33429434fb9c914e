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
    const { partitions } = plan.value;
    const tasks = Array.from({ length: Math.min(workers, partitions) }, (_, worker) => {
      const input: ExportWorkerInput = { jobId, worker, turn: 0, partitions, retry };
      return context.df.callSubOrchestrator('exportWorker', input, workerInstanceId(jobId, worker));
    });
    try {
      if (tasks.length > 0) yield context.df.Task.all(tasks);
    } catch (error) {
      // Workers report what fails; one that throws was ended from outside.
      yield* runStep(context, 'stopExport', { jobId, failure: fromHistoryError(error) }, retry);
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
