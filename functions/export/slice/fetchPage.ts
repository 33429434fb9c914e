import { ExportError } from '../../common/errors.js';
import type { Companions } from '../selection/companions.js';
import { count } from '../source/count.js';
import { mayTry } from '../source/refusals.js';
import { type PageWithIncludes, readAnswer } from '../source/searchPage.js';
import type { Source, SourceAnswer } from '../source/source.js';
import type { Walk } from '../walk/walk.js';

/** Below this page size a source's refusal is taken to be about something else than the size. */
const SMALLEST_TRIED_PAGE = 50;

export interface FetchedPage {
  page: PageWithIncludes;
  size: number;
  /** Whether it was asked for by a form. */
  isForm: boolean;
}

/** In place of a page that a walk does not need. */
const NO_PAGE: FetchedPage = {
  page: { rows: [], included: [], isCut: false, total: 0, next: undefined, self: undefined },
  size: 0,
  isForm: false,
};

/**
 * Asks until there is a page: counts what has to be counted, asks for less where the source refuses.
 * @param isLinkOurs whether a next link was given in this slice, so that to do the slice again gives another one
 */
export async function fetchPage(
  walk: Walk,
  type: string,
  source: Source,
  companions: Companions | undefined,
  isLinkOurs: boolean,
): Promise<FetchedPage> {
  const read = (answer: SourceAnswer): FetchedPage => {
    const page = readAnswer(answer, type, companions?.type);
    if (page.isCut && companions !== undefined) throw cut(type, companions.type);
    return { page, size: answer.body.length, isForm: answer.isForm === true };
  };
  for (;;) {
    const request = walk.request();
    try {
      switch (request.kind) {
        case 'link':
          return read(await source.follow(request.url));
        case 'search':
          return read(await source.search(type, [...request.parameters, ...(companions?.parameters ?? [])]));
        case 'count':
          walk.acceptCount(await count(source, type, request.parameters));
          if (walk.isDone) return NO_PAGE;
      }
    } catch (error) {
      if (!(error instanceof ExportError) || request.kind === 'count') throw error;
      const asksForLess =
        (mayTry('other search', error) && walk.acceptRefusal(SMALLEST_TRIED_PAGE)) ||
        (mayTry('smaller page', error) && walk.halvePage());
      if (asksForLess) continue;
      const retryable = error.retryable || (error.code === 'source-link-expired' && isLinkOurs);
      throw aboutSearch(error, retryable, type, walk.hasParameters);
    }
  }
}

/** With half of the page, half as much comes along. */
function cut(type: string, companion: string): ExportError {
  return new ExportError(
    'source-page-too-large',
    `The source sends along only a part of the ${companion} resources of a page of ${type}. Set PAGE_SIZE lower, or leave ${companion} out with _type.`,
  );
}

function aboutSearch(
  { code, message }: ExportError,
  retryable: boolean,
  type: string,
  hasParameters: boolean,
): ExportError {
  const hint =
    code === 'source-refused' && hasParameters
      ? ' with search parameters of the request: it may not support one of them in _typeFilter'
      : '';
  return new ExportError(code, `${message} (It was asked for ${type}${hint}.)`, retryable);
}
