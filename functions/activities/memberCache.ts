import type { JobStore } from '../adapters/storage/jobStore.js';
import { Members } from '../export/selection/members.js';

/** One process seldom works on more jobs than this at a time; a member takes some hundred bytes. */
const MOST_JOBS = 4;

/** The members of the jobs that this process works on, read once per job. */
export class MemberCache {
  readonly #jobs: JobStore;
  readonly #known = new Map<string, Promise<Members>>();

  constructor(jobs: JobStore) {
    this.#jobs = jobs;
  }

  /** @throws ExportError `job-state-missing` where the job has ended */
  async members(jobId: string): Promise<Members> {
    const known = this.#known.get(jobId);
    // Renewed, so that the one longest unused is the first in the order of the map.
    this.#known.delete(jobId);
    const read = known ?? this.#jobs.members(jobId).then((ids) => new Members(ids));
    this.#known.set(jobId, read);
    read.catch(() => this.#known.delete(jobId));
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MOST_JOBS) break;
      this.#known.delete(oldest);
    }
    return read;
  }
}
