import type { SearchParameters, Source, SourceAnswer } from '../../functions/export/source/source.js';

/**
 * A FHIR server of one type with very many resources that are computed and not kept: resource `n` was updated `stepMs`
 * after resource `n - 1`. It honors `_sort`, bounds to the millisecond, counts, and links; its requests are counted.
 */
export class EvenSource implements Source {
  requests = 0;
  readonly #count: number;
  readonly #begin: number;
  readonly #stepMs: number;

  constructor(count: number, begin: number, stepMs: number) {
    this.#count = count;
    this.#begin = begin;
    this.#stepMs = stepMs;
  }

  search(type: string, parameters: SearchParameters): Promise<SourceAnswer> {
    return this.#answer(
      type,
      new URLSearchParams(parameters.map(([name, value]): [string, string] => [name, value])),
    );
  }

  follow(url: string): Promise<SourceAnswer> {
    const { pathname, searchParams } = new URL(url, 'http://source/fhir/');
    return this.#answer(pathname.slice(pathname.lastIndexOf('/') + 1), searchParams);
  }

  typeHistory = notAsked;
  read = notAsked;
  capabilities = notAsked;

  #answer(type: string, query: URLSearchParams): Promise<SourceAnswer> {
    this.requests++;
    let [first, end] = [0, this.#count];
    for (const bound of query.getAll('_lastUpdated')) {
      const place = (Date.parse(bound.slice(2)) - this.#begin) / this.#stepMs;
      if (bound.startsWith('ge')) first = Math.max(first, Math.ceil(place));
      else if (bound.startsWith('gt')) first = Math.max(first, Math.floor(place) + 1);
      else if (bound.startsWith('le')) end = Math.min(end, Math.floor(place) + 1);
      else end = Math.min(end, Math.ceil(place));
    }
    const total = Math.max(0, end - first);
    const isCount = query.get('_summary') === 'count';
    const size = isCount ? 0 : Math.min(total, Number(query.get('_count') ?? 1000));
    const offset = Number(query.get('_offset') ?? 0);
    const isDescending = query.get('_sort')?.startsWith('-') === true;
    const entry = Array.from({ length: Math.max(0, Math.min(size, total - offset)) }, (_, index) => {
      const row = isDescending ? end - 1 - offset - index : first + offset + index;
      const lastUpdated = new Date(this.#begin + row * this.#stepMs).toISOString();
      return { resource: { resourceType: type, id: `r${row}`, meta: { lastUpdated } } };
    });
    const next = new URLSearchParams(query);
    next.set('_offset', String(offset + size));
    const link = [{ relation: 'self', url: `http://source/fhir/${type}?${query.toString()}` }];
    if (!isCount && offset + size < total) {
      link.push({ relation: 'next', url: `http://source/fhir/${type}?${next.toString()}` });
    }
    const bundle = { resourceType: 'Bundle', type: 'searchset', total, link, entry };
    return Promise.resolve({ body: Buffer.from(JSON.stringify(bundle)), date: undefined });
  }
}

function notAsked(): Promise<never> {
  return Promise.reject(new Error('not asked for here'));
}
