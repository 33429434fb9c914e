import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseInstant } from '../../../functions/fhir/instant.js';
import type { SearchRow } from '../../../functions/export/source/resourceRow.js';
import type { SearchPage } from '../../../functions/export/source/searchPage.js';
import type { Cursor } from '../../../functions/export/walk/cursor.js';
import { Walk } from '../../../functions/export/walk/walk.js';
import type { Window } from '../../../functions/export/walk/window.js';
import { randomly, SEED } from '../../random.js';

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
  /** Whether pages have next links; default true. */
  links?: boolean;
  /** A page without any row, and with a next link, before every page. */
  emptyPages?: boolean;
  /** `meta.lastUpdated` without the fraction where that is zero, and the whole second searched for then. */
  seconds?: boolean;
  /** Whether its self link names what it does not know. */
  hidesIgnored?: boolean;
  /** Whether a page gives the number of all rows; default true. */
  totals?: boolean;
  /** Whether some rows come once more behind all others, as for another version of theirs. */
  repeats?: boolean;
  /** How often, in requests, rows that share a moment come in another order. */
  shufflesEvery?: number;
}

const TRANSACTION = 1_000_000;

/** A server that pages by offset: a row that leaves a window moves the others up. */
class OffsetServer {
  readonly #rows: Stored[];
  readonly #behaviour: Behaviour;
  #requests = 0;

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
    const {
      sorts,
      knowsLastUpdated,
      refusesUnknown,
      maxCount,
      links = true,
      emptyPages = false,
      seconds = false,
      hidesIgnored = false,
      totals = true,
      repeats = false,
    } = this.#behaviour;
    const known = (name: string): boolean =>
      name === '_sort' ? sorts : name === '_lastUpdated' ? knowsLastUpdated : true;
    if (refusesUnknown && [...query.keys()].some((name) => !known(name))) return undefined;
    let rows = [...this.#rows];
    if (knowsLastUpdated) {
      for (const bound of query.getAll('_lastUpdated')) {
        const value = Date.parse(bound.slice(2));
        // A value without a fraction means its whole second.
        const end = value + (bound.includes('.') ? 0 : 999);
        const prefix = bound.slice(0, 2);
        rows = rows.filter(({ lastUpdated: at }) =>
          prefix === 'ge'
            ? at >= value
            : prefix === 'gt'
              ? at > end
              : prefix === 'le'
                ? at <= end
                : at < value,
        );
      }
    }
    const direction = query.get('_sort')?.startsWith('-') === true ? -1 : 1;
    const { shufflesEvery } = this.#behaviour;
    if (shufflesEvery !== undefined && ++this.#requests % shufflesEvery === 0) {
      // Any other order that is as good, as far as the server's promises go.
      this.#rows.push(...this.#rows.splice(0, 1 + (this.#requests % 7)));
      rows = this.#rows.filter((row) => rows.includes(row));
    }
    if (sorts && query.has('_sort')) rows.sort((a, b) => direction * (a.lastUpdated - b.lastUpdated));
    if (repeats) rows.push(...rows.filter((_, index) => index % 5 === 0));
    const offset = Number(query.get('_offset') ?? 0);
    const count = Math.min(maxCount, Number(query.get('_count') ?? maxCount));
    const honoured = new URLSearchParams([...query].filter(([name]) => hidesIgnored || known(name)));
    const isEmpty = emptyPages && !query.has('_filled') && query.get('_summary') !== 'count';
    const end = isEmpty ? offset : offset + count;
    const next = new URLSearchParams(honoured);
    next.set('_offset', String(end));
    next.delete('_filled');
    if (isEmpty) next.set('_filled', 'true');
    return {
      rows:
        query.get('_summary') === 'count' ? [] : rows.slice(offset, end).map((row) => toRow(row, seconds)),
      total: totals || query.has('_summary') ? rows.length : undefined,
      self: `http://source/fhir/Observation?${honoured.toString()}`,
      next: links && end < rows.length ? `http://source/fhir/Observation?${next.toString()}` : undefined,
    };
  }
}

