import pMap from 'p-map';
import { ExportError } from '../../common/errors.js';
import { count, findsNothing } from '../source/count.js';
import { compareInstants, type Instant, instantFromMilliseconds, parseInstant } from '../../fhir/instant.js';
import type { PlannedPartition } from '../records/job.js';
import { searchPage } from '../source/searchPage.js';
import type { Selection } from '../selection/selection.js';
import type { SearchParameters, Source } from '../source/source.js';
import {
  boundsOf,
  jobWindow,
  type Margin,
  placeIn,
  searchedSpan,
  type Span,
  spanOf,
  type Window,
} from '../walk/window.js';

/** What is to be exported. */
export interface PlanInput {
  types: readonly string[];
  since: string | undefined;
  until: string | undefined;
  transactionTime: string;
  selectionOf: (type: string) => Selection;
  /** Whether a type without resources is read as others are, so that it is not visible which one has none. */
  keepsEmpty?: boolean;
}

/** How finely types are split, and what that may cost. */
export interface PlanLimits {
  /** Resources of a partition; more only where a type cannot be split further. */
  partitionResources: number;
  /** Smaller ones are not made, even where a job has few for its workers. */
  leastResources: number;
  /** Partitions that are read at the same time. */
  workers: number;
  /** Questions to the source at the same time. */
  concurrency: number;
  /** Whether what is known by now has to do. */
  isOutOfTime: () => boolean;
}

/** Partitions a worker gets at least, where there is enough to read: the last ones then end close to each other. */
const TURNS_PER_WORKER = 4;
/** Partitions are made larger than asked for rather than more than about twice so many. */
const MAX_PARTITIONS = 1000;
/** Counting many searches costs more than it is worth. */
const MAX_COUNTED_SEARCHES = 8;
/** A type costs so many counts to find where its resources are, and some per partition. */
const COUNTS_PER_TYPE = 64;
const COUNTS_PER_PARTITION = 8;
/** Rows that are looked at for two close to each other. */
const NEIGHBOURS = 50;
/** Two rows that are further apart prove nothing of bounds that are wrong by little. */
const CLOSE_MS = 50;
/** Above this length a part is halved at whole seconds, which every source can distinguish. */
const FINE_MS = 2000;
const SECOND_MS = 1000;

/**
 * The instant up to which everything is exported: the source's clock, less a margin for transactions that are
 * under way there, or the caller's `_until` where that is earlier. Never our own clock, which the source's
 * `meta.lastUpdated` knows nothing of.
 */
export function transactionInstant(
  sourceDate: number | undefined,
  marginSeconds: number,
  until: string | undefined,
): string {
  if (sourceDate === undefined) {
    throw new ExportError(
      'source-unverifiable',
      'The source sends no Date header, so it is not known what its clock says. Let it, or a proxy before it, send one.',
    );
  }
  const latest = instantFromMilliseconds(sourceDate - marginSeconds * 1000);
  const asked = parseInstant(until);
  return asked !== undefined && compareInstants(asked, latest) < 0 ? asked.text : latest.text;
}

/**
 * Splits every type into partitions: windows of `meta.lastUpdated` that follow each other without a gap. An update
 * takes a resource out of all of them, since it is of after the transaction time. Where to split is found by counting
 * and halving; counts decide on balance only, never on what is exported. A source that does not count, sort or bound
 * gets one window per type.
 * @returns the largest first, so that none runs alone at the end
 */
export async function planPartitions(
  source: Source,
  input: PlanInput,
  limits: PlanLimits,
): Promise<PlannedPartition[]> {
  const types = input.types.map((type) => new TypePlan(source, input, type, limits.isOutOfTime));
  const each = (some: readonly TypePlan[], work: (type: TypePlan) => Promise<void>): Promise<unknown> =>
    pMap(some, work, { concurrency: limits.concurrency });
  await each(types, (type) => type.look());
  const total = types.reduce((sum, { total: ofType }) => sum + (ofType ?? 0), 0);
  const target = targetSize(total, limits);
  await each(
    types.filter((type) => (type.total ?? 0) > target),
    (type) => type.findSpan(target),
  );
  for (;;) {
    const halvings = types.flatMap((type) => type.halvings(target));
    if (halvings.length === 0) break;
    await pMap(halvings, (halve) => halve(), { concurrency: limits.concurrency });
  }
  await each(
    types.filter((type) => type.partitions(target).length > 1),
    (type) => type.proveBounds(target),
  );
  return types
    .filter(({ isEmpty }) => !isEmpty || input.keepsEmpty === true)
    .flatMap((type) => type.partitions(target))
    .sort((a, b) => (b.estimate ?? 0) - (a.estimate ?? 0));
}

