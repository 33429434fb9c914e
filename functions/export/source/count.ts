import { ExportError } from '../../errors.js';
import { readSearchPage } from './searchPage.js';
import type { SearchParameters, Source } from './source.js';

/** How many resources a search would find; `undefined` where the source does not tell. */
export async function count(
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
