import pMap from 'p-map';
import { ExportError } from '../common/errors.js';
import { tooFewLines } from '../export/plan/bulkPlan.js';
import { numbered } from '../export/records/job.js';
import { type BulkManifest, manifestContent } from '../export/source/bulkManifest.js';
import { requesterOf } from '../export/source/requestLimiter.js';
import { isRunning, stateMissing, stateOf } from '../jobs/model/state.js';
import type { ActivityLog } from './activity.js';
import type { ActivityDependencies } from './dependencies.js';
import { readManifest } from './prepareSource.js';

/**
 * Whether all was read that the source's own export has: as many lines of each file as its manifest counts, and no
 * other files in the manifest than at first.
 */
export function proveSource({ jobs, bulkOf }: ActivityDependencies) {
  return async ({ jobId }: { jobId: string }, log: ActivityLog): Promise<null> => {
    const state = stateOf(await jobs.records(jobId));
    if (state.name === 'unknown') throw stateMissing();
    if (!isRunning(state)) return null;
    const [plan, source] = await Promise.all([jobs.plan(jobId), jobs.sourceExport(jobId)]);
    if (plan === undefined || source === undefined) throw stateMissing();
    const linesOf = new Map<number, { read: number; count: number }>();
    const add = async ([partition, { file }]: ReturnType<typeof numbered>[number]): Promise<void> => {
      if (file?.bulk?.count === undefined) return;
      const { lines = 0 } = (await jobs.partition(jobId, partition)) ?? {};
      const { read } = linesOf.get(file.number) ?? { read: 0 };
      linesOf.set(file.number, { read: read + lines, count: file.bulk.count });
    };
    await pMap(numbered(plan), add, { concurrency: 8 });
    for (const [number, { read, count }] of linesOf) if (read < count) throw tooFewLines(number, read, count);
    const { statusUrl } = source.taken ?? {};
    if (plan.start === undefined || statusUrl === undefined || bulkOf === undefined) return null;
    const client = bulkOf(requesterOf(state.request), log);
    const again = async (): Promise<BulkManifest | undefined> => {
      const answer = await client.status(statusUrl);
      return answer.status === 200 ? readManifest(client, statusUrl, answer.body) : undefined;
    };
    // A source that has forgotten its export, or does not answer now, has shown nothing else.
    const manifest = await again().catch((error: unknown) => {
      if (error instanceof ExportError && error.retryable) return undefined;
      throw error;
    });
    if (manifest === undefined) return null;
    const first = await jobs.sourceManifest(jobId, plan.start);
    if (manifestContent(manifest) !== manifestContent(first)) throw otherManifest();
    return null;
  };
}

function otherManifest(): ExportError {
  return new ExportError(
    'source-export-lost',
    "The manifest of the source's own export has other files than when it was said to be complete. Look for the cause at the source, and export again.",
  );
}
