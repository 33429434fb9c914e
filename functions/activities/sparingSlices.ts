import type { JobStore } from '../adapters/storage/jobStore.js';
import { RecentMap } from '../common/recentMap.js';
import type { JobPlan } from '../export/records/job.js';
import type { ActivityLog } from './activity.js';
import type {
  ExportGroupInput,
  ExportGroupOutput,
  ExportSliceInput,
  ExportSliceOutput,
  SliceRunner,
} from './sliceRunner.js';

/** Resources of a job that one thread has exported before another has loaded the code. */
const FEW_RESOURCES = 10_000;
/** Jobs of which it is remembered how large they are. */
const MAX_JOBS = 100;

/**
 * Runs the slices of small jobs on the main thread, and those of others on threads: to start one takes as much as some
 * thousand resources do.
 */
export class SparingSlices implements SliceRunner {
  readonly #main: SliceRunner;
  readonly #threads: SliceRunner;
  readonly #jobs: Pick<JobStore, 'plan'>;
  readonly #isSmall = new RecentMap<string, Promise<boolean>>(MAX_JOBS);

  constructor(main: SliceRunner, threads: SliceRunner, jobs: Pick<JobStore, 'plan'>) {
    this.#main = main;
    this.#threads = threads;
    this.#jobs = jobs;
  }

  async run(input: ExportSliceInput, log: ActivityLog): Promise<ExportSliceOutput> {
    return (await this.#runnerOf(input.jobId)).run(input, log);
  }

  async runGroup(input: ExportGroupInput, log: ActivityLog): Promise<ExportGroupOutput> {
    return (await this.#runnerOf(input.jobId)).runGroup(input, log);
  }

  forget(jobId: string): void {
    this.#isSmall.delete(jobId);
    this.#main.forget(jobId);
    this.#threads.forget(jobId);
  }

  async #runnerOf(jobId: string): Promise<SliceRunner> {
    return (await this.#sizeOf(jobId)) ? this.#main : this.#threads;
  }

  #sizeOf(jobId: string): Promise<boolean> {
    const known = this.#isSmall.get(jobId);
    if (known !== undefined) return known;
    // What fails here, fails in the slice, too, which reports it.
    const asked = this.#jobs.plan(jobId).then(isSmall, () => false);
    this.#isSmall.set(jobId, asked);
    return asked;
  }
}

/** Whether the source counts few resources in all partitions. Of what it does not count there may be any number. */
function isSmall(plan: JobPlan | undefined): boolean {
  const counts = plan?.partitions.map(({ estimate }) => estimate ?? Infinity) ?? [Infinity];
  return counts.reduce((sum, count) => sum + count, 0) <= FEW_RESOURCES;
}
