import type { ResourceFailures } from '../records/job.js';
import type { ReportOfType } from '../output/report.js';
import type { Count, CountSheet } from './countSheet.js';

/** How many resources of a type were written: the whole that counts of several parts of a report are in. */
export function writtenOf(sheet: CountSheet, type: string, resources: number): Count {
  return sheet.named(`written ${type} ${resources}`, resources);
}

/** Why resources of a type were left out, and how many. What a whole type was left out for is no count of resources. */
export function failuresOf(
  sheet: CountSheet,
  { type, failures }: Pick<ReportOfType, 'type' | 'failures'>,
): (Pick<ResourceFailures, 'code' | 'message'> & { readonly count: Count })[] {
  return failures
    .filter(({ isType }) => isType !== true)
    .map(({ code, message, count }, place) => ({
      code,
      message,
      count: sheet.named(`failed ${type} ${place}`, count),
    }));
}
