import pMap from 'p-map';
import { ExportError } from '../../common/errors.js';
import { missingInSelf, safeName } from './honored.js';
import { checkLoop, NO_LOOP } from './linkLoop.js';
import { takesLists } from './lists.js';
import { mayTry, onRefusal } from './refusals.js';
import type { SearchRow } from './resourceRow.js';
import { readAnswer } from './searchPage.js';
import type { SearchParameters, Source, SourceAnswer } from './source.js';

/** Characters of ids in one search: a URL of 2,000 characters is taken everywhere. */
const MAX_CHARACTERS = 1500;
const PARALLEL_SEARCHES = 2;

/** A row that has the id by which it was asked for. */
export type IdentifiedRow = SearchRow & { readonly id: string };

export interface IdSearch {
  /** What else the resources have to match. */
  search?: SearchParameters;
  /** Whether the resources are needed whole; else no more than their ids and `meta` are asked for. */
  isWhole?: boolean;
}

/**
 * Asks the source for resources of a type by their ids, as far as a search gives them.
 * @param ids each once
 * @throws ExportError `source-ignored-parameter` where the source gives others, or did not honor the search
 */
export async function searchByIds(
  source: Source,
  type: string,
  ids: readonly string[],
  { search = [], isWhole = false }: IdSearch = {},
): Promise<IdentifiedRow[]> {
  // Two `_id`s are an "and", which some sources do not know; here it is known beforehand.
  const wanted = search
    .filter(([name]) => name === '_id')
    .reduce((left, [, value]) => left.filter((id) => value.split(',').includes(id)), [...ids]);
  const others = search.filter(([name]) => name !== '_id');
  const isListed = wanted.length < 2 || (await takesIds(source, type, wanted));
  const asked = isListed ? chunks(wanted) : wanted.map((id) => [id]);
  const find = async (chunk: readonly string[]): Promise<IdentifiedRow[]> => {
    const rows: IdentifiedRow[] = [];
    await inBatches(chunk, chunk.length, async (some) => {
      rows.push(...(await searchChunk(source, type, some, others, isWhole)));
    });
    return rows;
  };
  const found = await pMap(asked, find, { concurrency: PARALLEL_SEARCHES });
  return found.flat();
}

/** Asks for batches of ids, and for the halves of one that the source refuses. */
export async function inBatches(
  ids: readonly string[],
  most: number,
  ask: (some: readonly string[]) => Promise<void>,
): Promise<void> {
  for (let start = 0; start < ids.length; start += most) {
    const some = ids.slice(start, start + most);
    try {
      await ask(some);
    } catch (error) {
      if (some.length === 1 || !mayTry('fewer ids', error)) throw error;
      await inBatches(some, Math.ceil(some.length / 2), ask);
    }
  }
}

/** Sources that have shown whether they take lists of ids for alternatives. */
const listed = new WeakMap<Source, Promise<boolean>>();

/** @param ids of resources that were seen just now */
export function takesIds(source: Source, type: string, ids: readonly string[]): Promise<boolean> {
  const known = listed.get(source) ?? takesLists(source, type, '_id', ids, []);
  listed.set(source, known);
  known.catch(() => listed.delete(source));
  return known;
}

/** Asks for ids, and again for those that are left where the source may have cut its page without a link to the rest. */
async function searchChunk(
  source: Source,
  type: string,
  ids: readonly string[],
  search: SearchParameters,
  isWhole: boolean,
): Promise<IdentifiedRow[]> {
  const rows: IdentifiedRow[] = [];
  for (let left = ids; ;) {
    const found = await searchOnce(source, type, left, search, isWhole);
    rows.push(...found.rows);
    const there = new Set(found.rows.map(({ id }) => id));
    left = left.filter((id) => !there.has(id));
    if (!found.mayBeCut || left.length === 0) return rows;
  }
}

/** Most resources that a source has given on a page: shorter pages are not cut. */
const largestPages = new WeakMap<Source, number>();

async function searchOnce(
  source: Source,
  type: string,
  ids: readonly string[],
  search: SearchParameters,
  isWhole: boolean,
): Promise<{ rows: IdentifiedRow[]; mayBeCut: boolean }> {
  const asked: SearchParameters = [...search, ['_id', ids.join(',')]];
  const wanted = new Set(ids);
  const rows: IdentifiedRow[] = [];
  const parameters: SearchParameters = [...asked, ['_count', String(ids.length)]];
  let answer = await (isWhole ? source.search(type, parameters) : searchBriefly(source, type, parameters));
  for (let loop = NO_LOOP; ;) {
    const page = readAnswer(answer, type);
    const missing = page.self === undefined || loop !== NO_LOOP ? undefined : missingInSelf(asked, page.self);
    if (missing !== undefined) throw ignored(type, missing);
    for (const row of page.rows) {
      if (!isIdentified(row) || !wanted.has(row.id)) throw ignored(type, '_id');
      rows.push(row);
    }
    const size = page.rows.length;
    const largest = largestPages.get(source) ?? 0;
    largestPages.set(source, Math.max(largest, size));
    if (page.next === undefined) {
      const isAll = loop !== NO_LOOP || (page.total === undefined ? size < largest : page.total <= size);
      return { rows, mayBeCut: !isAll && size > 0 };
    }
    // A source may give one a page.
    loop = checkLoop(loop, page.next, type, ids.length + 1);
    answer = await source.follow(page.next);
  }
}

function isIdentified(row: SearchRow): row is IdentifiedRow {
  return row.id !== undefined;
}

/** Asks for id and `meta` alone where the source knows how to, since that is all that is looked at. */
function searchBriefly(source: Source, type: string, parameters: SearchParameters): Promise<SourceAnswer> {
  return source
    .search(type, [...parameters, ['_elements', 'id,meta']])
    .catch(onRefusal('other search', () => source.search(type, parameters)));
}

function chunks(ids: readonly string[]): string[][] {
  const all: string[][] = [];
  let characters = Number.POSITIVE_INFINITY;
  for (const id of ids) {
    characters += id.length + 3;
    if (characters > MAX_CHARACTERS) {
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
    `The source ignored ${name} in a search for ${type} by _id, so it is not known which resources are exported already. Check the source's search on ${name}; one filter of _typeFilter per type does without.`,
  );
}
