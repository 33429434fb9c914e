import { ExportError } from '../../common/errors.js';
import { addUnproven } from '../records/job.js';
import { partOf } from '../selection/patientCount.js';
import type { PatientSearch, PatientSearches } from '../selection/patientSearches.js';
import { missingInSelf, proveHonored } from '../source/honored.js';
import { mayTry } from '../source/refusals.js';
import type { SearchRow } from '../source/resourceRow.js';
import { readAnswer, readSearchPage, type SearchPage } from '../source/searchPage.js';
import type { SearchParameters, SourceAnswer } from '../source/source.js';
import { checkLoop, NO_LOOP } from '../source/linkLoop.js';
import type { PatientCursor } from '../walk/patientCursor.js';
import { endsEarly, ignoredSearch, mayEnd, unverifiable } from '../walk/walkErrors.js';
import { placeIn, spanOf, type Window } from '../walk/window.js';
import { PageWriter } from './pageWriter.js';
import {
  PROGRESS_MS,
  type SliceDependencies,
  type SliceLimits,
  type SliceResult,
  STOP_CHECK_MS,
} from './slice.js';

/** Where a slice begins, and how it asks. */
export interface PatientSliceStart {
  /** Resources to ask for per page; `undefined`: the source takes no `_count`. */
  pageSize: number | undefined;
  /** Searches whose first pages are asked for at the same time. */
  concurrency: number;
  cursor: PatientCursor | undefined;
  /** Whether resources without a time are of another partition. */
  leavesOutUndated?: boolean;
}

/** Bytes of pages that wait for their turn; more are not asked for meanwhile. */
const MAX_WAITING_BYTES = 16_777_216;
/** A patient with more resources of one type than this is no patient: their ids are remembered. */
const MAX_GIVEN = 500_000;
/** A search begins anew so often after a link that was not valid any more. */
const MAX_RESTARTS = 3;
/** A slice continues by so many times its pages where the searches that were begun end by then. */
const MAX_OVERRUN = 2;

/** A page of a search, and what of the search it leaves. */
interface FetchedPage {
  page: SearchPage;
  bytes: number;
}

/**
 * A bounded part of a partition exported from a source that is searched one patient at a time: the first pages of
 * several searches are asked for at once and written in order; what follows a first page is read by next links. Bounds
 * of time are applied here, since such a source has no search by them.
 */
export class PatientSlice {
  readonly #window: Window;
  readonly #searches: PatientSearches;
  readonly #start: PatientSliceStart;
  readonly #limits: SliceLimits;
  readonly #dependencies: SliceDependencies;
  readonly #writer: PageWriter;
  readonly #startedAt: number;
  /** First pages that were asked for, in the order of their searches. */
  readonly #ahead: Array<{ nth: number; answer: Promise<SourceAnswer> }> = [];
  /** The search after those that were begun. */
  #next: number;
  #waitingBytes = 0;
  #pageSize: number | undefined;
  #pages = 0;
  #bytes = 0;
  #checkedAt = Number.NEGATIVE_INFINITY;
  #toldAt: number;
  #given: Set<string>;
  /** Filters of which a source without self links has shown that it honors them. */
  readonly #proven = new Set<number>();
  /** Whether the source has shown that a page without a next link is the last one. */
  #isLinking = false;

  constructor(
    window: Window,
    searches: PatientSearches,
    start: PatientSliceStart,
    limits: SliceLimits,
    dependencies: SliceDependencies,
  ) {
    this.#window = window;
    this.#searches = searches;
    this.#start = start;
    this.#limits = limits;
    this.#dependencies = dependencies;
    this.#writer = new PageWriter(window.type, dependencies);
    this.#startedAt = this.#toldAt = dependencies.clock();
    this.#pageSize = start.pageSize;
    this.#next = start.cursor?.patientSearch ?? 0;
    this.#given = new Set(start.cursor?.given);
  }