function toRow({ id, lastUpdated }: Stored, seconds = false): SearchRow {
  const iso = new Date(lastUpdated).toISOString();
  const text = seconds ? iso.replace('.000Z', 'Z') : iso;
  return {
    resource: () => ({ resourceType: 'Observation', id, meta: { lastUpdated: text } }),
    json: undefined,
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
    if (request.kind === 'count') query.set('_summary', 'count');
    const answer = server.answer(query);
    if (answer === undefined) {
      if (!walk.acceptRefusal(50)) throw new Error('the source refuses everything');
    } else if (request.kind === 'count') {
      walk.acceptCount(answer.total);
    } else {
      for (const { id } of walk.acceptPage(answer)) ids.push(id ?? '');
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

function page(rows: Stored[], more: Partial<SearchPage> = {}): SearchPage {
  return {
    rows: rows.map((row) => toRow(row)),
    total: undefined,
    self: undefined,
    next: undefined,
    ...more,
  };
}

/** A walk whose source has given its latest row. */
function startedWalk(pageSize: number, latest: number, window = windowOf(undefined, TRANSACTION)): Walk {
  const walk = new Walk(window, { pageSize });
  walk.acceptPage(page([{ id: 'latest', lastUpdated: latest }]));
  return walk;
}

describe('rows that a page repeats', () => {
  const rows = (from: number, to: number): Stored[] =>
    Array.from({ length: to - from }, (_, index) => ({
      id: `r${from + index}`,
      lastUpdated: (from + index) * 1000,
    }));

  it('are no sign of the order, on no page, and are given once', () => {
    const walk = startedWalk(4, 9000);
    const given = [
      ...walk.acceptPage(page([...rows(0, 4), ...rows(0, 2)])),
      ...walk.acceptPage(page([...rows(3, 7), ...rows(3, 5)])),
      // As many rows as were asked for, most of them repeats: more may follow.
      ...walk.acceptPage(page([...rows(6, 9), ...rows(6, 7)])),
      ...walk.acceptPage(page(rows(8, 10))),
    ];
    // A page shorter than asked, without a link and a total, is the last one if no more are counted.
    expect([walk.isDone, walk.request().kind]).toEqual([false, 'count']);
    walk.acceptCount(2);
    expect(walk.isDone).toBe(true);
    expect(given.map(({ id }) => id)).toEqual(rows(0, 10).map(({ id }) => id));
  });

  it('do not hide that a source does not sort', () => {
    const walk = startedWalk(4, 9000);
    walk.acceptPage(page(rows(0, 4)));
    expect(() => walk.acceptPage(page([...rows(5, 8), ...rows(4, 5)]))).toThrow(/_sort/);
  });
});

describe('a walk over a source that pages by offset', () => {
  it(`loses and doubles nothing while resources are updated between pages (TEST_SEED=${SEED})`, () => {
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
      randomly(2000),
    );
  });

  it('whose order within a moment changes between pages loses and doubles nothing, or is refused', () => {
    let complete = 0;
    let refused = 0;
    for (let shufflesEvery = 1; shufflesEvery <= 40; shufflesEvery++) {
      for (let pageSize = 1; pageSize <= 10; pageSize++) {
        const rows = Array.from({ length: 37 }, (_, index) => ({
          id: `r${index}`,
          lastUpdated: Math.floor(index / 12) * 1000,
        }));
        const behaviour = {
          sorts: true,
          knowsLastUpdated: true,
          refusesUnknown: true,
          // A source that gives all rows of a moment at once has no order to change.
          maxCount: pageSize,
          shufflesEvery,
        };
        const server = new OffsetServer(rows, behaviour);
        try {
          const ids = walkAll(server, windowOf(undefined, TRANSACTION), pageSize, () => undefined);
          expect(ids.sort()).toEqual([...server.state.keys()].sort());
          complete++;
        } catch (error) {
          expect(error).toMatchObject({ code: 'source-unverifiable' });
          refused++;
        }
      }
    }
    expect(complete).toBeGreaterThan(100);
    expect(refused).toBeGreaterThan(0);
  });

  it.each([
    ['sorts and bounds', { sorts: true, knowsLastUpdated: true, refusesUnknown: true, maxCount: 1000 }],
    ['caps the page size', { sorts: true, knowsLastUpdated: true, refusesUnknown: true, maxCount: 3 }],
    ['refuses _sort', { sorts: false, knowsLastUpdated: true, refusesUnknown: true, maxCount: 1000 }],
    ['ignores _sort', { sorts: false, knowsLastUpdated: true, refusesUnknown: false, maxCount: 1000 }],
    ['refuses _lastUpdated', { sorts: false, knowsLastUpdated: false, refusesUnknown: true, maxCount: 1000 }],
    ['ignores _lastUpdated', { sorts: true, knowsLastUpdated: false, refusesUnknown: false, maxCount: 1000 }],
    [
      'caps the page size and has no next links',
      { sorts: true, knowsLastUpdated: true, refusesUnknown: true, maxCount: 3, links: false },
    ],
    [
      'does not sort and gives some again on a later page',
      { sorts: false, knowsLastUpdated: true, refusesUnknown: true, maxCount: 3, repeats: true },
    ],
    [
      'has pages without a resource among others',
      { sorts: true, knowsLastUpdated: true, refusesUnknown: true, maxCount: 3, emptyPages: true },
    ],
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

  it(`is exact or refused where the source ignores parameters its self link names (TEST_SEED=${SEED})`, () => {
    let refused = 0;
    let exact = 0;
    fc.assert(
      fc.property(
        // In the order of the store, which is often that of the age for a page or two.
        fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 30 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 9 }),
        fc.record({
          sorts: fc.boolean(),
          knowsLastUpdated: fc.boolean(),
          links: fc.boolean(),
          totals: fc.boolean(),
        }),
        (instants, isSortedAtFirst, pageSize, behaviour) => {
          const half = Math.floor(instants.length / 2);
          const ordered = isSortedAtFirst
            ? [...instants.slice(0, half).sort((a, b) => a - b), ...instants.slice(half)]
            : instants;
          const rows = ordered.map((at, index) => ({ id: `r${index}`, lastUpdated: at * 1000 }));
          const expected = rows
            .filter(({ lastUpdated }) => lastUpdated >= 3000 && lastUpdated < 10_000)
            .map(({ id }) => id);
          const server = new OffsetServer(rows, {
            refusesUnknown: false,
            hidesIgnored: true,
            maxCount: 1000,
            ...behaviour,
          });
          let ids: string[];
          try {
            ids = walkAll(server, windowOf(3000, 10_000), pageSize, () => undefined);
          } catch (error) {
            expect(error).toMatchObject({ code: /^source-(ignored-parameter|unverifiable)$/ });
            refused++;
            return;
          }
          exact++;
          expect(ids.sort()).toEqual(expected.sort());
        },
      ),
      randomly(3000),
    );
    expect(refused).toBeGreaterThan(0);
    expect(exact).toBeGreaterThan(refused);
  });

  it('distinguishes a moment from its second where many resources share it', () => {
    const rows = Array.from({ length: 12 }, (_, index) => ({
      id: `r${index}`,
      lastUpdated: index < 6 ? 1000 : 1000 + index,
    }));
    const behaviour = {
      sorts: true,
      knowsLastUpdated: true,
      refusesUnknown: true,
      maxCount: 100,
      seconds: true,
    };
    const ids = walkAll(new OffsetServer(rows, behaviour), windowOf(1000, 40_000), 2, () => undefined);
    expect(ids.sort()).toEqual(rows.map(({ id }) => id).sort());
  });
});

describe('what a source says it did with a search', () => {
  const SORTED = [
    { id: 'a', lastUpdated: 1000 },
    { id: 'b', lastUpdated: 2000 },
  ];
  const [FIRST, ...OTHERS] = [
    '_sort=_lastUpdated&_lastUpdated=lt1970-01-01T00:16:40.000Z',
    '_lastUpdated=lt1970-01-01T00:16:40.000Z',
    '_sort=_lastUpdated',
    '',
  ];
  const secondRequest = (self: string | undefined, rows = SORTED): string => {
    const walk = startedWalk(2, 2000);
    const url = self === undefined ? undefined : `http://source/fhir/Observation?${self}`;
    walk.acceptPage(page(rows, { next: 'http://source/fhir?page=2', self: url }));
    const request = walk.request();
    if (request.kind === 'link') return 'link';
    return request.parameters.map(([name, value]) => `${name}=${value}`).join('&');
  };
  const BY_KEY =
    '_sort=_lastUpdated&_lastUpdated=ge1970-01-01T00:00:02.000Z&_lastUpdated=lt1970-01-01T00:16:42.000Z&_count=2';

  it.each([[FIRST], [undefined]])('self link %s: continues by key', (self) => {
    expect(secondRequest(self)).toBe(BY_KEY);
  });

  it.each(OTHERS)('self link "%s": continues by its next link', (self) => {
    expect(secondRequest(self)).toBe('link');
  });

  it('is not believed where the page shows otherwise', () => {
    expect(secondRequest(FIRST, SORTED.toReversed())).toBe('link');
  });

  it('is not believed where the page has resources of before _since', () => {
    const walk = startedWalk(2, 6000, windowOf(5000, TRANSACTION));
    const before = [
      { id: 'a', lastUpdated: 2000 },
      { id: 'b', lastUpdated: 6000 },
    ];
    const rows = walk.acceptPage(page(before, { next: 'http://source/fhir?page=2' }));
    expect(rows.map(({ id }) => id)).toEqual(['b']);
    expect(walk.request().kind).toBe('link');
  });
});

describe('a page that is too large is asked for again with half the size', () => {
  const tied = [
    { id: 'a', lastUpdated: 1000 },
    { id: 'b', lastUpdated: 1000 },
    { id: 'c', lastUpdated: 1000 },
    { id: 'd', lastUpdated: 1000 },
  ];
  const next = 'http://source/fhir?page=2';

  it('by key', () => {
    const walk = startedWalk(4, 2000);
    expect(walk.halvePage()).toBe(true);
    const request = walk.request();
    expect(request.kind === 'search' && request.parameters.at(-1)).toEqual(['_count', '2']);
  });

  it('and grows again later, up to what is wished for', () => {
    const walk = startedWalk(8, 2000);
    for (let n = 0; n < 3; n++) walk.halvePage();
    const sizes = [1, 2, 3, 4].map(() => {
      walk.growPage(6);
      const request = walk.request();
      return request.kind === 'search' ? request.parameters.at(-1)?.[1] : undefined;
    });
    expect(sizes).toEqual(['2', '4', '6', '6']);
  });

  it('among resources that share one moment, beginning again without those it has', () => {
    const walk = startedWalk(4, 2000);
    walk.acceptPage(page(tied, { next }));
    walk.acceptCount(6);
    walk.acceptPage(page(tied, { next }));
    expect(walk.request().kind).toBe('link');
    expect(walk.halvePage()).toBe(true);
    const request = walk.request();
    // All six were asked for in one page.
    expect(request.kind === 'search' && request.parameters.at(-1)).toEqual(['_count', '3']);
    const all = [...tied, { id: 'e', lastUpdated: 1000 }, { id: 'f', lastUpdated: 1000 }];
    const rows = [0, 3].flatMap((at) =>
      walk.acceptPage(page(all.slice(at, at + 3), at < 3 ? { next: `${next}&at=${at}` } : {})),
    );
    expect(rows.map(({ id }) => id)).toEqual(['e', 'f']);
    for (const count of [6, 6, 6, 0]) walk.acceptCount(count);
    expect(walk.request().kind).toBe('search');
  });

  it('but not by a next link of a source that does not sort, nor below one resource', () => {
    const linked = new Walk(windowOf(undefined, TRANSACTION), { pageSize: 4 });
    linked.acceptRefusal(50);
    linked.acceptPage(page(tied, { next }));
    expect(linked.halvePage()).toBe(false);
    expect(startedWalk(1, 2000).halvePage()).toBe(false);
  });
});

it('a link behind a page without rows that is not valid any more leads back to the last row, a few times', () => {
  const walk = startedWalk(2, 5000);
  const link = 'http://source/fhir?page=2';
  walk.acceptPage(
    page(
      [
        { id: 'a', lastUpdated: 1000 },
        { id: 'b', lastUpdated: 2000 },
      ],
      { next: link },
    ),
  );
  const search = walk.request();
  for (let expired = 0; expired < 3; expired++) {
    expect(walk.acceptPage(page([], { next: link }))).toEqual([]);
    expect(walk.request()).toEqual({ kind: 'link', url: link });
    expect(walk.acceptRefusal(50)).toBe(true);
    expect(walk.request()).toEqual(search);
  }
  walk.acceptPage(page([], { next: link }));
  expect(walk.acceptRefusal(50)).toBe(false);
  const others = [
    { id: 'b', lastUpdated: 2000 },
    { id: 'c', lastUpdated: 3000 },
  ];
  expect(walk.acceptPage(page(others, { next: link })).map(({ id }) => id)).toEqual(['c']);
  walk.acceptPage(page([], { next: link }));
  expect(walk.acceptRefusal(50)).toBe(true);
});

describe('a walk is refused, with words that say what to do', () => {
  it('where the source gives the latest resource first, whatever the order asked for', () => {
    const walk = startedWalk(1, 4000);
    walk.acceptPage(page([{ id: 'd', lastUpdated: 4000 }], { next: 'http://source/fhir?page=2' }));
    expect(walk.request().kind).toBe('count');
    expect(() => walk.acceptCount(3)).toThrow(/ignored _sort in a search for Observation/);
  });

  it('where the source gives the earliest resource first, whatever the order asked for', () => {
    const walk = startedWalk(1, 1000);
    const earliest = [{ id: 'a', lastUpdated: 1000 }];
    walk.acceptPage(page(earliest, { next: 'http://source/fhir?page=2' }));
    walk.acceptCount(0);
    walk.acceptCount(1);
    walk.acceptPage(page(earliest));
    for (const count of [1, 2, 1, 1]) walk.acceptCount(count);
    expect(() => walk.acceptPage(page([{ id: 'b', lastUpdated: 2000 }]))).toThrow(/ignored _sort/);
  });

  it('where the source stops sorting', () => {
    const walk = startedWalk(2, 4000);
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
    const walk = startedWalk(2, 4000);
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

  /** Follows links that are all different, through checkpoints, over pages of these rows. */
  function followPages(pages: ReadonlyArray<readonly number[]>): number {
    const window = windowOf(undefined, TRANSACTION);
    let walk = new Walk(window, { pageSize: 10 });
    walk.acceptRefusal(50);
    let given = 0;
    for (const [at, rows] of pages.entries()) {
      const stored = rows.map((row) => ({ id: `r${row}`, lastUpdated: 1000 }));
      given += walk.acceptPage(page(stored, { next: `http://source/fhir?page=${at}` })).length;
      walk = new Walk(window, JSON.parse(JSON.stringify(walk.checkpoint())) as Cursor);
    }
    return given;
  }
  const pageOf = (at: number): number[] => Array.from({ length: 10 }, (_, row) => 10 * at + row);
  const times = (count: number, rows: (at: number) => number[]): number[][] =>
    Array.from({ length: count }, (_, at) => rows(at));

  it.each<[string, number[][]]>([
    ['the last page comes again and again', [...times(50, pageOf), ...times(102, () => pageOf(49))]],
    ['pages without rows lie between', [...times(50, pageOf), ...times(2010, (at) => (at % 2 ? [] : [7]))]],
    ['all pages come again and again', times(1000, (at) => pageOf(at % 50))],
  ])('where next links differ and do not end: %s', (_how, pages) => {
    expect(() => followPages(pages)).toThrow(/or do not end/);
  });

  it('but not where pages without new rows come to an end', () => {
    // All that was read comes once more, a row at a time; then others follow, and then all of it again.
    const again = times(500, (at) => [at]);
    expect(followPages([...times(50, pageOf), ...again, pageOf(50), ...again, pageOf(51)])).toBe(520);
    // Pages of which all is hidden from the app.
    expect(followPages([...times(5, pageOf), ...times(2000, () => []), pageOf(5)])).toBe(60);
  });

  it('where the source does not count the rows that share one instant and gives others each time', () => {
    const walk = startedWalk(2, 4000);
    walk.acceptPage(
      page([
        { id: 'a', lastUpdated: 1000 },
        { id: 'b', lastUpdated: 1000 },
      ]),
    );
    const pass = (...ids: string[]): void => {
      walk.acceptPage(page(ids.map((id) => ({ id, lastUpdated: 1000 }))));
      walk.acceptCount(undefined);
    };
    expect(walk.request().kind).toBe('count');
    walk.acceptCount(undefined);
    pass('a', 'b');
    pass('a', 'c');
    expect(() => {
      for (let n = 0; n < 9; n++) pass(...['a', 'b', 'c', 'd'].slice(0, 2 + (n % 2)));
    }).toThrow(/Raise PAGE_SIZE/);
  });

  const UNTOLD: SearchRow = {
    resource: () => ({ resourceType: 'Observation' }),
    json: undefined,
    id: 'a',
    lastUpdated: undefined,
  };

  it.each([
    ['_since is asked', windowOf(1000, TRANSACTION)],
    ['_until is asked', { ...windowOf(undefined, TRANSACTION), untilAsked: true }],
  ] satisfies Array<[string, Window]>)(
    'where %s and a resource does not say when it was updated',
    (_name, window) => {
      const walk = startedWalk(2, 4000, window);
      expect(() => walk.acceptPage({ ...page([]), rows: [UNTOLD] })).toThrow(/meta\.lastUpdated/);
    },
  );

  it('where a resource on a later page does not say when it was updated', () => {
    const walk = startedWalk(2, 4000);
    walk.acceptPage(
      page([
        { id: 'a', lastUpdated: 1000 },
        { id: 'b', lastUpdated: 2000 },
      ]),
    );
    expect(() => walk.acceptPage({ ...page([]), rows: [UNTOLD] })).toThrow(/meta\.lastUpdated/);
  });

  it('where a page has only resources beyond the upper bound, which may have been updated just now', () => {
    const walk = startedWalk(1, 4000, {
      ...windowOf(undefined, TRANSACTION),
      margin: { before: 0, after: 0 },
    });
    const beyond = page([{ id: 'a', lastUpdated: TRANSACTION }]);
    expect(() => walk.acceptPage(beyond)).toThrow(
      expect.objectContaining({ code: 'source-ignored-parameter', retryable: true }),
    );
  });

  it('where resources beyond the instant that was asked for come', () => {
    const walk = startedWalk(2, 4000);
    const tied = [
      { id: 'a', lastUpdated: 1000 },
      { id: 'b', lastUpdated: 1000 },
    ];
    walk.acceptPage(page(tied));
    walk.acceptCount(3);
    expect(() => walk.acceptPage(page([...tied, { id: 'c', lastUpdated: 2000 }]))).toThrow(
      /ignored _lastUpdated/,
    );
  });

  it('where pages without any resource lead in a circle', () => {
    const walk = startedWalk(2, 4000);
    expect(() => {
      for (let n = 0; n < 100; n++) walk.acceptPage(page([], { next: `http://source/fhir?page=${n % 7}` }));
    }).toThrow(/lead back to a page/);
  });

  it('where a source that cannot sort counts more than its only page holds', () => {
    const walk = new Walk(windowOf(undefined, TRANSACTION), { pageSize: 9 });
    walk.acceptRefusal(50);
    expect(() => walk.acceptPage(page([{ id: 'a', lastUpdated: 1000 }], { total: 2 }))).toThrow(
      /counts more Observation resources than its pages hold/,
    );
  });

  it('but not where what is counted beyond the last page is hidden from the app', () => {
    const walk = startedWalk(9, 4000);
    walk.acceptPage(page([{ id: 'a', lastUpdated: 1000 }], { total: 2 }));
    walk.acceptCount(1);
    walk.acceptPage(page([{ id: 'a', lastUpdated: 1000 }], { total: 1 }));
    for (const count of [1, 1, 1, 0]) walk.acceptCount(count);
    walk.acceptPage(page([], { total: 1 }));
    expect(walk.isDone).toBe(true);
  });
});
