import pMap from 'p-map';
import type { JobStore } from '../adapters/storage/jobStore.js';
import { groupSize } from '../export/plan/partitionGroups.js';
import type { JobPlan, PartitionRecord } from '../export/records/job.js';

const AT_ONCE = { concurrency: 8 };

/** The records of partitions, by number, of those that have one: those of a group are in that of its first one. */
export async function partitionRecords(
  jobs: Pick<JobStore, 'partition'>,
  jobId: string,
  plan: JobPlan,
  partitions: readonly number[],
): Promise<Map<number, PartitionRecord>> {
  const records = new Map<number, PartitionRecord>();
  const readGroup = async ({ start, end }: Group): Promise<void> => {
    for (let at = start; at < end;) {
      const found = await jobs.partition(jobId, at);
      const { following = [], ...own } = found ?? {};
      if (found !== undefined)
        [own as PartitionRecord, ...following].forEach((record, more) => records.set(at + more, record));
      // Where a group ended early, or was read one by one, the others have records of their own.
      at += 1 + following.length;
    }
  };
  await pMap(groupsWith(plan, partitions), readGroup, AT_ONCE);
  return records;
}

/** Partitions that are claimed together, up to `end`. */
interface Group {
  start: number;
  end: number;
}

/** The groups of some partitions, as they are claimed; those beyond the plan are none. */
function groupsWith(plan: JobPlan, partitions: readonly number[]): Group[] {
  const { first = 0 } = plan;
  const end = first + plan.partitions.length;
  const wanted = new Set(partitions);
  const groups: Group[] = [];
  for (let start = first; start < end;) {
    const group = { start, end: start + groupSize(plan, start, end) };
    const ofGroup = Array.from({ length: group.end - start }, (_, more) => start + more);
    if (ofGroup.some((partition) => wanted.has(partition))) groups.push(group);
    start = group.end;
  }
  const others = partitions.filter((partition) => partition < first || partition >= end);
  return [...groups, ...others.map((start) => ({ start, end: start + 1 }))];
}