  /** @throws ExportError; the file is then not whole and its name must not become known */
  async run(): Promise<Omit<SliceResult, 'cursor'> & { cursor: PatientCursor | undefined }> {
    const { each, patients } = this.#searches;
    const all = each * patients;
    const first = this.#next;
    let cursor: PatientCursor | undefined;
    let nth = first;
    for (; nth < all && cursor === undefined; nth++) {
      if (nth % each === 0 && nth > first) this.#given = new Set();
      const page = nth === first ? this.#start.cursor?.page : undefined;
      // The rest of a search that was begun needs no first page.
      if (page !== undefined) this.#next = nth + 1;
      this.#askAhead(all);
      cursor = await this.#readSearch(nth, page, all);
      if (cursor === undefined && this.#isOver(1) && this.#ahead.length === 0) {
        const isSamePatient = (nth + 1) % each !== 0;
        if (nth + 1 < all) cursor = { patientSearch: nth + 1, given: isSamePatient ? [...this.#given] : [] };
      }
    }
    const companions = await new PageWriter('', this.#dependencies).close();
    return { cursor, ...(await this.#writer.close()), companions };
  }

  /** Whether the slice has done so many times what it may. */
  #isOver(times: number): boolean {
    const { pages, bytes, milliseconds } = this.#limits;
    return (
      this.#pages >= pages * times ||
      this.#writer.bytes + this.#bytes >= bytes * times ||
      this.#dependencies.clock() - this.#startedAt >= milliseconds * times
    );
  }

  #askAhead(all: number): void {
    const { concurrency } = this.#start;
    while (
      this.#next < all &&
      this.#ahead.length < concurrency &&
      this.#waitingBytes < MAX_WAITING_BYTES &&
      this.#pages + this.#ahead.length < this.#limits.pages &&
      !this.#isOver(1)
    ) {
      const nth = this.#next++;
      const answer = this.#askFirst(nth).then((page) => {
        this.#waitingBytes += page.body.length;
        return page;
      });
      answer.catch(() => undefined);
      this.#ahead.push({ nth, answer });
    }
  }

  /** Asks for the first page of a search, and for less where that is too much. */
  async #askFirst(nth: number): Promise<SourceAnswer> {
    const { parameters, filter } = this.#searches.search(nth);
    const { source } = this.#dependencies;
    for (;;) {
      const pageSize = this.#pageSize;
      try {
        return await source.search(this.#window.type, [...parameters, ...countOf(pageSize)]);
      } catch (error) {
        if (!mayTry('smaller page', error) || pageSize === undefined || pageSize <= 1) {
          throw this.#aboutSearch(error, filter);
        }
        this.#pageSize = Math.min(this.#pageSize ?? pageSize, Math.floor(pageSize / 2));
      }
    }
  }

  /** Reads a search to its end, or returns where to go on. */
  async #readSearch(
    nth: number,
    from: PatientCursor['page'],
    all: number,
  ): Promise<PatientCursor | undefined> {
    const search = this.#searches.search(nth);
    let place = from ?? { next: undefined, loop: NO_LOOP, read: 0 };
    for (let restarts = 0; ;) {
      await this.#checkStop();
      const fetched = await this.#fetch(nth, place.next, restarts < MAX_RESTARTS);
      if (fetched === undefined) {
        restarts++;
        place = { next: undefined, loop: NO_LOOP, read: 0 };
        continue;
      }
      const { page, bytes } = fetched;
      this.#pages++;
      this.#bytes = bytes;
      if (place.next === undefined) await this.#checkFilter(search, page);
      const read = place.read + page.rows.length;
      if (page.next === undefined) await this.#checkEnd(search, page, read);
      this.#askAhead(all);
      await this.#write(nth, search, page.rows);
      page.release?.();
      if (page.next === undefined) return undefined;
      this.#isLinking = true;
      place = { next: page.next, loop: checkLoop(place.loop, page.next, this.#window.type), read };
      if (this.#isOver(this.#ahead.length === 0 ? 1 : MAX_OVERRUN)) {
        return { patientSearch: nth, given: [...this.#given], page: { ...place, next: page.next } };
      }
    }
  }

  /** A page of a search; `undefined` where its link is not valid any more and the search may begin anew. */
  async #fetch(nth: number, next: string | undefined, mayRestart: boolean): Promise<FetchedPage | undefined> {
    const { type } = this.#window;
    if (next === undefined) {
      const ahead = this.#ahead[0]?.nth === nth ? this.#ahead.shift() : undefined;
      const answer = await (ahead?.answer ?? this.#askFirst(nth));
      if (ahead !== undefined) this.#waitingBytes -= answer.body.length;
      return readPage(answer, type);
    }
    try {
      return readPage(await this.#dependencies.source.follow(next), type);
    } catch (error) {
      const isTooLarge = error instanceof ExportError && error.code === 'source-page-too-large';
      if (!mayRestart || !(isTooLarge || mayTry('other search', error))) throw this.#aboutSearch(error, []);
      if (isTooLarge && this.#pageSize !== undefined) {
        this.#pageSize = Math.max(1, Math.floor(this.#pageSize / 2));
      }
      return undefined;
    }
  }

  /** @throws ExportError where the source ignored a filter, or nothing shows that it did not */
  async #checkFilter(
    { parameters, filter, alternative }: PatientSearch,
    { self }: SearchPage,
  ): Promise<void> {
    const { type } = this.#window;
    if (self !== undefined) {
      const missing = missingInSelf(filter, self);
      if (missing !== undefined) throw ignoredSearch(type, missing);
    } else if (!this.#proven.has(alternative)) {
      await proveHonored(this.#dependencies.source, type, parameters, filter);
      this.#proven.add(alternative);
    }
  }

  /**
   * A page without a next link is the last one if its total says so, or if the source has shown that it links to what a
   * page has no place for: by a next link, or by what it answers to a search for a single resource where there are more.
   * @throws ExportError where it shows that it does not
   */
  async #checkEnd({ parameters }: PatientSearch, { rows, total }: SearchPage, read: number): Promise<void> {
    const { type } = this.#window;
    if (total !== undefined && total > read) throw endsEarly(type);
    if (total !== undefined || this.#isLinking || rows.length < 2) return;
    this.#isLinking = true;
    if (this.#pageSize !== undefined) {
      const answer = await this.#dependencies.source.search(type, [...parameters, ...countOf(1)]);
      const single = readSearchPage(answer.body, type);
      if (single.next !== undefined || (single.total ?? 0) > 1) return;
      if (single.rows.length < 2) throw mayEnd(type);
    }
    // The source chooses the size of its pages, and no patient has had more than one.
    addUnproven(this.#writer.report, 'counts', [type]);
  }

  async #write(nth: number, { alternative }: PatientSearch, all: readonly SearchRow[]): Promise<void> {
    const part = partOf(this.#window.type, alternative);
    const rows = all.filter((row) => this.#isInWindow(row));
    const isGiven = ({ id }: SearchRow): boolean => this.#given.has(id ?? '');
    const repeated = rows.filter(isGiven);
    const fresh: SearchRow[] = [];
    for (const row of rows) {
      if (row.id === undefined) throw unverifiable(this.#window.type);
      if (isGiven(row)) continue;
      this.#given.add(row.id);
      fresh.push(row);
    }
    if (this.#given.size > MAX_GIVEN) throw tooMany(this.#window.type);
    await this.#writer.write(part, fresh, ({ lastUpdated }, resource) => {
      if (!this.#searches.isExported(nth, resource)) return false;
      if (lastUpdated === undefined) this.#countUndated();
      return true;
    });
    this.#writer.count(part, repeated, (resource) => this.#searches.isExported(nth, resource));
    const { clock, tellProgress } = this.#dependencies;
    if (clock() - this.#toldAt < PROGRESS_MS) return;
    this.#toldAt = clock();
    tellProgress(this.#writer.report.read);
  }

  /** Whether a resource is of the time that was asked for, as far as it says. */
  #isInWindow({ lastUpdated }: SearchRow): boolean {
    if (lastUpdated === undefined) return this.#start.leavesOutUndated !== true;
    return placeIn(spanOf(this.#window), lastUpdated) === 'in';
  }

  #countUndated(): void {
    const { from, untilAsked } = this.#window;
    const { report } = this.#writer;
    if (from !== undefined || untilAsked === true) report.undated = (report.undated ?? 0) + 1;
  }

  async #checkStop(): Promise<void> {
    const { clock, isStopped } = this.#dependencies;
    if (clock() - this.#checkedAt < STOP_CHECK_MS) return;
    this.#checkedAt = clock();
    if (await isStopped()) throw new ExportError('job-stopped', 'The job was stopped.');
  }

  #aboutSearch(error: unknown, filter: SearchParameters): unknown {
    if (!(error instanceof ExportError)) return error;
    const { code, message, retryable } = error;
    const hint = filter.length === 0 ? '' : ' with search parameters of the request';
    return new ExportError(
      code,
      `${message} (It was asked for ${this.#window.type} of one patient${hint}.)`,
      retryable,
    );
  }
}

function readPage(answer: SourceAnswer, type: string): FetchedPage {
  return { page: readAnswer(answer, type), bytes: answer.body.length };
}

function countOf(pageSize: number | undefined): SearchParameters {
  return pageSize === undefined ? [] : [['_count', String(pageSize)]];
}

function tooMany(type: string): ExportError {
  return new ExportError(
    'source-unverifiable',
    `A patient has more than ${MAX_GIVEN} ${type} resources, the most that can be read without doubling any. Leave that patient out, or ask for less with _typeFilter.`,
  );
}
