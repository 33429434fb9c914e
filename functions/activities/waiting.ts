import { isWaitedFor } from '../export/output/progress.js';
import type { Waiting } from '../export/records/job.js';
import type { Source } from '../export/source/source.js';

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
