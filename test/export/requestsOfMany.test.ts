import { describe, expect, it } from 'vitest';
import type { Source } from '../../functions/export/source/source.js';
import { EvenSource } from './evenSource.js';
import { exportRaw } from './exportRaw.js';
import { type Behaviour, SimulatedSource } from './simulatedSource.js';

const BEGIN = Date.parse('2024-01-01T00:00:00.000Z');

async function linesOf(source: Source, types: string[], pageSize: number): Promise<number> {
  let lines = 0;
  for await (const _line of exportRaw(source, {
    types,
    since: undefined,
    until: undefined,
    transactionTime: '2026-01-01T00:00:00.000Z',
    typeFilters: [],
    pageSize,
    slicePages: 50,
    partitionResources: 50_000,
    leastResources: 5000,
  })) {
    lines++;
  }
  return lines;
}

/** Requests of commit a6bb9c3, which proved less, for the same resources and pages. */
const BEFORE = 1092;

it.each([
  ['of a year', 31_536],
  ['of a bulk load', 7],
])(
  'a million resources %s take at most 2 %% more requests than a walk that proves nothing',
  { timeout: 240_000 },
  async (_name, stepMs) => {
    const source = new EvenSource(1_000_000, BEGIN, stepMs);
    expect(await linesOf(source, ['Observation'], 1000)).toBe(1_000_000);
    expect(source.requests).toBeLessThanOrEqual(BEFORE * 1.02);
  },
);

/** A server of many types, of which some have resources. */
class TypesSource implements Source {
  requests = 0;
  readonly #full: ReadonlyMap<string, SimulatedSource>;
  readonly #empty: SimulatedSource;

  constructor(types: readonly string[], behaviour: Behaviour) {
    this.#empty = new SimulatedSource('None', behaviour);
    this.#full = new Map(
      types.map((type) => {
        const source = new SimulatedSource(type, behaviour);
        for (let index = 0; index < 30; index++) source.put(`r${index}`, BEGIN + index * 1000, []);
        return [type, source];
      }),
    );
  }

  search: Source['search'] = (type, parameters) => {
    this.requests++;
    return (this.#full.get(type) ?? this.#empty).search(type, parameters);
  };

  follow = notAsked;
  typeHistory = notAsked;
  read = notAsked;
  capabilities = notAsked;
}

function notAsked(): Promise<never> {
  return Promise.reject(new Error('not asked for here'));
}

describe('of 146 types, 126 are empty', () => {
  const types = Array.from({ length: 146 }, (_, index) => `Type${index}`);
  const full = types.slice(0, 20);

  it.each([
    ['gives totals', {}],
    ['gives no totals', { countsAtAll: false }],
  ] satisfies Array<[string, Behaviour]>)(
    'which costs one request each, from a source that %s',
    async (_name, behaviour) => {
      const [all, some] = [new TypesSource(full, behaviour), new TypesSource(full, behaviour)];
      expect(await linesOf(all, types, 100)).toBe(600);
      expect(await linesOf(some, full, 100)).toBe(600);
      expect(all.requests - some.requests).toBeLessThanOrEqual(126);
    },
  );
});
