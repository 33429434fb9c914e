import { type JobPlan, partitionOf, type PlannedPartition } from '../records/job.js';

/** Most resources of the partitions that are read in one step: what is lost where it has to be repeated. */
const MAX_RESOURCES = 1000;
/** Most searches that are read in one step: each takes some requests to the source, one after the other. */
const MAX_SEARCHES = 10;

/**
 * How many partitions from one on are read in one step, at least 1: those of which the source counts few resources
 * together. A step, its records and the claim before it take longer than reading a page.
 * @param end the number after that of the last partition there is
 */
export function groupSize(
  plan: Pick<JobPlan, 'partitions' | 'first'>,
  partition: number,
  end: number,
): number {
  let resources = 0;
  let searches = 0;
  let size = 0;
  for (; partition + size < end; size++) {
    const planned = partitionOf(plan, partition + size);
    if (planned === undefined || !isCounted(planned)) break;
    resources += planned.estimate;
    searches += searchesOf(planned);
    if (resources > MAX_RESOURCES || searches > MAX_SEARCHES) break;
  }
  return Math.max(1, size);
}

/** Whether a partition is of plain searches, whose resources the source counted. */
function isCounted(planned: PlannedPartition): planned is PlannedPartition & { estimate: number } {
  const { estimate, file, blocks, memberSearch, isOfDeletions, isReferenced } = planned;
  return (
    estimate !== undefined &&
    file === undefined &&
    blocks === undefined &&
    memberSearch?.patientByPatient === undefined &&
    isOfDeletions !== true &&
    isReferenced !== true
  );
}

function searchesOf({ memberSearch }: PlannedPartition): number {
  return memberSearch === undefined ? 1 : memberSearch.end - memberSearch.first;
}
