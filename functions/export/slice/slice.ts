import { EngineReport } from '../../deid/run/report.js';
import { ExportError } from '../../common/errors.js';
import type { JsonObject } from '../../json/json.js';
import { count } from '../source/count.js';
import { proveHeeded } from '../source/heeded.js';
import { addCounts, addUndecided, addFailure, emptyReport, type SliceReport } from '../records/job.js';
import { PageLines } from '../output/pageLines.js';
import { partOf, type PatientCount } from '../selection/patientCount.js';
import { readSearchPage, type PageWithIncludes, type SearchRow } from '../source/searchPage.js';
import { referencesAt } from '../../fhir/reference.js';
import type { Selection, SliceCursor } from '../selection/selection.js';
import type { SearchParameters, Source, SourceAnswer } from '../source/source.js';
import type { LineMaker, LineSink } from '../output/lineMaker.js';
import type { Companions } from '../selection/companions.js';
import type { Cursor } from '../walk/cursor.js';
import { Walk } from '../walk/walk.js';
import type { Window } from '../walk/window.js';

/** What ends a slice; the page in hand is always finished. */
export interface SliceLimits {
  pages: number;
  bytes: number;
  milliseconds: number;
}

/** Where a slice begins: at the begin of its window, or where the slice before has stopped. */
export interface SliceStart {
  /** Resources to ask for per page, where the source can. */
  pageSize: number;
  cursor: SliceCursor | undefined;
}

/** What a slice needs of the outside world. */
export interface SliceDependencies {
  source: Source;
  lineMaker: LineMaker;
  companions?: Companions | undefined;
  /** Counts the patients whose data is written. */
  patients: PatientCount;
  /** Called once a type, when its first line is there. */
  openFile: (type: string) => Promise<LineSink>;
  /** Milliseconds since any fixed moment. */
  clock: () => number;
  isStopped: () => Promise<boolean>;
  /** Called now and then with the resources read so far in this slice. */
  tellProgress: (resources: number) => void;
}

export interface SliceResult {
  /** `undefined`: the partition is complete. */
  cursor: SliceCursor | undefined;
  lines: number;
  bytes: number;
  report: SliceReport;
  companions: { lines: number; bytes: number; report: SliceReport };
}

const STOP_CHECK_MS = 2000;
const PROGRESS_MS = 1000;
/** The event loop gets a turn at least this often, so that the host and other slices stay alive. */
const YIELD_MS = 10;
/** Bytes of lines that wait to be put in order: all of a page, unless its resources are large. */
const MOST_HELD = 4_194_304;
/** Below this page size a source's refusal is taken to be about something else than the size. */
const SMALLEST_TRIED_PAGE = 50;

/**
 * Exports a bounded part of a partition: while one page is anonymized and written, the next is fetched. Holds two
 * pages at most.
 * @throws ExportError; the file is then not whole and its name must not become known
 */
