import type { JobPlan, JobRequest, PartitionRecord } from '../records/job.js';
import { selectionOf } from '../selection/selectionOf.js';
import { count } from '../source/count.js';
import type { Source } from '../source/source.js';
import type { Claim } from '../walk/walk.js';
import { endsEarly, partsMissing } from '../walk/walkErrors.js';
import { boundsOf, countedSpan, jobWindow } from '../walk/window.js';

/**
 * Whether the source counts no more in a window than were read. An estimate is distinguished from a count by what is known: the
 * rows of a page.
 * @returns false where the source does not count, or estimates
 * @throws ExportError where it counts more
 */
export async function isComplete(
  source: Source,
  type: string,
  { read, parameters, known }: Claim,
): Promise<boolean> {
  if (parameters === undefined) return false;
  const counted = await count(source, type, parameters, 'exact');
  if (counted === undefined) return false;
  if (counted <= read) return true;
  if (known === undefined || known.rows === 0) return false;
  const again = await count(source, type, known.parameters, 'exact');
  if (again === undefined || again > known.rows) return false;
  throw endsEarly(type);
}

/**
 * Whether the source counts no more of each type that was split than its parts gave together: what lies in none of them
 * no count of a part shows. Types of which a part was not shown complete are left out, since their counts may be
 * estimates.
 * @throws ExportError where it counts more
 */
export async function provePartsComplete(
  source: Source,
  request: JobRequest,
  { partitions, transactionTime }: JobPlan,
  records: readonly PartitionRecord[],
): Promise<void> {
  const parts = new Map<string, { windows: number; walked: number }>();
  for (const [index, { window, isOfDeletions, isOfJoined, memberSearch }] of partitions.entries()) {
    if (isOfDeletions === true || isOfJoined === true || memberSearch !== undefined) continue;
    const { walked = Number.NaN, report } = records[index] ?? {};
    const sum = parts.get(window.type) ?? { windows: 0, walked: 0 };
    sum.windows++;
    sum.walked += report?.unproven === undefined ? walked : Number.NaN;
    parts.set(window.type, sum);
  }
  for (const [type, { windows, walked }] of parts) {
    const span = countedSpan(jobWindow(type, request, transactionTime));
    const selection = selectionOf(request, type);
    if (windows < 2 || Number.isNaN(walked) || selection.searches > 1 || span === undefined) continue;
    const parameters = [...selection.parameters(0), ...boundsOf(span)];
    const counted = await count(source, type, parameters, 'exact');
    if (counted !== undefined && counted > walked) throw partsMissing(type);
  }
}
