import { count } from './count.js';
import type { SearchParameters, Source } from './source.js';

/** Values that are looked at for two that have resources. */
const MAX_TRIED = 6;

/**
 * Whether the source takes a comma list for alternatives (https://hl7.org/fhir/R4/search.html#combining). Some take it
 * for one value, which no resource has: it is known only where two values together count more than each of them.
 * @param values of which some have resources, each once
 */
export async function takesLists(
  source: Source,
  type: string,
  parameter: string,
  values: readonly string[],
  others: SearchParameters,
): Promise<boolean> {
  const counted: Array<{ value: string; resources: number }> = [];
  for (const value of values.slice(0, MAX_TRIED)) {
    const resources = await count(source, type, [[parameter, value], ...others]);
    if (resources === undefined) return false;
    if (resources > 0) counted.push({ value, resources });
    const [first, second] = counted;
    if (first === undefined || second === undefined) continue;
    const both = await count(source, type, [[parameter, `${first.value},${second.value}`], ...others]);
    return both !== undefined && both > Math.max(first.resources, second.resources);
  }
  return false;
}
