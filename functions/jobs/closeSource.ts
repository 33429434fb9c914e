import pMap from 'p-map';
import type { BulkOf } from '../adapters/source/openSource.js';
import type { JobStore } from '../adapters/storage/jobStore.js';

/** What takes a job's exports away at the source. */
export interface SourceCloser {
  jobs: Pick<JobStore, 'sourceExport' | 'changeSourceExport'>;
  bulkOf: BulkOf | undefined;
}

/**
 * Deletes the exports that a job has asked the source for, which hold the data of patients. Those that the source does not
 * delete now stay in the state of the job, for the next time.
 */
export async function closeSource({ jobs, bulkOf }: SourceCloser, jobId: string): Promise<void> {
  const source = bulkOf === undefined ? undefined : await jobs.sourceExport(jobId);
  if (source === undefined || bulkOf === undefined) return;
  const client = bulkOf(jobId, () => undefined);
  const urls = [...source.formerUrls, ...(source.taken === undefined ? [] : [source.taken.statusUrl])];
  const isGone = (url: string): Promise<boolean> => client.remove(url).catch(() => false);
  const gone = await pMap(urls, isGone, { concurrency: 1 });
  const deleted = new Set(urls.filter((_, index) => gone[index]));
  if (deleted.size === 0) return;
  await jobs.changeSourceExport(jobId, (stored) => {
    if (stored === undefined) return undefined;
    const { taken, ...rest } = stored;
    return {
      ...rest,
      ...(taken === undefined || deleted.has(taken.statusUrl) ? {} : { taken }),
      formerUrls: stored.formerUrls.filter((url) => !deleted.has(url)),
    };
  });
}
