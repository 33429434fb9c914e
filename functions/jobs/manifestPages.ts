import type { JobStore } from '../adapters/storage/jobStore.js';
import {
  type CompletePart,
  type ManifestPages,
  mayShowEarly,
  pageOf,
} from '../export/output/manifestPages.js';
import { type JobPlan, type JobRequest, type PartitionProgress, partitionOf } from '../export/records/job.js';
import { partitionRecords } from './partitionRecords.js';

type Jobs = Pick<JobStore, 'manifestPages' | 'changeManifestPages' | 'partition'>;

const NO_PAGES: ManifestPages = { pages: [] };

/**
 * The pages of a running job, with one more where partitions were completed since the last one was made. Of two calls at a
 * time, one makes it.
 */
export async function pagesSoFar(
  jobs: Jobs,
  request: JobRequest,
  plan: JobPlan,
  progress: readonly PartitionProgress[],
): Promise<ManifestPages> {
  if (!mayShowEarly(request)) return NO_PAGES;
  const { jobId } = request;
  const stored = (await jobs.manifestPages(jobId)) ?? NO_PAGES;
  if (stored.isClosed === true) return stored;
  const given = new Set(stored.pages.flatMap(({ parts }) => parts));
  const done = progress.filter(({ partition, isDone }) => isDone && partition >= 0 && !given.has(partition));
  const numbers = done.map(({ partition }) => partition);
  const records = await partitionRecords(jobs, jobId, plan, numbers);
  const complete = (partition: number): CompletePart[] => {
    // A slice reports that it is the last one before the partition's record is there.
    const record = records.get(partition);
    if (record === undefined) return [];
    const isOfDeletions = partitionOf(plan, partition)?.isOfDeletions === true;
    return [{ partition, isOfDeletions, files: record.files }];
  };
  const page = pageOf(request, numbers.flatMap(complete));
  if (page === undefined) return stored;
  return jobs.changeManifestPages(jobId, (now = NO_PAGES) =>
    now.isClosed === true || now.pages.length > stored.pages.length
      ? undefined
      : { pages: [...now.pages, page] },
  );
}

/** The pages of a job that is about to end; none is added from now on. */
export async function closePages(
  jobs: Pick<JobStore, 'changeManifestPages'>,
  request: JobRequest,
): Promise<ManifestPages> {
  if (!mayShowEarly(request)) return NO_PAGES;
  return jobs.changeManifestPages(request.jobId, (now = NO_PAGES) =>
    now.isClosed === true ? undefined : { ...now, isClosed: true },
  );
}