export async function runSlice(
  window: Window,
  selection: Selection,
  start: SliceStart,
  limits: SliceLimits,
  dependencies: SliceDependencies,
): Promise<SliceResult> {
  const { clock, source, companions } = dependencies;
  const { type } = window;
  const begin = (search: number, cursor: Cursor | undefined, isOrderProven = false): Walk => {
    const { pageSize } = start;
    const walk = new Walk(window, cursor ?? { pageSize, isOrderProven }, selection.parameters(search));
    walk.growPage(pageSize);
    return walk;
  };
  // The kinds of searches by which the source has shown that it sorts, and whether these went as forms.
  const sorted = new Map<string, boolean>();
  let isOrderAssumed = false;
  let search = start.cursor?.search ?? 0;
  let walk = begin(search, start.cursor?.walk);
  let isProven = start.cursor?.walk !== undefined;
  const writer = new PageWriter(type, dependencies);
  // What comes along names more patients than the resources on the page that it is about: those are who is counted.
  const exported = new Map<string, SearchRow>();
  const companionWriter = new PageWriter(companions?.type ?? '', {
    ...dependencies,
    patients: countOfTargets(dependencies.patients, type, exported),
  });
  const startedAt = clock();
  let checkedAt = Number.NEGATIVE_INFINITY;
  let toldAt = startedAt;
  let answer = fetchPage(walk, type, source, companions, start.cursor?.walk === undefined);
  for (let pages = 1; ; pages++) {
    if (clock() - checkedAt >= STOP_CHECK_MS) {
      checkedAt = clock();
      // Awaited together, so that a page that fails meanwhile is not left unhandled.
      const [isStopped] = await Promise.all([dependencies.isStopped(), answer]);
      if (isStopped) throw new ExportError('job-stopped', 'The job was stopped.');
    }
    const { page, size, isForm } = await answer;
    if (isOrderAssumed && isForm !== sorted.get(kindOf(selection.parameters(search)))) {
      isOrderAssumed = false;
      walk = begin(search, undefined);
      answer = fetchPage(walk, type, source, companions, true);
      continue;
    }
    isOrderAssumed = false;
    const given = search;
    if (!isProven && page.self === undefined) {
      const parameters = selection.sourceOnly?.(given) ?? [];
      await proveHeeded(source, type, selection.parameters(given), parameters);
    }
    isProven = true;
    // A count may have shown that the page before was the last one.
    const rows = walk.isDone ? [] : walk.acceptPage(page);
    if (walk.isDone && search + 1 < selection.searches) {
      if (walk.isOrderProven) sorted.set(kindOf(selection.parameters(given)), isForm);
      isOrderAssumed = sorted.has(kindOf(selection.parameters(++search)));
      walk = begin(search, undefined, isOrderAssumed);
      isProven = false;
    }
    const goesOn =
      !walk.isDone &&
      pages < limits.pages &&
      writer.bytes + companionWriter.bytes + size < limits.bytes &&
      clock() - startedAt < limits.milliseconds;
    const next = goesOn ? fetchPage(walk, type, source, companions, true) : undefined;
    next?.catch(() => undefined);
    const isGivenEarlier = await selection.givenEarlier(given, idsOf(rows), window, source);
    exported.clear();
    const part = partOf(type, selection.alternative?.(given));
    await writer.write(
      part,
      rows.filter(({ id }) => id === undefined || !isGivenEarlier.has(id)),
      (row, resource) => {
        if (!selection.isExported(given, resource)) return false;
        if (row.id !== undefined) exported.set(row.id, row);
        return true;
      },
    );
    writer.count(
      part,
      rows.filter(({ id }) => id !== undefined && isGivenEarlier.has(id)),
      (resource) => selection.isExported(given, resource),
    );
    if (companions !== undefined && page.included.length > 0) {
      const along = await companions.exportedWith([...exported.keys()], page.included);
      await companionWriter.write(partOf(companions.type), along, () => true);
    }
    page.release?.();
    if (clock() - toldAt >= PROGRESS_MS) {
      toldAt = clock();
      dependencies.tellProgress(writer.report.read);
    }
    if (next === undefined) break;
    answer = next;
  }
  // A search of which no page was seen begins anew, with what has to be made sure of first.
  const cursor = walk.isDone ? undefined : { search, walk: isProven ? walk.checkpoint() : undefined };
  return { cursor, ...(await writer.close()), companions: await companionWriter.close() };
}

/** Counts what comes along by the patients of the resources on the page that it is about. */
function countOfTargets(
  patients: PatientCount,
  type: string,
  exported: ReadonlyMap<string, SearchRow>,
): PatientCount {
  return {
    look: (part, companions) =>
      patients.look(part, () => {
        const targets = companions().flatMap((resource) => [...referencesAt(resource, ['target'])]);
        const ids = new Set(targets.map(({ reference }) => idIn(reference, type) ?? ''));
        const rows = [...ids].map((id) => exported.get(id)).filter((row) => row !== undefined);
        return rows.map((row) => row.resource());
      }),
    add: (part, seen, id) => patients.add(part, seen, id),
    isFull: (part) => patients.isFull(part),
  };
}

/** The id in a reference to a resource of a type. */
function idIn(reference: unknown, type: string): string | undefined {
  if (typeof reference !== 'string') return undefined;
  const [ofType, id] = reference
    .replace(/\/_history\/.*$/s, '')
    .split('/')
    .slice(-2);
  return ofType === type ? id : undefined;
}

/** Searches by the same parameters are answered in one way; a named query is an operation of its own. */
function kindOf(parameters: SearchParameters): string {
  return JSON.stringify(parameters.map(([name, value]) => (name === '_query' ? [name, value] : name)));
}

function idsOf(rows: readonly SearchRow[]): string[] {
  return rows.map(({ id }) => id).filter((id) => id !== undefined);
}

interface FetchedPage {
  page: PageWithIncludes;
  size: number;
  /** Whether it was asked for by a form. */
  isForm: boolean;
}

/** What a source may answer to a search that asks for too much. */
const TOO_LARGE: ReadonlySet<string> = new Set(['source-page-too-large', 'source-timeout', 'source-failed']);

/** Stands for the page that a walk does not need. */
const NO_PAGE: FetchedPage = {
  page: { rows: [], included: [], isCut: false, total: 0, next: undefined, self: undefined },
  size: 0,
  isForm: false,
};

/**
 * Asks until there is a page: counts what has to be counted, asks for less where the source refuses.
 * @param isLinkOurs whether a next link was given in this slice, so that to do the slice again gives another one
 */
