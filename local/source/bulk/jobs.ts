import { randomBytes } from 'node:crypto';
import type { ExportFile } from './exportFile.js';
import type { ExportRequest } from './exportRequest.js';

/** One export of the source. */
export interface Job {
  readonly id: string;
  readonly request: ExportRequest;
  /** URL of the kick-off. */
  readonly url: string;
  /** Milliseconds since the epoch, by the source's clock. */
  readonly started: number;
  /** Whether the kick-off had a token: then every request of the job needs one. */
  readonly isProtected: boolean;
  readonly output: readonly ExportFile[];
  readonly deleted: readonly ExportFile[];
  readonly errors: readonly ExportFile[];
  /** Requests for its status. */
  polls: number;
}

/** Jobs are in memory only: after a restart the source knows none of them. */
export class Jobs {
  readonly #jobs = new Map<string, Job>();

  add(job: Omit<Job, 'id' | 'polls'>): Job {
    const added = { ...job, id: randomBytes(16).toString('hex'), polls: 0 };
    this.#jobs.set(added.id, added);
    return added;
  }

  get(id: string): Job | undefined {
    return this.#jobs.get(id);
  }

  remove(id: string): void {
    this.#jobs.delete(id);
  }

  clear(): void {
    this.#jobs.clear();
  }
}
