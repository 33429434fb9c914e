import type { JobStore } from '../adapters/storage/jobStore.js';
import { remembered } from '../common/maps.js';
import { RecentMap } from '../common/recentMap.js';
import type { KeyResolver } from '../deid/configuration/keys.js';
import type { PseudonymServices } from '../export/output/jobPseudonyms.js';
import type { LineMaker } from '../export/output/lineMaker.js';
import type { JobPlan, JobRequest } from '../export/records/job.js';
import type { BulkManifest } from '../export/source/bulkManifest.js';
import { Members } from '../export/selection/members.js';
import { isRunning, stateMissing, stateOf } from '../jobs/model/state.js';
import type { Settings } from '../settings/settings.js';
import { makeLineMaker } from './jobLineMaker.js';

/** One process seldom works on more jobs at a time. Their keys are here, and some hundred bytes a member. */
const MAX_JOBS = 4;

/** How long it is believed that a job runs on. A slice asks anew before it counts. */
const MAX_BELIEVED_MS = 1000;

interface Kept extends Values {
  /** Until when it is believed that the job runs, in milliseconds since the epoch. */
  runsUntil?: number;
}

interface Values {
  lineMaker?: Of<LineMaker>;
  members?: Of<Members>;
  sourceManifest?: Of<BulkManifest>;
  plan?: Of<JobPlan>;
}

/** What is kept, and of what it is: another export of the source has another plan. */
interface Of<T> {
  of: string | number;
  value: Promise<T>;
}

/** What this thread keeps of the jobs that it works on: made once per job, and forgotten when the job has ended. */
export class JobCache {
  readonly #jobs: JobStore;
  readonly #source: Pick<Settings, 'fhirVersion' | 'fhirServerUrl'>;
  readonly #resolveSecret: KeyResolver;
  readonly #pseudonyms: PseudonymServices | undefined;
  readonly #kept = new RecentMap<string, Kept>(MAX_JOBS);

  /** @param pseudonyms absent: none can be made */
  constructor(
    jobs: JobStore,
    source: Pick<Settings, 'fhirVersion' | 'fhirServerUrl'>,
    resolveSecret: KeyResolver,
    pseudonyms?: PseudonymServices,
  ) {
    this.#jobs = jobs;
    this.#source = source;
    this.#resolveSecret = resolveSecret;
    this.#pseudonyms = pseudonyms;
  }

  /**
   * @param transactionTime the moment the 89-year rule measures from: the same in every activity of the job
   * @throws ExportError `job-state-missing` where the job has ended
   */
  lineMaker(request: JobRequest, transactionTime: string): Promise<LineMaker> {
    return this.#once(request.jobId, 'lineMaker', transactionTime, () =>
      makeLineMaker(request, transactionTime, {
        jobs: this.#jobs,
        fhirVersion: this.#source.fhirVersion,
        fhirServerUrl: this.#source.fhirServerUrl,
        resolveSecret: this.#resolveSecret,
        pseudonyms: this.#pseudonyms,
      }),
    );
  }

  /**
   * @param first the number of the first partition of the plan that they are of
   * @throws ExportError `job-state-missing` where the job has ended
   */
  members(jobId: string, first = 0): Promise<Members> {
    return this.#once(jobId, 'members', first, async () => Members.of(await this.#jobs.members(jobId)));
  }

  /** The manifest of an export of the source. @throws ExportError `job-state-missing` where the job has ended */
  sourceManifest(jobId: string, start: number): Promise<BulkManifest> {
    return this.#once(jobId, 'sourceManifest', start, () => this.#jobs.sourceManifest(jobId, start));
  }

  /**
   * @param first the number of the first partition of those that are asked about
   * @throws ExportError `job-state-missing` where the job has ended
   */
  plan(jobId: string, first: number): Promise<JobPlan> {
    return this.#once(jobId, 'plan', first, async () => {
      const plan = await this.#jobs.plan(jobId);
      if (plan === undefined) throw stateMissing();
      return plan;
    });
  }

  /** Whether a job runs. @param now milliseconds since the epoch */
  async isRunning(jobId: string, now: number): Promise<boolean> {
    const answer = isRunning(stateOf(await this.#jobs.records(jobId)));
    const kept = this.#keptOf(jobId);
    if (answer) kept.runsUntil = now + MAX_BELIEVED_MS;
    else delete kept.runsUntil;
    return answer;
  }

  /** Whether a job runs, or did so a moment ago. @param now milliseconds since the epoch */
  async isThoughtToRun(jobId: string, now: number): Promise<boolean> {
    const { runsUntil } = this.#kept.get(jobId) ?? {};
    return (runsUntil !== undefined && now < runsUntil) || this.isRunning(jobId, now);
  }

  /** Forgets a job that has ended, its keys above all. */
  forget(jobId: string): void {
    this.#kept.delete(jobId);
  }

  #keptOf(jobId: string): Kept {
    return remembered(this.#kept, jobId, (): Kept => ({}));
  }

  #once<Name extends keyof Values>(
    jobId: string,
    name: Name,
    of: string | number,
    make: () => NonNullable<Values[Name]>['value'],
  ): NonNullable<Values[Name]>['value'] {
    const kept: Values = this.#keptOf(jobId);
    const held = kept[name];
    if (held?.of === of) return held.value;
    const made = { of, value: make() } as NonNullable<Values[Name]>;
    kept[name] = made;
    // What failed is tried anew by the next call.
    made.value.catch(() => kept[name] === made && delete kept[name]);
    return made.value;
  }
}
