import { ExportError } from '../../functions/common/errors.js';
import { parseInstant } from '../../functions/fhir/instant.js';
import type { SearchParameters, Source, SourceAnswer } from '../../functions/export/source/source.js';

/** A resource of the simulated source: its `tags` are what filters search by. */
export interface Stored {
  id: string;
  /** Milliseconds since the epoch. */
  at: number;
  tags: string[];
  version: number;
}

/** An entry of the simulated source's history. */
interface Version {
  id: string;
  at: number;
  isDeletion: boolean;
}

/** How the simulated source behaves; by default as it should. */
export interface Behaviour {
  /** Parameters that are left out of every search, and of the self link. */
  ignores?: readonly string[];
  /** Whether the self link still names them. */
  hidesIgnored?: boolean;
  /** Parameters for which a search is refused. */
  refuses?: readonly string[];
  hasSelf?: boolean;
  countsAtAll?: boolean;
  /** Largest page. */
  mostPerPage?: number;
  /** Digits of a second that its searches distinguish. */
  searchDigits?: 0 | 3;
  /** What its bounds leave out, as the sample source's behaviour of this name. */
  inexact?: Inexact | undefined;
  /** Whether a page has a total. */
  hasTotals?: boolean;
  /** Whether a page has a next link. */
  hasLinks?: boolean;
}

/** Bounds that leave out resources that they should give. */
export const INEXACT = ['ge-skips-second', 'lt-skips-second', 'lt-skips-millisecond'] as const;
type Inexact = (typeof INEXACT)[number];

/** A FHIR server of one type in memory that pages by offset, changes on request and keeps a history. */
export class SimulatedSource implements Source {
  readonly rows: Stored[] = [];
  readonly versions: Version[] = [];
  /** Searches, counts among them, as queries. */
  readonly queries: string[] = [];
  readonly #behaviour: Behaviour;
  #versions = 0;
  /** Runs before each answer. */
  beforeAnswer: () => void = () => undefined;
  /** FHIR base, as its links have it. */
  base = 'http://source/fhir';

  constructor(
    readonly type: string,
    behaviour: Behaviour = {},
  ) {
    this.#behaviour = behaviour;
  }

