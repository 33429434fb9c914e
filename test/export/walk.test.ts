import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseInstant } from '../../functions/export/instant.js';
import type { SearchPage, SearchRow } from '../../functions/export/searchPage.js';
import { type Cursor, Walk, type Window } from '../../functions/export/walk.js';

interface Stored {
  id: string;
  lastUpdated: number;
}

/** How a simulated server behaves. */
interface Behaviour {
  sorts: boolean;
  knowsLastUpdated: boolean;
  refusesUnknown: boolean;
  maxCount: number;
}

const TRANSACTION = 1_000_000;
const SEED = 20_261_121;

/** A server that pages by offset: a row that leaves a window moves the others up. */
class OffsetServer {
  readonly #rows: Stored[];
  readonly #behaviour: Behaviour;

  constructor(rows: Stored[], behaviour: Behaviour) {
    this.#rows = rows;
    this.#behaviour = behaviour;
  }

  update(index: number, at: number): void {
    const row = this.#rows[index % Math.max(1, this.#rows.length)];
    if (row !== undefined) row.lastUpdated = at;
  }

  get state(): Map<string, number> {
    return new Map(this.#rows.map(({ id, lastUpdated }) => [id, lastUpdated]));
  }

  /** The answer to a query: a page, a count, or `undefined` for a refusal. */
  answer(query: URLSearchParams): SearchPage | undefined {
    const { sorts, knowsLastUpdated, refusesUnknown, maxCount } = this.#behaviour;
    const known = (name: string): boolean =>
      name === '_sort' ? sorts : name === '_lastUpdated' ? knowsLastUpdated : true;
    if (refusesUnknown && [...query.keys()].some((name) => !known(name))) return undefined;
    let rows = [...this.#rows];
    if (knowsLastUpdated) {
      for (const bound of query.getAll('_lastUpdated')) {
        const value = Date.parse(bound.slice(2));
        const prefix = bound.slice(0, 2);
        rows = rows.filter(({ lastUpdated: at }) =>
          prefix === 'ge'
            ? at >= value
            : prefix === 'gt'
              ? at > value
              : prefix === 'le'
                ? at <= value
                : at < value,
        );
      }
    }
    if (sorts && query.has('_sort')) rows.sort((a, b) => a.lastUpdated - b.lastUpdated);
    const offset = Number(query.get('_offset') ?? 0);
    const count = Math.min(maxCount, Number(query.get('_count') ?? maxCount));
    const honoured = new URLSearchParams([...query].filter(([name]) => known(name)));
    const next = new URLSearchParams(honoured);
    next.set('_offset', String(offset + count));
    return {
      rows: query.get('_summary') === 'count' ? [] : rows.slice(offset, offset + count).map(toRow),
      total: rows.length,
      self: `http://source/fhir/Observation?${honoured.toString()}`,
      next: offset + count < rows.length ? `http://source/fhir/Observation?${next.toString()}` : undefined,
    };
  }
}

function toRow({ id, lastUpdated }: Stored): SearchRow {
  const text = new Date(lastUpdated).toISOString();
  return {
    resource: { resourceType: 'Observation', id, meta: { lastUpdated: text } },
    id,
    lastUpdated: parseInstant(text),
  };
}

/** Walks a window to its end; `between` runs before each request. Goes through a checkpoint every few pages. */
function walkAll(server: OffsetServer, window: Window, pageSize: number, between: () => void): string[] {
  const ids: string[] = [];
  let walk = new Walk(window, { pageSize });
  for (let requests = 1; !walk.isDone; requests++) {
    if (requests > 10_000) throw new Error('the walk does not end');
    between();
    const request = walk.request();
    const query =
      request.kind === 'link'
        ? new URL(request.url).searchParams
        : new URLSearchParams(request.parameters.map(([name, value]): [string, string] => [name, value]));
    const page = server.answer(query);
    if (page === undefined) {
      if (!walk.acceptRefusal(50)) throw new Error('the source refuses everything');
    } else if (request.kind === 'count') {
      walk.acceptCount(page.total);
    } else {
      for (const { id } of walk.acceptPage(page)) ids.push(id ?? '');
    }
    if (!walk.isDone && requests % 3 === 0) {
      walk = new Walk(window, JSON.parse(JSON.stringify(walk.checkpoint())) as Cursor);
    }
  }
  return ids;
}

function windowOf(from: number | undefined, until: number): Window {
  return {
    type: 'Observation',
    from: from === undefined ? undefined : new Date(from).toISOString(),
    until: new Date(until).toISOString(),
  };
}

describe('a walk over a source that pages by offset', () => {
  it(`loses and doubles nothing while resources are updated between pages (seed ${SEED})`, () => {
    fc.assert(
      fc.property(
        // Few distinct instants, so that many rows share one.
        fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 20, maxLength: 80 }),
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.option(fc.nat(200)), { maxLength: 80 }),
        (instants, pageSize, updates) => {
          const server = new OffsetServer(
            instants.map((at, index) => ({ id: `r${index}`, lastUpdated: at * 1000 })),
            { sorts: true, knowsLastUpdated: true, refusesUnknown: true, maxCount: 1000 },
          );
          let clock = TRANSACTION;
          const queue = [...updates];
          const first = walkAll(server, windowOf(undefined, TRANSACTION), pageSize, () => {
            const index = queue.shift();
            if (index !== undefined && index !== null) server.update(index, ++clock);
          });
          expect(new Set(first).size).toBe(first.length);
          const second = walkAll(server, windowOf(TRANSACTION, clock + 1), pageSize, () => undefined);
          expect(new Set(second).size).toBe(second.length);
          // A resource that changed after the transaction time comes with the next export, by `_since`.
          expect([...new Set([...first, ...second])].sort()).toEqual([...server.state.keys()].sort());
          for (const [id, lastUpdated] of server.state) {
            expect(lastUpdated >= TRANSACTION ? second : first).toContain(id);
          }
        },
      ),
      { numRuns: 2000, seed: SEED },
    );
  });

