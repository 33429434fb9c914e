import { ExportError } from '../../common/errors.js';
import { mapConcurrently } from '../../common/mapConcurrently.js';
import { missingInSelf, safeName } from './heeded.js';
import { takesLists } from './lists.js';
import { readSearchPage, type SearchRow } from './searchPage.js';
import type { SearchParameters, Source, SourceAnswer } from './source.js';

/** Characters of ids in one search: a URL of 2,000 characters is taken everywhere. */
const MOST_CHARACTERS = 1500;
const PARALLEL_SEARCHES = 2;

/**
 * Asks the source for resources of a type by their ids, as far as a search gives them. Of a resource no more is
 * asked for than its id and `meta`, and other elements may be missing.
 * @param ids each once
 * @throws ExportError `source-ignored-parameter` where the source gives others, or did not heed the search
 */
export async function searchAmong(
  source: Source,
  type: string,
  ids: readonly string[],
  search: SearchParameters,
): Promise<SearchRow[]> {
  // Two `_id`s are an "and", which some sources do not know; here it is known beforehand.
  const wanted = search
    .filter(([name]) => name === '_id')
    .reduce((left, [, value]) => left.filter((id) => value.split(',').includes(id)), [...ids]);
  const others = search.filter(([name]) => name !== '_id');
  const isListed = wanted.length < 2 || (await takesIds(source, type, wanted));
  const asked = isListed ? chunks(wanted) : wanted.map((id) => [id]);
  const found = await mapConcurrently(asked, PARALLEL_SEARCHES, (chunk) =>
    searchChunk(source, type, chunk, others),
  );
  return found.flat();
}

/** Sources that have shown whether they take lists of ids for alternatives. */
const listed = new WeakMap<Source, Promise<boolean>>();

/** @param ids of resources that were seen just now */
function takesIds(source: Source, type: string, ids: readonly string[]): Promise<boolean> {
  const known = listed.get(source) ?? takesLists(source, type, '_id', ids, []);
  listed.set(source, known);
  known.catch(() => listed.delete(source));
  return known;
}

async function searchChunk(
  source: Source,
  type: string,
  ids: readonly string[],
  search: SearchParameters,
): Promise<SearchRow[]> {
  const asked: SearchParameters = [...search, ['_id', ids.join(',')]];
  const wanted = new Set(ids);
  const rows: SearchRow[] = [];
  let answer = await searchBriefly(source, type, [...asked, ['_count', String(ids.length)]]);
  // A source may give one a page; more pages than ids are a loop.
  for (let pages = 1; ; pages++) {
    const page = readSearchPage(answer.body, type);
    // The self link of a form need not repeat what stands in the form.
    const tells = answer.isForm !== true || page.self?.includes('?') === true;
    const missing =
      page.self === undefined || !tells || pages > 1 ? undefined : missingInSelf(asked, page.self);
    if (missing !== undefined) throw ignored(type, missing);
    for (const row of page.rows) {
      if (row.id === undefined || !wanted.has(row.id)) throw ignored(type, '_id');
      rows.push(row);
    }
    if (page.next === undefined) return rows;
    if (pages > ids.length + 1) {
      throw new ExportError(
        'source-link-loop',
        `The source's next links for a search for ${type} by _id do not end. The source has to end its pages.`,
      );
    }
    answer = await source.follow(page.next);
  }
}

/** Asks for id and `meta` alone where the source knows how to, since that is all that is looked at. */
async function searchBriefly(
  source: Source,
  type: string,
  parameters: SearchParameters,
): Promise<SourceAnswer> {
  try {
    return await source.search(type, [...parameters, ['_elements', 'id,meta']]);
  } catch (thrown) {
    if (thrown instanceof ExportError && thrown.code === 'source-refused') {
      return source.search(type, parameters);
    }
    throw thrown;
  }
}

function chunks(ids: readonly string[]): string[][] {
  const all: string[][] = [];
  let characters = Number.POSITIVE_INFINITY;
  for (const id of ids) {
    characters += id.length + 3;
    if (characters > MOST_CHARACTERS) {
      all.push([]);
      characters = id.length;
    }
    all.at(-1)?.push(id);
  }
  return all;
}

function ignored(type: string, parameter: string): ExportError {
  const name = safeName(parameter);
  return new ExportError(
    'source-ignored-parameter',
    `The source ignored ${name} in a search for ${type} by _id, so it cannot be told which resources are exported already. Check the source's search on ${name}; one filter of _typeFilter per type does without.`,
  );
}
