import { isWaitedFor } from '../export/output/progress.js';
import type { JobStore } from '../adapters/storage/jobStore.js';
import type { JobRequest, PartitionProgress, Waiting } from '../export/records/job.js';
import { requesterOf } from '../export/source/requestLimiter.js';
import type { Source } from '../export/source/source.js';
import type { ActivityLog } from './activity.js';
import type { ActivityDependencies } from './dependencies.js';

/** Writes how far a partition is, one report after the other. */
export class ProgressReports {
  readonly #jobs: Pick<JobStore, 'putProgress'>;
  readonly #jobId: string;
  #last: Promise<unknown> = Promise.resolve();

  constructor(jobs: Pick<JobStore, 'putProgress'>, jobId: string) {
    this.#jobs = jobs;
    this.#jobId = jobId;
  }

  add(progress: PartitionProgress, waiting: Waiting | undefined): void {
    const all = waiting === undefined ? progress : { ...progress, waiting };
    // Only a hint for people, so its failure is ignored.
    this.#last = this.#last.then(() => this.#jobs.putProgress(this.#jobId, all)).catch(() => undefined);
  }

  /** Resolves when all are written. */
  settled(): Promise<unknown> {
    return this.#last;
  }
}

/**
 * The source of a job.
 * @param report called where it changes what is waited for
 * @param onRequest called with each request that is sent
 */
export function watchedSource(
  { sourceOf, now }: Pick<ActivityDependencies, 'sourceOf' | 'now'>,
  request: JobRequest,
  log: ActivityLog,
  report: (waiting: Waiting | undefined) => void,
  onRequest?: () => void,
): Source {
  const watch = new SourceWatch(now, report);
  return watch.watched(
    sourceOf(
      requesterOf(request),
      (line) => {
        watch.failed(line);
        log(line);
      },
      onRequest,
    ),
  );
}

/** Keeps track of whether the source answers, so that a status can say what a job waits for. */
export class SourceWatch {
  readonly #now: () => number;
  readonly #report: (waiting: Waiting | undefined) => void;
  #waiting: Waiting | undefined;

  /** @param report called where it changes what is waited for */
  constructor(now: () => number, report: (waiting: Waiting | undefined) => void) {
    this.#now = now;
    this.#report = report;
  }

  /** Takes a line that is logged of a request that failed. */
  failed(line: object): void {
    const code: unknown = 'code' in line ? line.code : undefined;
    if (typeof code !== 'string' || !isWaitedFor(code) || this.#waiting?.code === code) return;
    this.#waiting = { since: this.#waiting?.since ?? new Date(this.#now()).toISOString(), code };
    this.#report(this.#waiting);
  }

  /** The source, of which every answer ends the wait. */
  watched(source: Source): Source {
    const watch = async <T>(answer: Promise<T>): Promise<T> => {
      const answered = await answer;
      if (this.#waiting !== undefined) this.#report((this.#waiting = undefined));
      return answered;
    };
    return {
      search: (...args) => watch(source.search(...args)),
      follow: (...args) => watch(source.follow(...args)),
      typeHistory: (...args) => watch(source.typeHistory(...args)),
      read: (...args) => watch(source.read(...args)),
      capabilities: () => watch(source.capabilities()),
    };
  }
}