  it.each([
    ['sorts and bounds', { sorts: true, knowsLastUpdated: true, refusesUnknown: true, maxCount: 1000 }],
    ['caps the page size', { sorts: true, knowsLastUpdated: true, refusesUnknown: true, maxCount: 3 }],
    ['refuses _sort', { sorts: false, knowsLastUpdated: true, refusesUnknown: true, maxCount: 1000 }],
    ['ignores _sort', { sorts: false, knowsLastUpdated: true, refusesUnknown: false, maxCount: 1000 }],
    ['refuses _lastUpdated', { sorts: false, knowsLastUpdated: false, refusesUnknown: true, maxCount: 1000 }],
    ['ignores _lastUpdated', { sorts: true, knowsLastUpdated: false, refusesUnknown: false, maxCount: 1000 }],
  ] satisfies Array<[string, Behaviour]>)(
    'exports just the window from a source that %s',
    (_name, behaviour) => {
      const rows = Array.from({ length: 47 }, (_, index) => ({
        id: `r${index}`,
        lastUpdated: ((index * 7) % 47) * 1000,
      }));
      const ids = walkAll(new OffsetServer(rows, behaviour), windowOf(5000, 40_000), 10, () => undefined);
      const expected = rows.filter(({ lastUpdated }) => lastUpdated >= 5000 && lastUpdated < 40_000);
      expect(ids.sort()).toEqual(expected.map(({ id }) => id).sort());
    },
  );
});

describe('a walk is refused, with words that say what to do', () => {
  const page = (rows: Stored[], more: Partial<SearchPage> = {}): SearchPage => ({
    rows: rows.map(toRow),
    total: undefined,
    self: undefined,
    next: undefined,
    ...more,
  });

  it('where the source stops sorting', () => {
    const walk = new Walk(windowOf(undefined, TRANSACTION), { pageSize: 2 });
    walk.acceptPage(
      page([
        { id: 'a', lastUpdated: 1000 },
        { id: 'b', lastUpdated: 2000 },
      ]),
    );
    const unsorted = page([
      { id: 'd', lastUpdated: 4000 },
      { id: 'c', lastUpdated: 3000 },
    ]);
    expect(() => walk.acceptPage(unsorted)).toThrow(/ignored _sort in a search for Observation/);
  });

  it('where the source ignores the lower bound', () => {
    const walk = new Walk(windowOf(undefined, TRANSACTION), { pageSize: 2 });
    const first = page([
      { id: 'a', lastUpdated: 1000 },
      { id: 'b', lastUpdated: 2000 },
    ]);
    walk.acceptPage(first);
    expect(() => walk.acceptPage(first)).toThrow(/ignored _lastUpdated/);
  });

  it('where next links lead in a circle', () => {
    const walk = new Walk(windowOf(undefined, TRANSACTION), { pageSize: 2 });
    walk.acceptRefusal(50);
    const follow = (next: string): void =>
      void walk.acceptPage(page([{ id: next, lastUpdated: 1000 }], { next }));
    expect(() => {
      for (let n = 0; n < 100; n++) follow(`http://source/fhir?page=${n % 7}`);
    }).toThrow(/lead back to a page/);
  });

  it('where the source cannot count the rows that share one instant', () => {
    const walk = new Walk(windowOf(undefined, TRANSACTION), { pageSize: 2 });
    walk.acceptPage(
      page([
        { id: 'a', lastUpdated: 1000 },
        { id: 'b', lastUpdated: 1000 },
      ]),
    );
    expect(walk.request().kind).toBe('count');
    expect(() => walk.acceptCount(undefined)).toThrow(/Raise PAGE_SIZE/);
  });

  it('where _since is asked and a resource does not tell when it was updated', () => {
    const walk = new Walk(windowOf(1000, TRANSACTION), { pageSize: 2 });
    walk.acceptRefusal(50);
    const untold: SearchRow = { resource: { resourceType: 'Observation' }, id: 'a', lastUpdated: undefined };
    expect(() => walk.acceptPage({ ...page([]), rows: [untold] })).toThrow(/meta\.lastUpdated/);
  });
});
