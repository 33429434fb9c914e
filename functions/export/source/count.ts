import { ExportError } from '../../common/errors.js';
import { readSearchPage } from './searchPage.js';
import type { SearchParameters, Source } from './source.js';

/** The ways to ask for the number of matches, the cheapest first: https://hl7.org/fhir/R4/search.html#total */
const WAYS: readonly SearchParameters[] = [
  [['_summary', 'count']],
  [
    ['_total', 'accurate'],
    ['_count', '1'],
  ],
];

/** How many resources a search finds; `undefined` where the source does not tell in any of the ways. */
export async function count(
  source: Source,
  type: string,
  parameters: SearchParameters,
): Promise<number | undefined> {
  for (const way of WAYS) {
    const total = await totalOf(source, type, [...parameters, ...way]);
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
  } catch (thrown) {
    if (thrown instanceof ExportError && thrown.code === 'source-refused') return undefined;
    throw thrown;
  }
}
