import type { Bundle, Resource } from '@medplum/fhirtypes';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { TypeFilter } from '../../functions/export/request/typeFilter.js';
import { type Exported, exportInProcess } from './exportInProcess.js';
import { type MedplumOptions, type MedplumServer, startMedplum } from './medplumServer.js';
import { randomly, runs, SEED } from '../random.js';

const MINUTE_MS = 60_000;
const TYPES = ['Patient', 'Observation'] as const;

let server: MedplumServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

/** A change on the server between two of its answers. */
interface Change {
  kind: 'none' | 'insert' | 'update';
  type: (typeof TYPES)[number];
  /** Which of the type's resources is updated. */
  index: number;
  /** How far the server's clock goes before. */
  stepMs: number;
}

/** A server whose resources the test knows, with a clock that only moves when it is moved. */
class Hospital {
  /** `meta.lastUpdated` and revision of every resource, by `type/id`. */
  readonly state = new Map<string, string>();
  readonly #ids = new Map<string, string[]>();
  #now: number;
  #revision = 0;
  #server: MedplumServer | undefined;

  constructor(now: number) {
    this.#now = now;
  }

  get now(): number {
    return this.#now;
  }

  async start(options: Partial<MedplumOptions>): Promise<MedplumServer> {
    this.#server = await startMedplum(TYPES, { clock: () => this.#now, ...options });
    return this.#server;
  }

  pass(milliseconds: number): void {
    this.#now += milliseconds;
  }

