import type { JobRequest } from '../../export/records/job.js';
import type { Capabilities } from '../../export/source/capabilities.js';
import type { Source } from '../../export/source/source.js';
import type { ActivityDependencies } from '../dependencies.js';

/** A job that is planned, and what is known of its source. */
export interface Planning extends ActivityDependencies {
  readonly source: Source;
  readonly request: JobRequest;
  readonly capabilities: Capabilities;
  readonly transactionTime: string;
  /** Whether the source refuses searches without a patient. */
  readonly isPatientByPatient: boolean;
}

/** After this a plan is made of what is known: an activity may not take long. */
const MAX_PLANNING_MS = 120_000;

/** From now on: whether what can be done without is not asked for any more. */
export function outOfTimeFromNow(now: () => number): () => boolean {
  const startedAt = now();
  return () => now() - startedAt > MAX_PLANNING_MS;
}
