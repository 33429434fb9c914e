import type { DeletionNote, JobRequest, PlannedPartition } from '../records/job.js';

/** What decides whether deletions can be reported. */
export interface DeletionPlanInput {
  request: Pick<JobRequest, 'level' | 'since' | 'typeFilters' | 'minPatients'>;
  types: readonly string[];
  transactionTime: string;
  /** Types whose history the source lets read. */
  historyTypes: ReadonlySet<string>;
  /** Types whose resources have the same id in every export of the configuration. */
  lastingTypes: ReadonlySet<string>;
}

/** The types of which an export by `_since` reports the deletions, and why it does not report those of others. */
export function planDeletions(input: DeletionPlanInput): {
  partitions: PlannedPartition[];
  notes: DeletionNote[];
} {
  const { request, types, transactionTime, historyTypes, lastingTypes } = input;
  const partitions: PlannedPartition[] = [];
  const notes: DeletionNote[] = [];
  if (request.since === undefined) return { partitions, notes };
  for (const type of types) {
    const own = reasonAgainst(type, request, (name) => lastingTypes.has(name));
    const reason = own ?? (historyTypes.has(type) ? undefined : NO_HISTORY);
    if (reason === undefined) {
      const window = { type, from: request.since, until: transactionTime };
      partitions.push({ window, estimate: 0, isOfDeletions: true });
    } else {
      notes.push({ type, reason });
    }
  }
  return { partitions, notes };
}

/** Why deletions of a type are not reported; `undefined`: they are, if they can be read. */
export function reasonAgainst(
  type: string,
  request: Pick<JobRequest, 'level' | 'typeFilters' | 'minPatients'>,
  isLasting: (type: string) => boolean,
): string | undefined {
  if (request.level.kind !== 'system') {
    return 'whose compartment a deleted resource was in is not known; an export at system level reports it';
  }
  if ((request.minPatients ?? 0) > 0) {
    return 'of how many patients they are is not known, and this export has to be over a number of them (MIN_PATIENTS); the permission for raw exports lifts this limit';
  }
  if (request.typeFilters.some((filter) => filter.type === type)) {
    return 'whether a deleted resource matched _typeFilter is not known; an export without it reports it';
  }
  if (!isLasting(type)) {
    return 'its ids have no pseudonym that is the same in every export: that takes a cryptoHash rule for the id without a condition, and a cryptoHashKey in the configuration';
  }
  return undefined;
}

const NO_HISTORY = 'the CapabilityStatement of the source has no interaction history-type for it';
