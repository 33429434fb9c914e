import { stateOf } from '../jobs/model/state.js';
import { MAX_STARTS } from '../jobs/model/instanceIds.js';
import type { ActivityDependencies } from './dependencies.js';
import { nextStart } from './prepareSource.js';

export interface RenewSourceInput {
  jobId: string;
  /** Which export of the source was read. */
  start: number;
}

/**
 * Begins anew with another export of the source, where the files of one are gone or changed before all were read. What
 * was written of it is not named by the next plan, whose partitions have other numbers. Safe to repeat.
 */
export function renewSource({ jobs, now }: ActivityDependencies) {
  return async ({ jobId, start }: RenewSourceInput): Promise<{ isRenewed: boolean }> => {
    const known = await jobs.sourceExport(jobId);
    const records = await jobs.records(jobId);
    const state = stateOf(records);
    const isLost = state.name === 'stopping' && state.failure.code === 'source-export-lost';
    if (known === undefined || known.choice?.bulk?.length === 0) return { isRenewed: false };
    if (known.start === start && (!isLost || start >= MAX_STARTS)) return { isRenewed: false };
    const plan = await jobs.plan(jobId);
    // Of each partition, a part of a file may have been read again under a number of its own.
    const first = (plan?.first ?? known.first) + Math.max(1, 2 * (plan?.partitions.length ?? 0));
    const next = await jobs.changeSourceExport(jobId, (stored) =>
      stored?.start === start
        ? nextStart({ ...stored, answeredAt: now(), lostAt: records.stop?.at }, first)
        : undefined,
    );
    const begin = next?.first ?? first;
    // Who the members are is looked up anew, unless that is done.
    if (plan !== undefined && (plan.first ?? 0) < begin) await jobs.dropMembers(jobId);
    await jobs.dropPlan(jobId, begin);
    if (next?.lostAt !== undefined) await jobs.dropFailure(jobId, next.lostAt);
    return { isRenewed: true };
  };
}
