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

/** A job of which slices run now. */
interface RunningJob {
  readonly size: number;
  slices: number;
}

/**
 * Runs the slices of small jobs on the main thread, and those of others on threads, whose number follows the size of the
 * jobs that run: to start a thread costs as much as many thousand resources.
 */
export class SparingSlices implements SliceRunner {
  readonly #main: SliceRunner;
  readonly #threads: GrowingSlices;
  readonly #jobs: Pick<JobStore, 'plan'>;
  readonly #sizes = new RecentMap<string, Promise<number>>(MAX_JOBS);
  /** Others have ended, or run elsewhere, which nothing else says here. */
  readonly #running = new Map<string, RunningJob>();

  constructor(main: SliceRunner, threads: GrowingSlices, jobs: Pick<JobStore, 'plan'>) {
    this.#main = main;
    this.#threads = threads;
    this.#jobs = jobs;
  }

  run(input: ExportSliceInput, log: ActivityLog): Promise<ExportSliceOutput> {
    return this.#runOn(input.jobId, (runner) => runner.run(input, log));
  }

  runGroup(input: ExportGroupInput, log: ActivityLog): Promise<ExportGroupOutput> {
    return this.#runOn(input.jobId, (runner) => runner.runGroup(input, log));
  }

  forget(jobId: string): void {
    this.#sizes.delete(jobId);
    this.#main.forget(jobId);
    this.#threads.forget(jobId);
  }

  async #runOn<T>(jobId: string, work: (runner: SliceRunner) => Promise<T>): Promise<T> {
    const size = await this.#sizeOf(jobId);
    const job = this.#running.get(jobId) ?? { size, slices: 0 };
    this.#running.set(jobId, job);
    job.slices++;
    try {
      return await work(this.#runnerFor(size));
    } finally {
      job.slices--;
      if (job.slices === 0) this.#running.delete(jobId);
    }
  }

  #runnerFor(size: number): SliceRunner {
    if (size <= FEW_RESOURCES) return this.#main;
    const ofAllJobs = [...this.#running.values()].reduce((sum, job) => sum + job.size, 0);
    this.#threads.allow(Math.ceil(ofAllJobs / RESOURCES_PER_THREAD));
    return this.#threads;
  }

  #sizeOf(jobId: string): Promise<number> {
    const known = this.#sizes.get(jobId);
    if (known !== undefined) return known;
    const asked = this.#jobs.plan(jobId).then(
      (plan) => (plan === undefined ? this.#unknown(jobId) : sizeOf(plan)),
      // What fails here, fails in the slice, too, which reports it.
      () => this.#unknown(jobId),
    );
    this.#sizes.set(jobId, asked);
    return asked;
  }

  /** Of a job that has ended, and where storage does not answer: it is not remembered. */
  #unknown(jobId: string): number {
    this.#sizes.delete(jobId);
    return Infinity;
  }
}

/** Resources in all partitions, as the source counts them. Of what it does not count there may be any number. */
function sizeOf({ partitions }: JobPlan): number {
  return partitions.reduce((sum, { estimate = Infinity }) => sum + estimate, 0);
}
