import type { ListedJob } from './jobs.js';
import { isObject } from './words.js';
import { textOf } from './jobs.js';

const NAMES = 'fhir-deid-exports';
/** The latest, since the storage of a browser is bounded. */
const MAX_JOBS = 200;

/**
 * The exports that were started in this browser, where the app lists none: ids, when they were started, and what the
 * list shows of them; neither filters nor a credential. An id lets everybody with a key see the export, so they are in the storage
 * of the tab, which is forgotten when it is closed, unless the user asks for more.
 */
export class RememberedJobs {
  readonly #name: string;
  readonly #tab: Storage;
  readonly #computer: Storage;

  /** @param base of the app: several consoles on one origin share the storage */
  constructor(base: string, tab: Storage, computer: Storage) {
    this.#name = `${NAMES} ${base}`;
    this.#tab = tab;
    this.#computer = computer;
  }

  get isKept(): boolean {
    return this.#computer.getItem(this.#name) !== null;
  }

  list(): ListedJob[] {
    return readJobs(this.#place.getItem(this.#name) ?? '[]');
  }

  add(job: ListedJob): void {
    this.#write([job, ...this.list().filter(({ id }) => id !== job.id)]);
  }

  remove(jobId: string): void {
    const jobs = this.list();
    const left = jobs.filter(({ id }) => id !== jobId);
    if (left.length < jobs.length) this.#write(left);
  }

  keep(isKept: boolean): void {
    const jobs = this.list();
    this.#place.removeItem(this.#name);
    (isKept ? this.#computer : this.#tab).setItem(this.#name, JSON.stringify(jobs));
  }

  get #place(): Storage {
    return this.isKept ? this.#computer : this.#tab;
  }

  #write(jobs: readonly ListedJob[]): void {
    this.#place.setItem(this.#name, JSON.stringify(jobs.slice(0, MAX_JOBS)));
  }
}

/** What is not as it should be is left out: others may have written it. */
function readJobs(text: string): ListedJob[] {
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch {
    return [];
  }
  return (Array.isArray(stored) ? (stored as unknown[]) : []).filter(isObject).flatMap((job) => {
    const { id, level, startedAt, configuration, types } = job;
    if (typeof id !== 'string' || !/^[0-9a-f]{32}$/.test(id)) return [];
    const [start, name] = [textOf(startedAt), textOf(configuration)];
    return [
      {
        id,
        state: 'unknown' as const,
        level: textOf(level) ?? '',
        ...(start === undefined ? {} : { startedAt: start }),
        ...(name === undefined ? {} : { configuration: name }),
        ...(Array.isArray(types) ? { types: types.flatMap((type) => textOf(type) ?? []) } : {}),
      },
    ];
  });
}
