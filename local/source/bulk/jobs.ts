import { randomBytes } from 'node:crypto';
import type { ExportFile } from './exportFile.js';
import type { ExportRequest } from './exportRequest.js';
import type { JobFiles } from './jobFiles.js';

/** One export of the source. */
export interface Job extends JobFiles {
  readonly id: string;
  readonly request: ExportRequest;
  /** URL of the kick-off. */
  readonly url: string;
  /** Milliseconds since the epoch, by the source's clock. */
  readonly started: number;
  /** Whether the kick-off had a token: then every request of the job needs one. */
  readonly isProtected: boolean;
  readonly fails: boolean;
  /** Requests for its status. */
  polls: number;
  /** How often its manifest was read. */
  readings: number;
  /** Changes of its files' ETags. */
  revision: number;
  /** What its files are answered with, once they are no longer there. */
  goneStatus: number | undefined;
}

/** Jobs are in memory only: after a restart the source knows none of them. */
export class Jobs {
  readonly #jobs = new Map<string, Job>();

  add(job: Omit<Job, 'id' | 'polls' | 'readings' | 'revision' | 'goneStatus'>): Job {
    const id = randomBytes(16).toString('hex');
    const added: Job = { ...job, id, polls: 0, readings: 0, revision: 0, goneStatus: undefined };
    this.#jobs.set(id, added);
    return added;
  }

  get(id: string): Job | undefined {
    return this.#jobs.get(id);
  }

  /** Ids of all jobs that were not deleted, in the order of their kick-offs. */
  get ids(): string[] {
    return [...this.#jobs.keys()];
  }

  find(condition: (job: Job) => boolean): Job | undefined {
    return [...this.#jobs.values()].find(condition);
  }

  remove(id: string): void {
    this.#jobs.delete(id);
  }

  clear(): void {
    this.#jobs.clear();
  }
}

/** All files of a job, in the order of their numbers. */
export function filesOf({ output, deleted, errors }: JobFiles): ExportFile[] {
  return [...output, ...deleted, ...errors];
}

/** What a file is named in its URL: its number among the job's files, and its type. */
export function fileName(number: number, file: ExportFile): string {
  return `${number}.${file.type}.ndjson`;
}
