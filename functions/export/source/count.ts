import { mayTry } from './refusals.js';
import { readSearchPage } from './searchPage.js';
import type { SearchParameters, Source } from './source.js';

/** How to ask for the number of matches, the cheapest first: https://hl7.org/fhir/R4/search.html#total */
const REQUESTS: readonly SearchParameters[] = [
  [['_summary', 'count']],
  [
    ['_total', 'accurate'],
    ['_count', '1'],
  ],
];

/** How many resources a search finds; `undefined` where the source gives it by none of them. */
export async function count(
  source: Source,
  type: string,
  parameters: SearchParameters,
): Promise<number | undefined> {
  for (const request of REQUESTS) {
    const total = await totalOf(source, type, [...parameters, ...request]);
    if (total !== undefined) return total;
  }
  return undefined;
}

async function totalOf(
  source: Source,
  type: string,
  parameters: SearchParameters,
): Promise<number | undefined> {
  try {
    const { body } = await source.search(type, parameters);
    return readSearchPage(body, type).total;
  } catch (error) {
    if (mayTry('other search', error)) return undefined;
    throw error;
  }
}
