import pMap from 'p-map';
import type { JobStore } from '../adapters/storage/jobStore.js';
import { type SliceCost, sumOfCosts } from '../export/records/cost.js';
import { asPlanned, type JobPlan, type JobRequest, type ReadPart } from '../export/records/job.js';
import {
  addPartCounts,
  type CountedType,
  emptyCounts,
  withheldTypes,
} from '../export/selection/patientCount.js';
import { partitionRecords } from '../jobs/partitionRecords.js';
import { stateMissing } from '../jobs/model/state.js';
import type { CountedPart } from './countedParts.js';

const AT_ONCE = { concurrency: 8 };

/**
 * What was read, by types: a part of a file counts as one partition for each of its types, and where it was read again,
 * that counts. And what that cost, as far as it was counted.
 */
export async function readParts(
  jobs: Pick<JobStore, 'partition'>,
  jobId: string,
  plan: JobPlan,
  counted: readonly CountedPart[],
): Promise<{ parts: ReadPart[]; cost: SliceCost | undefined }> {
  const numbers = counted.map(({ partition }) => partition);
  const records = await partitionRecords(jobs, jobId, plan, numbers);
  const costs: Array<SliceCost | undefined> = [];
  const parts = counted.flatMap(({ partition, planned }): ReadPart[] => {
    const record = records.get(partition);
    if (record === undefined) throw stateMissing();
    costs.push(record.cost);
    if (record.byType === undefined) return [{ partition, planned, record }];
    const { byType, seconds, classes } = record;
    const lines = Object.values(byType).reduce((sum, { report }) => sum + report.read, 0);
    return Object.entries(byType).map(([type, own]) => ({
      partition,
      planned: { ...planned, window: { ...planned.window, type } },
      record: {
        ...own,
        seconds: (seconds * own.report.read) / Math.max(1, lines),
        ...(type === 'Patient' && classes !== undefined ? { classes } : {}),
      },
    }));
  });
  return { parts, cost: sumOfCosts(costs) };
}

/** The types that are withheld since a part of theirs is of too few patients, and whether these are all. */
export async function withheldOf(
  jobs: Pick<JobStore, 'partCounts'>,
  request: JobRequest,
  plan: JobPlan,
  parts: readonly ReadPart[],
): Promise<{ types: ReadonlySet<string>; isAll: boolean }> {
  const { jobId, minPatients: most = 0 } = request;
  if (most === 0) return { types: new Set(), isAll: false };
  const { typeFilters } = asPlanned(request, plan);
  const types = new Map<string, CountedType>();
  for (const { planned } of parts) {
    const { type } = planned.window;
    const filters = typeFilters.filter((filter) => filter.type === type).length;
    types.set(type, { alternatives: Math.max(1, filters), counts: emptyCounts() });
  }
  const countPart = async ({ partition, planned: { window, file } }: ReadPart): Promise<void> => {
    const counts = await jobs.partCounts(jobId, partition, file === undefined ? '' : window.type);
    const sum = types.get(window.type)?.counts;
    if (counts !== undefined && sum !== undefined) addPartCounts(sum, counts, most);
  };
  await pMap(parts, countPart, AT_ONCE);
  const withheld = withheldTypes(types, most);
  return { types: withheld, isAll: withheld.size === types.size };
}
