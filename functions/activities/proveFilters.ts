import type { BulkClient } from '../adapters/source/bulkClient.js';
import { bulkKickOffs, ignoresFilters, isRefused } from '../export/plan/bulkKickOffs.js';
import type { JobRequest } from '../export/records/job.js';
import type { BulkAnswer } from '../export/source/bulkStatus.js';
import { NO_VALUE } from '../export/source/honored.js';

/** A filter by a parameter that no server has. */
const NO_FILTER = [['none-has-this', NO_VALUE]] as const;

/**
 * Shows that the source's own export applies filters: many servers take them and ignore them. One that takes a filter by
 * a parameter that cannot exist is not trusted with others.
 * @returns an answer by which the source takes no export now; `undefined`: it refuses such a filter, as it has to
 * @throws ExportError `invalid-request` where it takes it
 */
export async function proveFilters(
  client: Pick<BulkClient, 'kickOff' | 'remove'>,
  request: JobRequest,
): Promise<BulkAnswer | undefined> {
  const typeFilters = request.typeFilters.map(({ type }) => ({ type, search: NO_FILTER }));
  for (const kickOff of bulkKickOffs({ ...request, typeFilters })) {
    const answer = await client.kickOff(kickOff);
    if (answer.statusUrl !== undefined) {
      await client.remove(answer.statusUrl);
      throw ignoresFilters();
    }
    if (!isRefused(answer)) return answer;
  }
  return undefined;
}
