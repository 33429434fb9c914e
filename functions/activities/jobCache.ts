import type { JobStore } from '../adapters/storage/jobStore.js';
import { RecentMap } from '../common/recentMap.js';
import type { KeyResolver } from '../deid/configuration/keys.js';
import type { PseudonymServices } from '../export/output/jobPseudonyms.js';
import type { LineMaker } from '../export/output/lineMaker.js';
import type { JobRequest } from '../export/records/job.js';
import type { BulkManifest } from '../export/source/bulkManifest.js';
import { Members } from '../export/selection/members.js';
import type { FhirVersion } from '../fhir/fhirVersion.js';
import { makeLineMaker } from './jobLineMaker.js';

/** One process seldom works on more jobs at a time. Their keys are here, and some hundred bytes a member. */
const MAX_JOBS = 4;

interface Kept {
  lineMaker?: Promise<LineMaker>;
  members?: Promise<Members>;
  sourceManifest?: Promise<BulkManifest>;
  /** Of which export of the source it is. */
  start?: number;
}

/** What this thread keeps of the jobs that it works on: made once per job, and forgotten when the job has ended. */
export class JobCache {
  readonly #jobs: JobStore;
  readonly #fhirVersion: FhirVersion;
  readonly #resolveSecret: KeyResolver;
  readonly #pseudonyms: PseudonymServices | undefined;
  readonly #kept = new RecentMap<string, Kept>(MAX_JOBS);

  /** @param pseudonyms absent: none can be made */
  constructor(
    jobs: JobStore,
    fhirVersion: FhirVersion,
    resolveSecret: KeyResolver,
    pseudonyms?: PseudonymServices,
  ) {
    this.#jobs = jobs;
    this.#fhirVersion = fhirVersion;
    this.#resolveSecret = resolveSecret;
    this.#pseudonyms = pseudonyms;
  }

  /**
   * @param transactionTime the moment the 89-year rule measures from: the same in every activity of the job
   * @throws ExportError `job-state-missing` where the job has ended
   */
  lineMaker(request: JobRequest, transactionTime: string): Promise<LineMaker> {
    return this.#once(request.jobId, 'lineMaker', () =>
      makeLineMaker(request, transactionTime, {
        jobs: this.#jobs,
        fhirVersion: this.#fhirVersion,
        resolveSecret: this.#resolveSecret,
        pseudonyms: this.#pseudonyms,
      }),
    );
  }

  /** @throws ExportError `job-state-missing` where the job has ended */
  members(jobId: string): Promise<Members> {
    return this.#once(jobId, 'members', async () => new Members(await this.#jobs.members(jobId)));
  }

  /** The manifest of an export of the source. @throws ExportError `job-state-missing` where the job has ended */
  sourceManifest(jobId: string, start: number): Promise<BulkManifest> {
    const kept = this.#kept.get(jobId);
    if (kept?.start !== start) delete kept?.sourceManifest;
    const manifest = this.#once(jobId, 'sourceManifest', () => this.#jobs.sourceManifest(jobId, start));
    const held = this.#kept.get(jobId);
    if (held !== undefined) held.start = start;
    return manifest;
  }

  /** Forgets a job that has ended, its keys above all. */
  forget(jobId: string): void {
    this.#kept.delete(jobId);
  }

  #once<Name extends Exclude<keyof Kept, 'start'>>(
    jobId: string,
    name: Name,
    make: () => NonNullable<Kept[Name]>,
  ): NonNullable<Kept[Name]> {
    const kept: Kept = this.#kept.get(jobId) ?? {};
    const made = kept[name] ?? make();
    kept[name] = made;
    this.#kept.set(jobId, kept);
    // What failed is tried anew by the next call.
    made.catch(() => delete kept[name]);
    return made;
  }
}
