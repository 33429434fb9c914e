import type { JobStore } from '../adapters/storage/jobStore.js';
import { RecentMap } from '../common/recentMap.js';
import type { JobPlan } from '../export/records/job.js';
import type { ActivityLog } from './activity.js';
import type {
  ExportGroupInput,
  ExportGroupOutput,
  ExportSliceInput,
  ExportSliceOutput,
  GrowingSlices,
  SliceRunner,
} from './sliceRunner.js';

/** Resources of a job that one thread has exported before another has loaded the code. */
const FEW_RESOURCES = 10_000;
/**
 * Resources for which another thread is started. Until it works at full speed, a thread takes the CPU time of some
 * 100,000 resources, and it needs memory of its own (docs/performance.md).
 */
const RESOURCES_PER_THREAD = 200_000;
/** Jobs of which it is remembered how large they are. */
const MAX_JOBS = 100;

/**
 * Runs the slices of small jobs on the main thread, and those of others on as many threads as the jobs are large: to
 * start one takes as much as many thousand resources do.
 */
export class SparingSlices implements SliceRunner {
  readonly #main: SliceRunner;
  readonly #threads: GrowingSlices;
  readonly #jobs: Pick<JobStore, 'plan'>;
  readonly #sizes = new RecentMap<string, Promise<number>>(MAX_JOBS);

  constructor(main: SliceRunner, threads: GrowingSlices, jobs: Pick<JobStore, 'plan'>) {
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
    this.#sizes.delete(jobId);
    this.#main.forget(jobId);
    this.#threads.forget(jobId);
  }

  async #runnerOf(jobId: string): Promise<SliceRunner> {
    if ((await this.#sizeOf(jobId)) <= FEW_RESOURCES) return this.#main;
    const sizes = await Promise.all(this.#sizes.values());
    const ofAllJobs = sizes.reduce((sum, size) => sum + size, 0);
    this.#threads.allow(Math.ceil(ofAllJobs / RESOURCES_PER_THREAD));
    return this.#threads;
  }

  #sizeOf(jobId: string): Promise<number> {
    const known = this.#sizes.get(jobId);
    if (known !== undefined) return known;
    // What fails here, fails in the slice, too, which reports it.
    const asked = this.#jobs.plan(jobId).then(sizeOf, () => Infinity);
    this.#sizes.set(jobId, asked);
    return asked;
  }
}

/** Resources in all partitions, as the source counts them. Of what it does not count there may be any number. */
function sizeOf(plan: JobPlan | undefined): number {
  const counts = plan?.partitions.map(({ estimate }) => estimate ?? Infinity) ?? [Infinity];
  return counts.reduce((sum, count) => sum + count, 0);
}
