import { choiceNotes, ofBulk, ofTypes } from '../export/plan/bulkPlan.js';
import type { JobPlan, JobRequest } from '../export/records/job.js';
import type { SourceExport } from '../export/records/sourceExport.js';
import { stateMissing } from '../jobs/model/state.js';
import type { ActivityLog } from './activity.js';
import type { ActivityDependencies } from './dependencies.js';
import { planBulk } from './plan/planBulk.js';
import { planFiles } from './plan/planFiles.js';
import { planSearches } from './plan/planSearches.js';

export interface PlanExportInput {
  jobId: string;
}

export interface PlanExportOutput {
  /** The number of the first partition. */
  first: number;
  partitions: number;
  /** Whether they are parts of files, among which lines of one resource are looked for when all are read. */
  isOfFiles?: true;
  /** Whether what exported resources refer to is read, when all are read. */
  followsReferences?: true;
}

/** Fixes the transaction time by the source's clock and what there is to export. */
export function planExport(dependencies: ActivityDependencies) {
  const { jobs, settings } = dependencies;
  return async ({ jobId }: PlanExportInput, log: ActivityLog): Promise<PlanExportOutput> => {
    const asked = await jobs.request(jobId);
    if (asked === undefined) throw stateMissing();
    const own =
      asked.sourceMode === 'bulk' || asked.sourceMode === 'auto' ? await jobs.sourceExport(jobId) : undefined;
    const first = own?.first ?? 0;
    const source = { url: settings.fhirServerUrl, fhirVersion: settings.fhirVersion };
    let held = await jobs.plan(jobId);
    for (let made: MadePlan | undefined; held === undefined || (held.first ?? 0) < first;) {
      // Of an export before, by an attempt that came late.
      if (held !== undefined) await jobs.dropPlan(jobId, first);
      made ??= await planOf(dependencies, asked, own, log);
      held = await jobs.putPlan(jobId, { ...made, source });
    }
    return outputOf(held);
  };
}

function outputOf({ partitions, first = 0, referenced }: JobPlan): PlanExportOutput {
  const isOfFiles = partitions.some(({ file }) => file !== undefined);
  return {
    first,
    partitions: partitions.length,
    ...(isOfFiles ? { isOfFiles } : {}),
    ...(referenced === undefined ? {} : { followsReferences: true }),
  };
}

type MadePlan = Omit<JobPlan, 'source'>;

/** What to export, by the way in which the source is read. */
async function planOf(
  dependencies: ActivityDependencies,
  asked: JobRequest,
  own: SourceExport | undefined,
  log: ActivityLog,
): Promise<MadePlan> {
  const { sourceFiles } = dependencies;
  switch (asked.sourceMode ?? 'search') {
    case 'search':
      return planSearches(dependencies, asked, log);
    case 'files':
      if (sourceFiles === undefined) throw stateMissing();
      return planFiles(dependencies, sourceFiles, asked);
    case 'bulk':
    case 'auto': {
      if (own === undefined) throw stateMissing();
      const { choice } = own;
      const notes = choiceNotes(choice);
      if (choice?.bulk?.length === 0) return withNotes(await planSearches(dependencies, asked, log), notes);
      const bulk = await planBulk(dependencies, ofBulk(asked, choice), own, log);
      if (choice?.bulk === undefined || choice.search.length === 0) return withNotes(bulk, notes);
      // What was read of both is of one moment.
      const searched = { ...ofTypes(asked, choice.search), until: bulk.transactionTime };
      return joinedPlan(bulk, await planSearches(dependencies, searched, log), choice.bulk, notes);
    }
  }
}

function withNotes(plan: MadePlan, notes: readonly string[]): MadePlan {
  return { ...plan, notes: [...notes, ...(plan.notes ?? [])] };
}

/** The plan of an export that is read by the source's own export and by searches. */
function joinedPlan(
  bulk: MadePlan,
  search: MadePlan,
  bulkTypes: string[],
  notes: readonly string[],
): MadePlan {
  return {
    ...bulk,
    ...search,
    bulkTypes,
    partitions: [...bulk.partitions, ...search.partitions],
    notes: [...notes, ...(bulk.notes ?? []), ...(search.notes ?? [])],
  };
}