function targetSize(total: number, { partitionResources, leastResources, workers }: PlanLimits): number {
  const shared = Math.max(leastResources, Math.ceil(total / (workers * TURNS_PER_WORKER)));
  return Math.max(Math.min(partitionResources, shared), Math.ceil(total / MAX_PARTITIONS));
}

/** A part of a type's time, in milliseconds since the epoch, and the resources counted in it. */
interface Part {
  from: number;
  /** Exclusive. */
  until: number;
  resources: number;
  /** Whether halving it is of no use. */
  isWhole: boolean;
}

/** How one type is split. */
class TypePlan {
  /** Resources in the whole window; `undefined` where the source does not say. */
  total: number | undefined;
  /** Whether a search has shown that there is none. */
  isEmpty = false;
  readonly #source: Source;
  readonly #window: Window;
  readonly #span: Span;
  /** `undefined`: too many to count. */
  readonly #searches: SearchParameters[] | undefined;
  readonly #isOutOfTime: () => boolean;
  #parts: Part[] = [];
  #countsLeft = 0;
  #margin: Margin | undefined;

  constructor(source: Source, input: PlanInput, type: string, isOutOfTime: () => boolean) {
    const { transactionTime, selectionOf } = input;
    this.#source = source;
    this.#window = jobWindow(type, input, transactionTime);
    this.#span = spanOf(this.#window);
    const selection = selectionOf(type);
    if (selection.searches <= MAX_COUNTED_SEARCHES) {
      this.#searches = Array.from({ length: selection.searches }, (_, search) =>
        selection.parameters(search),
      );
    }
    this.#isOutOfTime = isOutOfTime;
  }

  /** Whether all of the type is asked for. */
  get #isPlain(): boolean {
    return this.#searches?.length === 1 && this.#searches[0]?.length === 0;
  }

  /** Finds out whether there is anything, and how much: one request where the source gives a total, or nothing. */
  async look(): Promise<void> {
    if (this.#isPlain) {
      const parameters: SearchParameters = [
        ...boundsOf(searchedSpan(this.#window)),
        ['_total', 'accurate'],
        ['_count', '1'],
      ];
      const page = await this.#ask(() => searchPage(this.#source, this.#window.type, parameters));
      // More on a page than in all: it is the total of something else.
      this.total = page !== undefined && page.rows.length > (page.total ?? 0) ? undefined : page?.total;
      this.isEmpty = page?.rows.length === 0 && page.next === undefined && (page.total ?? 0) === 0;
    }
    if (this.isEmpty) return;
    this.total ??= await this.#count(this.#span.from, this.#span.until);
    if (this.total === 0 && !(await this.#findsNothing())) this.total = undefined;
  }

  /** Finds out from when to when there are resources, and whether the source's counts honor bounds at all. */
  async findSpan(target: number): Promise<void> {
    const { from, until } = this.#span;
    const [oldest, newest] = await Promise.all([
      this.#edge('_lastUpdated', from, until),
      this.#edge('-_lastUpdated', from, until),
    ]);
    if (oldest === undefined || newest === undefined || compareInstants(oldest, newest) > 0) return;
    const end = (newest.seconds + 1) * SECOND_MS;
    const [before, after] = await Promise.all([
      this.#count(from, oldest),
      this.#count(instantFromMilliseconds(end), until),
    ]);
    const resources = await this.#count(oldest, instantFromMilliseconds(end));
    if (before !== 0 || resources === undefined || after !== 0) return;
    this.#countsLeft = COUNTS_PER_TYPE + COUNTS_PER_PARTITION * Math.ceil(resources / target);
    const begin = Math.max(oldest.seconds * SECOND_MS, from === undefined ? 0 : millisecondsAfter(from));
    this.#parts = [{ from: begin, until: end, resources, isWhole: false }];
  }

  /** The halvings that come next: of every part that is too large. */
  halvings(target: number): Array<() => Promise<void>> {
    if (this.#isOutOfTime()) return [];
    const tooLarge = this.#parts.filter(({ resources, isWhole }) => resources > target && !isWhole);
    const now = tooLarge.slice(0, this.#countsLeft);
    this.#countsLeft -= now.length;
    return now.map((part) => () => this.#halve(part));
  }

  /**
   * Shows that bounds between partitions are exact, by two rows next to each other around the first of them: a search
   * from the earlier one on and before the later one has to give the earlier. Bounds may then be wrong by no more than
   * lies between the two; without such rows the partitions keep margins of seconds.
   */
  async proveBounds(target: number): Promise<void> {
    const [search, ...others] = this.#searches ?? [];
    const from = parseInstant(this.partitions(target)[1]?.window.from);
    if (search === undefined || others.length > 0 || from === undefined) return;
    const { type } = this.#window;
    const parameters: SearchParameters = [
      ...search,
      ['_sort', '_lastUpdated'],
      ...boundsOf({ from, until: this.#span.until }),
      ['_count', String(NEIGHBOURS)],
    ];
    const page = await this.#ask(async () =>
      (await searchPage(this.#source, type, parameters)).rows.map(({ lastUpdated }) => lastUpdated),
    );
    const pair = closestPair(page ?? []);
    if (pair === undefined) return;
    const between = await this.#count(pair.first, pair.second);
    if (between !== undefined && between > 0) this.#margin = { before: 0, after: pair.milliseconds };
  }

  /** One partition per window; neighbouring spans are put together as far as they fit into one. */
  partitions(target: number): PlannedPartition[] {
    const window = this.#window;
    const first: { from: string | undefined; estimate: number } = { from: window.from, estimate: 0 };
    const parts = [first];
    for (const { from, resources } of this.#parts) {
      const part = parts.at(-1) ?? first;
      const sum = part.estimate + resources;
      if (sum <= target || part.estimate === 0 || resources === 0) part.estimate = sum;
      else parts.push({ from: instantFromMilliseconds(from).text, estimate: resources });
    }
    if (parts.length === 1) return [{ window, estimate: this.total }];
    return parts.map(({ from, estimate }, index) => ({
      // In two windows, a resource that does not say when it was updated would be in none or both.
      window: {
        ...window,
        from,
        until: parts[index + 1]?.from ?? window.until,
        untilAsked: true,
        // Of the searches of several filters together, nothing is known of each.
        ...(this.#searches?.length === 1 ? { counted: estimate } : {}),
        ...(this.#isPlain ? { isOrderProven: true } : {}),
        ...(this.#margin === undefined ? {} : { margin: this.#margin }),
      },
      estimate,
    }));
  }

  async #halve(part: Part): Promise<void> {
    const middle = middleOf(part);
    const halves = middle === undefined ? undefined : await this.#countHalves(part, middle);
    if (middle === undefined || halves === undefined) {
      part.isWhole = true;
      return;
    }
    const right: Part = { ...part, from: middle, resources: halves.right };
    part.until = middle;
    part.resources = halves.left;
    this.#parts.splice(this.#parts.indexOf(part) + 1, 0, right);
  }

  /** The resources of a part before and after a moment; `undefined` where the source cannot distinguish that moment from others. */
  async #countHalves(part: Part, middle: number): Promise<{ left: number; right: number } | undefined> {
    const [from, at, until] = [part.from, middle, part.until].map(instantFromMilliseconds);
    if (from === undefined || at === undefined || until === undefined) return undefined;
    const [left, right] = await Promise.all([this.#count(from, at), this.#count(at, until)]);
    if (left === undefined || right === undefined || left + right > part.resources) return undefined;
    if (middle % SECOND_MS === 0) return { left, right };
    const [before, after] = await Promise.all([
      left === 0 ? at : this.#edge('-_lastUpdated', from, at),
      right === 0 ? at : this.#edge('_lastUpdated', at, until),
    ]);
    return before === undefined || after === undefined ? undefined : { left, right };
  }

  /** The earliest or latest instant of any resource in a window; `undefined` where the source does not say. */
  async #edge(sort: string, from: Instant | undefined, until: Instant): Promise<Instant | undefined> {
    const { type } = this.#window;
    let edge: Instant | undefined;
    for (const search of this.#searches ?? []) {
      const parameters: SearchParameters = [
        ...search,
        ['_sort', sort],
        ...boundsOf({ from, until }),
        ['_count', '1'],
      ];
      const row = await this.#ask(async () => (await searchPage(this.#source, type, parameters)).rows[0]);
      const at = row?.lastUpdated;
      if (at === undefined) continue;
      if (placeIn({ from, until }, at) !== 'in') return undefined;
      const order = edge === undefined ? 0 : compareInstants(at, edge);
      if (edge === undefined || (sort === '_lastUpdated' ? order < 0 : order > 0)) edge = at;
    }
    return edge;
  }

  /** Resources from an instant on and before another, those that several searches give counted several times. */
  async #count(from: Instant | undefined, until: Instant): Promise<number | undefined> {
    if (this.#searches === undefined) return undefined;
    let sum = 0;
    for (const search of this.#searches) {
      const parameters: SearchParameters = [...search, ...boundsOf({ from, until })];
      const found = await this.#ask(() => count(this.#source, this.#window.type, parameters));
      if (found === undefined) return undefined;
      sum += found;
    }
    return sum;
  }

  async #findsNothing(): Promise<boolean> {
    const bounds = boundsOf(this.#span);
    for (const search of this.#searches ?? []) {
      const finds = this.#ask(() => findsNothing(this.#source, this.#window.type, [...search, ...bounds]));
      if ((await finds) !== true) return false;
    }
    return true;
  }

  /** A plan can do without any answer: what is wrong with the source, the walk will report. */
  async #ask<T>(question: () => Promise<T>): Promise<T | undefined> {
    if (this.#isOutOfTime()) return undefined;
    return question().catch(() => undefined);
  }
}

/** Where to halve a part; `undefined` where it is a single moment as far as searches show. */
function middleOf({ from, until }: Part): number | undefined {
  const length = until - from;
  if (length <= 1) return undefined;
  const half = from + Math.floor(length / 2);
  return length > FINE_MS ? Math.ceil(half / SECOND_MS) * SECOND_MS : half;
}

/** The two neighbouring instants that lie closest to each other, if they do so at all. */
function closestPair(
  instants: ReadonlyArray<Instant | undefined>,
): { first: Instant; second: Instant; milliseconds: number } | undefined {
  let closest: { first: Instant; second: Instant; milliseconds: number } | undefined;
  for (const [index, second] of instants.entries()) {
    const first = instants[index - 1];
    if (first === undefined || second === undefined || compareInstants(first, second) >= 0) continue;
    const milliseconds = millisecondsAfter(second) - millisecondsBefore(first);
    if (milliseconds <= CLOSE_MS && milliseconds < (closest?.milliseconds ?? Number.POSITIVE_INFINITY)) {
      closest = { first, second, milliseconds };
    }
  }
  return closest;
}

/** The last whole millisecond that is not after an instant. */
function millisecondsBefore({ seconds, fraction }: Instant): number {
  return seconds * SECOND_MS + Number(fraction.padEnd(3, '0').slice(0, 3));
}

/** The first whole millisecond that is not before an instant. */
function millisecondsAfter({ seconds, fraction }: Instant): number {
  const digits = fraction.padEnd(3, '0');
  const more = digits.length > 3 ? 1 : 0;
  return seconds * SECOND_MS + Number(digits.slice(0, 3)) + more;
}
