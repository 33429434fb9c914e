import { onRefusal } from './refusals.js';
import { searchPage } from './searchPage.js';
import type { SearchParameters, Source } from './source.js';

/** How to ask for the number of matches, the cheapest first: https://hl7.org/fhir/R4/search.html#total */
const REQUESTS: readonly SearchParameters[] = [
  [['_summary', 'count']],
  [
    ['_total', 'accurate'],
    ['_count', '1'],
  ],
];

/**
 * How many resources a search finds; `undefined` where the source gives it by none of them.
 * @param precision `exact`: asked first for what the source promises to be no estimate
 */
export async function count(
  source: Source,
  type: string,
  parameters: SearchParameters,
  precision: 'any' | 'exact' = 'any',
): Promise<number | undefined> {
  for (const request of precision === 'exact' ? REQUESTS.toReversed() : REQUESTS) {
    const page = searchPage(source, type, [...parameters, ...request]);
    const answer = await page.catch(onRefusal('other search', () => undefined));
    if (answer?.total !== undefined) return answer.total;
  }
  return undefined;
}

/** Whether a search finds nothing. A total of 0 does not show it: some sources have the number of resources on the page there. */
export async function findsNothing(
  source: Source,
  type: string,
  parameters: SearchParameters,
): Promise<boolean> {
  const { rows, next, total = 0 } = await searchPage(source, type, [...parameters, ['_count', '1']]);
  return rows.length === 0 && next === undefined && total === 0;
}
