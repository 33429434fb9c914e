import { stateMissing } from '../jobs/model/state.js';
import { type SliceCost, sumOfCosts } from '../export/records/cost.js';
import {
  addReport,
  type DeletionNote,
  emptyReport,
  type JobRequest,
  type OutputFile,
  type PartitionRecord,
  type SliceRecord,
  type TypeRecord,
} from '../export/records/job.js';
import { addPartCounts, emptyCounts, type PartCounts } from '../export/selection/patientCount.js';
import pMap from 'p-map';
import type { JobStore } from '../adapters/storage/jobStore.js';
import type { ActivityDependencies } from './dependencies.js';

export interface CompletePartitionInput {
  jobId: string;
  partition: number;
  /** The attempt of the last slice. */
  last: string;
}

export interface CompleteGroupInput {
  jobId: string;
  /** The first of the partitions. */
  partition: number;
  /** The attempt of the last slice of each. */
  lasts: string[];
}

const AT_ONCE = { concurrency: 8 };

/** Follows the chain of slices that counted back from the last one and records the partition's files. */
export function completePartition({ jobs }: ActivityDependencies) {
  return async ({ jobId, partition, last }: CompletePartitionInput): Promise<null> => {
    const request = (await jobs.request(jobId)) ?? {};
    await jobs.putPartition(jobId, partition, await recordOf(jobs, request, { jobId, partition, last }));
    return null;
  };
}

/** The same for several partitions, in one record. */
export function completeGroup({ jobs }: ActivityDependencies) {
  return async ({ jobId, partition, lasts }: CompleteGroupInput): Promise<null> => {
    const request = (await jobs.request(jobId)) ?? {};
    const [attempt] = lasts;
    if (attempt === undefined) return null;
    const first = await jobs.slice(jobId, partition, attempt);
    if (first === undefined) throw stateMissing();
    const known: Record<string, SliceRecord> = { [attempt]: first, ...first.following };
    const one = (last: string, more: number): Promise<PartitionRecord> =>
      recordOf(jobs, request, { jobId, partition: partition + more, last }, known);
    const [own, ...following] = await pMap(lasts, one, AT_ONCE);
    if (own === undefined) return null;
    await jobs.putPartition(jobId, partition, { ...own, ...(following.length === 0 ? {} : { following }) });
    return null;
  };
}

/** @param known records of attempts, which need not be read */
async function recordOf(
  jobs: JobStore,
  { minPatients: mostPatients = 0, referencedTypes = [] }: Partial<JobRequest>,
  { jobId, partition, last }: CompletePartitionInput,
  known: Readonly<Record<string, SliceRecord>> = {},
): Promise<PartitionRecord> {
  const files: OutputFile[] = [];
  const report = emptyReport();
  const deletionNotes: DeletionNote[] = [];
  let walked: number | undefined;
  const provenance = emptyReport();
  const counts = emptyCounts();
  let seconds = 0;
  const costs: Array<SliceCost | undefined> = [];
  let foreign = 0;
  let ofOthers = 0;
  let lines: number | undefined;
  const attempts: string[] = [];
  const classes: NonNullable<PartitionRecord['classes']> = [];
  let isOfFile = false;
  const byType = new Map<string, TypeRecord & { counts: PartCounts }>();
  for (let attempt: string | undefined = last; attempt !== undefined;) {
    const slice: SliceRecord | undefined = known[attempt] ?? (await jobs.slice(jobId, partition, attempt));
    if (slice === undefined) throw stateMissing();
    attempts.push(attempt);
    if (slice.classes !== undefined) classes.push({ attempt, ...slice.classes });
    isOfFile ||= slice.byType !== undefined;
    for (const [type, written] of Object.entries(slice.byType ?? {})) {
      const sum = byType.get(type) ?? { files: [], report: emptyReport(), counts: emptyCounts() };
      byType.set(type, sum);
      sum.files.unshift(...written.files);
      addReport(sum.report, written.report);
      sum.foreign = (sum.foreign ?? 0) + (written.foreign ?? 0);
      sum.ofOthers = (sum.ofOthers ?? 0) + (written.ofOthers ?? 0);
      if (written.counts !== undefined) addPartCounts(sum.counts, written.counts, mostPatients);
    }
    deletionNotes.push(...(slice.deletionNotes ?? []));
    walked ??= slice.walked;
    // The chain leads back: the files of a slice come in their order once all are turned round.
    files.push(...[...slice.files].reverse());
    addReport(report, slice.report);
    if (slice.provenance !== undefined) addReport(provenance, slice.provenance);
    foreign += slice.foreign ?? 0;
    ofOthers += slice.ofOthers ?? 0;
    if (slice.counts !== undefined) addPartCounts(counts, slice.counts, mostPatients);
    seconds += slice.seconds;
    costs.push(slice.cost);
    if (slice.lines !== undefined) lines = (lines ?? 0) + slice.lines;
    attempt = slice.previous;
  }
  if (mostPatients > 0) {
    await jobs.putPartCounts(jobId, partition, counts);
    for (const [type, own] of byType) await jobs.putPartCounts(jobId, partition, own.counts, type);
  }
  const cost = sumOfCosts(costs);
  return {
    files: files.reverse(),
    seconds,
    ...(cost === undefined ? {} : { cost }),
    report,
    ...(deletionNotes.length === 0 ? {} : { deletionNotes }),
    ...(lines === undefined ? {} : { lines }),
    ...(walked === undefined ? {} : { walked }),
    provenance,
    foreign,
    ofOthers,
    ...(isOfFile ? { byType: Object.fromEntries([...byType].map(withoutCounts)) } : {}),
    ...(isOfFile || referencedTypes.length > 0 ? { attempts } : {}),
    ...(classes.length === 0 ? {} : { classes }),
  };
}

function withoutCounts([type, { counts: _counts, ...record }]: [
  string,
  TypeRecord & { counts: PartCounts },
]): [string, TypeRecord] {
  return [type, record];
}