  put(id: string, at: number, tags: string[]): void {
    const known = this.rows.find((row) => row.id === id);
    if (known === undefined) this.rows.push({ id, at, tags, version: this.#versions++ });
    else Object.assign(known, { at, tags, version: this.#versions++ });
    this.versions.unshift({ id, at, isDeletion: false });
  }

  delete(id: string, at: number): void {
    const index = this.rows.findIndex((row) => row.id === id);
    if (index < 0) return;
    this.rows.splice(index, 1);
    this.versions.unshift({ id, at, isDeletion: true });
  }

  search(type: string, parameters: SearchParameters): Promise<SourceAnswer> {
    const query = new URLSearchParams(parameters.map(([name, value]): [string, string] => [name, value]));
    return this.#answer(type, query);
  }

  follow(url: string): Promise<SourceAnswer> {
    const { pathname, searchParams } = new URL(url, `${this.base}/`);
    return pathname.endsWith('/_history')
      ? this.typeHistory(this.type, [...searchParams])
      : this.#answer(this.type, searchParams);
  }

  read(): Promise<SourceAnswer | undefined> {
    return Promise.reject(new Error('not asked for here'));
  }

  capabilities(): Promise<SourceAnswer> {
    return Promise.reject(new Error('not asked for here'));
  }

  typeHistory(type: string, parameters: SearchParameters): Promise<SourceAnswer> {
    this.beforeAnswer();
    const query = new URLSearchParams(parameters.map(([name, value]): [string, string] => [name, value]));
    if (this.#behaviour.refuses?.some((name) => query.has(name)) === true) {
      return Promise.reject(new ExportError('source-refused', 'refused'));
    }
    const since = Date.parse(query.get('_since') ?? '1970-01-01T00:00:00Z');
    const all = this.versions.filter(({ at }) => at >= since);
    // New entries come at the front: a page is counted from the end, so that nothing moves.
    const end = Number(query.get('_end') ?? all.length);
    const begin = all.length - end;
    const size = Math.min(this.#behaviour.mostPerPage ?? 1000, Number(query.get('_count') ?? 100));
    const page = all.slice(begin, begin + size);
    const next = new URLSearchParams(query);
    next.set('_end', String(end - page.length));
    return this.#toAnswer({
      resourceType: 'Bundle',
      type: 'history',
      ...(this.#behaviour.hasTotals === false ? {} : { total: all.length }),
      link:
        end - page.length > 0 && this.#behaviour.hasLinks !== false
          ? [{ relation: 'next', url: `${this.base}/${type}/_history?${next.toString()}` }]
          : [],
      entry: page.map(({ id, at, isDeletion }) => ({
        fullUrl: `${this.base}/${type}/${id}`,
        request: { method: isDeletion ? 'DELETE' : 'PUT', url: `${type}/${id}` },
        response: { status: '200', lastModified: new Date(at).toISOString() },
        ...(isDeletion ? {} : { resource: { resourceType: type, id } }),
      })),
    });
  }

  #answer(type: string, query: URLSearchParams): Promise<SourceAnswer> {
    this.beforeAnswer();
    const {
      ignores = [],
      hidesIgnored = false,
      refuses = [],
      hasSelf = true,
      countsAtAll = true,
      mostPerPage = 1000,
      hasLinks = true,
    } = this.#behaviour;
    this.queries.push(query.toString());
    if (refuses.some((name) => query.has(name))) {
      return Promise.reject(new ExportError('source-refused', 'refused'));
    }
    const honored = new URLSearchParams([...query].filter(([name]) => !ignores.includes(name)));
    const found = this.rows.filter(this.#matcher(honored));
    const sort = honored.get('_sort');
    if (sort !== null) found.sort((a, b) => (sort.startsWith('-') ? b.at - a.at : a.at - b.at));
    const isCount = honored.get('_summary') === 'count';
    const offset = Number(honored.get('_offset') ?? 0);
    const size = Math.min(mostPerPage, Number(honored.get('_count') ?? mostPerPage));
    const next = new URLSearchParams(honored);
    next.set('_offset', String(offset + size));
    const self = hidesIgnored ? query : honored;
    return this.#toAnswer({
      resourceType: 'Bundle',
      type: 'searchset',
      ...(countsAtAll && (isCount || this.#behaviour.hasTotals !== false) ? { total: found.length } : {}),
      link: [
        ...(hasSelf ? [{ relation: 'self', url: `${this.base}/${type}?${self.toString()}` }] : []),
        ...(hasLinks && !isCount && offset + size < found.length
          ? [{ relation: 'next', url: `${this.base}/${type}?${next.toString()}` }]
          : []),
      ],
      entry: isCount
        ? []
        : found.slice(offset, offset + size).map((row) => ({ resource: this.#toResource(type, row) })),
    });
  }

  #toResource(type: string, { id, at, tags, version }: Stored): object {
    const meta = { versionId: String(version), lastUpdated: new Date(at).toISOString() };
    return { resourceType: type, id, meta, identifier: tags.map((value) => ({ value })) };
  }

  #toAnswer(body: object): Promise<SourceAnswer> {
    return Promise.resolve({ body: Buffer.from(JSON.stringify(body)), date: undefined });
  }

  /** Whether a resource is found by a query. */
  #matcher(query: URLSearchParams): (row: Stored) => boolean {
    const tests = [...query].map(([name, value]): ((row: Stored) => boolean) => {
      const values = value.split(',');
      if (name === '_id') return ({ id }) => values.includes(id);
      if (name === 'tag') return ({ tags }) => values.some((tag) => tags.includes(tag));
      if (name !== '_lastUpdated') return () => true;
      const { seconds = Number.NaN, fraction = '' } = parseInstant(value.slice(2)) ?? {};
      const bound =
        seconds * 1000 + (this.#behaviour.searchDigits === 0 ? 0 : Number(`0.${fraction}`) * 1000);
      const { inexact } = this.#behaviour;
      const skipped = inexact === 'lt-skips-second' ? 1000 : inexact === 'lt-skips-millisecond' ? 1 : 0;
      switch (value.slice(0, 2)) {
        case 'ge': {
          const from = inexact === 'ge-skips-second' ? Math.floor(bound / 1000) * 1000 + 1000 : bound;
          return ({ at }) => at >= from;
        }
        case 'gt':
          return ({ at }) => at > bound + (inexact === 'lt-skips-second' ? 1000 : 0);
        case 'le':
          return ({ at }) => at <= bound;
        default:
          return ({ at }) => at < bound - skipped;
      }
    });
    return (row) => tests.every((test) => test(row));
  }
}