async function fetchPage(
  walk: Walk,
  type: string,
  source: Source,
  companions: Companions | undefined,
  isLinkOurs: boolean,
): Promise<FetchedPage> {
  const read = ({ body, isForm = false, release }: SourceAnswer): FetchedPage => {
    const page = readSearchPage(body, type, companions?.type, release);
    if (page.isCut && companions !== undefined) throw cut(type, companions.type);
    // The self link of a form need not repeat what stands in the form; without any of it, it tells nothing.
    const tells = !isForm || page.self?.includes('?') === true;
    return { page: tells ? page : { ...page, self: undefined }, size: body.length, isForm };
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
    } catch (thrown) {
      if (!(thrown instanceof ExportError) || request.kind === 'count') throw thrown;
      const asksForLess =
        ((thrown.code === 'source-refused' || thrown.code === 'source-link-expired') &&
          walk.acceptRefusal(SMALLEST_TRIED_PAGE)) ||
        (TOO_LARGE.has(thrown.code) && walk.halvePage());
      if (asksForLess) continue;
      const retryable = thrown.retryable || (thrown.code === 'source-link-expired' && isLinkOurs);
      throw aboutSearch(thrown, retryable, type, walk.hasParameters);
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

/** Whose resource it is, nothing can say: it fails in whatever search it is found. */
const NOT_UTF8 = { code: 'not-utf8', message: 'Its bytes are not UTF-8, as JSON has to be.' };

/** A resource that the configuration does not let be left out. `message` holds no value of it. */
export function resourceFailed(type: string, message: string): ExportError {
  return new ExportError(
    'resource-failed',
    `A ${type} resource could not be anonymized: ${message} The configuration says to stop then; with "processingErrors": "skip" such resources are left out and reported.`,
  );
}

/** Turns rows into lines of the slice's file. */
export class PageWriter {
  readonly report = emptyReport();
  readonly #type: string;
  readonly #dependencies: SliceDependencies;
  readonly #lines = new PageLines();
  readonly #counts = new EngineReport();
  #file: LineSink | undefined;

  constructor(type: string, dependencies: SliceDependencies) {
    this.#type = type;
    this.#dependencies = dependencies;
  }

  get bytes(): number {
    return this.#file?.bytes ?? 0;
  }

  /** @param isExported judges a resource, which is parsed if that is asked for */
  async write(
    part: string,
    rows: readonly SearchRow[],
    isExported: (row: SearchRow, resource: () => JsonObject) => boolean,
  ): Promise<void> {
    const { clock } = this.#dependencies;
    let turnAt = clock();
    for (const row of rows) {
      this.#makeLine(part, row, isExported);
      if (this.#lines.bytes >= MOST_HELD) await this.#writeLines();
      if (clock() - turnAt >= YIELD_MS) {
        await new Promise((resolve) => setImmediate(resolve));
        turnAt = clock();
      }
    }
    await this.#writeLines();
  }

  /**
   * Counts the patients of resources that match this part, too, and were written in an earlier one: only of those that
   * can be written.
   */
  count(part: string, rows: readonly SearchRow[], isExported: (resource: () => JsonObject) => boolean): void {
    const { lineMaker, patients } = this.#dependencies;
    const { buffer } = this.#lines;
    const { length } = buffer;
    for (const row of rows) {
      if (patients.isFull(part)) break;
      if (row.json === undefined) continue;
      const resource = row.resource();
      if (!isExported(() => resource)) continue;
      const seen = patients.look(part, () => [resource]);
      // Neither the line nor what it counts is a part of the slice.
      const failure = lineMaker.makeLine(row.json, buffer, new EngineReport());
      if (failure === undefined) patients.add(part, seen, row.id);
      buffer.truncate(length);
    }
  }

  async close(): Promise<{ lines: number; bytes: number; report: SliceReport }> {
    await this.#file?.close();
    const lines = this.#file?.lines ?? 0;
    this.report.written = lines;
    addCounts(this.report.dropped, this.#counts.dropped);
    addCounts(this.report.labels, this.#counts.labels);
    addUndecided(this.report, this.#counts.undecided);
    return { lines, bytes: this.bytes, report: this.report };
  }

  #makeLine(
    part: string,
    row: SearchRow,
    isExported: (row: SearchRow, resource: () => JsonObject) => boolean,
  ): void {
    const { lineMaker, patients } = this.#dependencies;
    if (row.json === undefined) {
      this.report.read++;
      return this.#fail(NOT_UTF8);
    }
    let parsed: JsonObject | undefined;
    const resource = (): JsonObject => (parsed ??= row.resource());
    if (!isExported(row, resource)) return;
    this.report.read++;
    const seen = patients.look(part, () => [resource()]);
    const failure = lineMaker.makeLine(row.json, this.#lines.buffer, this.#counts);
    if (failure !== undefined) return this.#fail(failure);
    this.#lines.end();
    // What is not written does not count.
    patients.add(part, seen, row.id);
  }

  async #writeLines(): Promise<void> {
    const lines = this.#lines.count;
    if (lines === 0) return;
    this.#file ??= await this.#dependencies.openFile(this.#type);
    const full = this.#file.writeLines(this.#lines.take(), lines);
    if (full !== undefined) await full;
  }

  #fail(failure: { code: string; message: string }): void {
    const { processingErrors } = this.#dependencies.lineMaker;
    const { code, message } = failure;
    if (processingErrors === 'raise') throw resourceFailed(this.#type, message);
    const endsJob = processingErrors === 'raise-at-end' ? { endsJob: true as const } : {};
    addFailure(this.report, { type: this.#type, code, message, count: 1, ...endsJob });
  }
}