  async apply({ kind, type, index, stepMs }: Change): Promise<void> {
    this.pass(stepMs);
    const ids = this.#ids.get(type) ?? [];
    if (kind === 'insert') await this.put(type, `new-${this.#revision}`, this.#now);
    if (kind === 'update' && ids.length > 0) await this.put(type, ids[index % ids.length] ?? '', this.#now);
  }

  async put(type: Change['type'], id: string, at: number): Promise<void> {
    const ids = this.#ids.get(type) ?? [];
    if (!ids.includes(id)) this.#ids.set(type, [...ids, id]);
    const lastUpdated = new Date(at).toISOString();
    const revision = String(this.#revision++);
    this.state.set(`${type}/${id}`, `${lastUpdated} ${revision}`);
    // What filters search by changes with every other revision.
    const isEven = this.#revision % 2 === 0;
    const kind =
      type === 'Patient' ? { gender: isEven ? 'male' : 'female' } : { status: isEven ? 'final' : 'amended' };
    const resource = {
      resourceType: type,
      id,
      meta: { lastUpdated },
      identifier: [{ value: revision }],
      ...kind,
    };
    await this.#server?.load(resource as Resource);
  }
}

/** `meta.lastUpdated` and revision as they were exported. */
function stateOf({ lines }: Exported): Map<string, string> {
  return new Map(
    [...lines].map(([key, line]) => {
      const { meta, identifier } = JSON.parse(line) as {
        meta: { lastUpdated: string };
        identifier: Array<{ value: string }>;
      };
      return [key, `${meta.lastUpdated} ${identifier[0]?.value}`];
    }),
  );
}

/** Filters that overlap, and that every resource matches one of. */
const OVERLAPPING: TypeFilter[] = [
  { type: 'Patient', search: [['gender', 'male']] },
  { type: 'Patient', search: [['gender', 'male,female']] },
  { type: 'Observation', search: [['status', 'final,registered']] },
  { type: 'Observation', search: [['status', 'amended']] },
  { type: 'Observation', search: [['_lastUpdated', 'ge2000-01-01']] },
];

const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom('none', 'insert', 'update', 'update', 'update'),
  type: fc.constantFrom(...TYPES),
  index: fc.nat(1000),
  // Mostly 0, so that changes share instants, too.
  stepMs: fc.constantFrom(0, 0, 0, 1, 350),
});

describe('while resources are inserted and updated between two pages', () => {
  it(`an export and those by _since after it hold what the server holds, once (TEST_SEED=${SEED})`, async () => {
    let pages = 0;
    await fc.assert(
      fc
        .asyncProperty(
          fc.constantFrom(-2, 0, 2),
          // Few instants, so that many resources share one, down to the second in which the export starts.
          fc.array(fc.constantFrom(-900_000, -60_000, -60_000, -59_999, -701, -700, -300), {
            minLength: 20,
            maxLength: 60,
            size: 'max',
          }),
          fc.integer({ min: 1, max: 9 }),
          fc.integer({ min: 1, max: 4 }),
          fc.array(change, { minLength: 60, maxLength: 150, size: 'max' }),
          fc.array(fc.boolean(), { maxLength: 60, size: 'max' }),
          fc.subarray([OVERLAPPING]),
          fc.constantFrom(4, 15, 1000),
          async (clockMinutes, ages, pageSize, slicePages, changes, losses, filters, partitionResources) => {
            // The clock is 700 ms into a second, which the Date header does not say.
            const start = Math.floor(Date.now() / 1000) * 1000 + 700 + clockMinutes * MINUTE_MS;
            const hospital = new Hospital(start);
            let queue: Change[] = [];
            server = await hospital.start({
              beforeSearch: async () => {
                pages++;
                const next = queue.shift();
                if (next !== undefined) await hospital.apply(next);
              },
            });
            for (const [index, age] of ages.entries()) {
              const type = index % 3 === 0 ? 'Patient' : 'Observation';
              await hospital.put(type, `r${index}`, start + age);
            }
            const request = {
              fhirServerUrl: server.url,
              pageSize,
              slicePages,
              losesAttempt: () => losses.shift() ?? false,
              typeFilters: filters.flat(),
              partitionResources,
            };
            const atStart = new Map(hospital.state);
            queue = changes.slice(0, changes.length / 2);
            const first = await exportInProcess(request);
            const sinceFirst = [...hospital.state].filter(([key, state]) => atStart.get(key) !== state);
            hospital.pass(2000);
            queue = changes.slice(changes.length / 2);
            const second = await exportInProcess({ ...request, since: first.transactionTime });
            hospital.pass(2000);
            queue = [];
            const third = await exportInProcess({ ...request, since: second.transactionTime });

            const held = stateOf(first);
            for (const [key, state] of held) {
              expect(state < first.transactionTime, `${key} is of before the transaction time`).toBe(true);
            }
            for (const [key, state] of atStart) {
              const isChanged = sinceFirst.some(([changed]) => changed === key);
              if (!isChanged && state < first.transactionTime) expect(held.get(key), key).toBe(state);
            }
            for (const more of [second, third])
              for (const [key, state] of stateOf(more)) held.set(key, state);
            expect(held).toEqual(hospital.state);
            await server.close();
          },
        )
        .afterEach(() => server?.close()),
      randomly(40),
    );
    console.log(`TEST_SEED=${SEED}: ${runs(40)} runs, ${pages} searches`);
  });
});

/** Alters every match of a page. */
function alterMatches(alter: (resource: Resource) => void): (page: Bundle) => void {
  return (page) => {
    for (const { resource } of page.entry ?? []) if (resource !== undefined) alter(resource);
  };
}

describe('a server that ignores', () => {
  const START = Date.parse('2026-01-01T00:00:00.000Z');
  const SINCE = new Date(START + 5000).toISOString();
  const UNTIL = new Date(START + 12_000).toISOString();

  /** Twenty Observations, a second apart, not in the order of their age, exported from `SINCE` to `UNTIL`. */
  async function exportFrom(options: Partial<MedplumOptions>): Promise<string[]> {
    const hospital = new Hospital(START + 60_000);
    server = await hospital.start(options);
    for (let index = 0; index < 20; index++) {
      await hospital.put('Observation', `o${index}`, START + ((index * 7) % 20) * 1000);
    }
    const request = { fhirServerUrl: server.url, since: SINCE, until: UNTIL, pageSize: 3, slicePages: 2 };
    const exported = stateOf(await exportInProcess(request));
    return [...exported.values()].map((state) => state.slice(0, 19)).sort();
  }

  const expected = [5, 6, 7, 8, 9, 10, 11].map((second) =>
    new Date(START + second * 1000).toISOString().slice(0, 19),
  );

  it.each([
    ['nothing', {}],
    ['_sort, as its self link shows', { ignores: ['_sort'] }],
    ['_sort, though its self link names it', { ignores: ['_sort'], hidesIgnored: true }],
    ['_lastUpdated, as its self link shows', { ignores: ['_lastUpdated'] }],
    ['_lastUpdated, though its self link names it', { ignores: ['_lastUpdated'], hidesIgnored: true }],
    ['both, as its self link shows', { ignores: ['_sort', '_lastUpdated'] }],
    ['both, though its self link names them', { ignores: ['_sort', '_lastUpdated'], hidesIgnored: true }],
  ] satisfies Array<[string, Partial<MedplumOptions>]>)(
    '%s: just what was asked for is exported',
    async (_name, options) => {
      expect(await exportFrom(options)).toEqual(expected);
    },
  );

  it.each([
    [
      'the type',
      { alterPage: alterMatches((resource) => Object.assign(resource, { resourceType: 'Condition' })) },
      /answered a search for Observation with resources of another type/,
    ],
    [
      'that meta.lastUpdated has to be there',
      { alterPage: alterMatches((resource) => delete resource.meta) },
      /Observation resource of the source has no id or no readable meta\.lastUpdated/,
    ],
  ] satisfies Array<[string, Partial<MedplumOptions>, RegExp]>)(
    '%s: the export fails and says so',
    async (_name, options, words) => {
      await expect(exportFrom(options)).rejects.toThrow(words);
    },
  );
});
