import { ExportError } from '../../common/errors.js';
import { addFailure, addUnproven, type SliceReport, type Unproven } from '../records/job.js';
import type { Companions } from '../selection/companions.js';
import { partOf } from '../selection/patientCount.js';
import type { Selection, SliceCursor } from '../selection/selection.js';
import type { SearchRow } from '../source/resourceRow.js';
import { mayTry, onRefusal } from '../source/refusals.js';
import type { Source } from '../source/source.js';
import type { Window } from '../walk/window.js';
import { countOfTargets, type PageDependencies, PageWriter } from './pageWriter.js';
import { type ReadPage, Reading } from './reading.js';

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
  /** Whether a source that refuses the very first search may have its type left out; else that is an error. */
  mayLeaveOut?: boolean;
}

/** What a slice needs of the outside world. */
export interface SliceDependencies extends PageDependencies {
  source: Source;
  companions?: Companions | undefined;
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
  /** Resources of the window that the source gave in all slices, exported or not; absent where that is not known. */
  walked?: number;
  companions: { lines: number; bytes: number; report: SliceReport };
}

export const STOP_CHECK_MS = 2000;
export const PROGRESS_MS = 1000;

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
  const { clock, source, companions, isStopped, tellProgress } = dependencies;
  const { pageSize, cursor } = start;
  const reading = new Reading({ window, selection, pageSize, source, companions }, cursor);
  const writers = new SliceWriters(window, selection, dependencies);
  if (cursor === undefined && start.mayLeaveOut === true) {
    const refusal = await typeRefusal(reading, source, window.type);
    if (refusal !== undefined) {
      writers.leaveOut(refusal);
      return { cursor: undefined, ...(await writers.close()) };
    }
  }
  const startedAt = clock();
  let checkedAt = Number.NEGATIVE_INFINITY;
  // The first page of a partition shows that it is being read.
  let toldAt = cursor === undefined ? Number.NEGATIVE_INFINITY : startedAt;
  for (let pages = 1; ; pages++) {
    if (clock() - checkedAt >= STOP_CHECK_MS) {
      checkedAt = clock();
      // Awaited together, so that a page that fails meanwhile is not left unhandled.
      const [isToStop] = await Promise.all([isStopped(), reading.answer]);
      if (isToStop) throw new ExportError('job-stopped', 'The job was stopped.');
    }
    const read = await reading.take();
    const goesOn =
      !reading.isDone &&
      pages < limits.pages &&
      writers.bytes + read.size < limits.bytes &&
      clock() - startedAt < limits.milliseconds;
    if (goesOn) reading.ask();
    await writers.write(read);
    const isFirst = toldAt < startedAt;
    if (isFirst ? goesOn && writers.read > 0 : clock() - toldAt >= PROGRESS_MS) {
      toldAt = clock();
      tellProgress(writers.read);
    }
    if (!goesOn) break;
  }
  writers.doubt(reading.unproven);
  const { walked } = reading;
  return { cursor: reading.cursor, ...(walked === undefined ? {} : { walked }), ...(await writers.close()) };
}

/** What the source answers where it refuses all searches for a type: the first one, and the plainest there is. */
function typeRefusal(reading: Reading, source: Source, type: string): Promise<ExportError | undefined> {
  return reading.answer.then(
    () => undefined,
    onRefusal('leave out', () =>
      source.search(type, [['_count', '1']]).then(
        () => undefined,
        (error: unknown) => (mayTry('leave out', error) ? error : undefined),
      ),
    ),
  );
}

/** The file of a slice, and that of what comes along. */
class SliceWriters {
  readonly #window: Window;
  readonly #selection: Selection;
  readonly #dependencies: SliceDependencies;
  readonly #own: PageWriter;
  readonly #along: PageWriter;
  /** The rows of the page that are exported. */
  readonly #exported = new Map<string, SearchRow>();

  constructor(window: Window, selection: Selection, dependencies: SliceDependencies) {
    this.#window = window;
    this.#selection = selection;
    this.#dependencies = dependencies;
    this.#own = new PageWriter(window.type, dependencies);
    // What comes along names more patients than the resources on the page that it is about: those are who is counted.
    this.#along = new PageWriter(dependencies.companions?.type ?? '', {
      ...dependencies,
      patients: countOfTargets(dependencies.patients, window.type, this.#exported),
    });
  }

  get bytes(): number {
    return this.#own.bytes + this.#along.bytes;
  }

  /** Resources of the window that were read. */
  get read(): number {
    return this.#own.report.read;
  }

  /** Writes what is exported of a page, and lets its memory go. */
  async write({ page, rows, search }: ReadPage): Promise<void> {
    const { source, companions } = this.#dependencies;
    const selection = this.#selection;
    const ids = rows.map(({ id }) => id).filter((id) => id !== undefined);
    const givenEarlier = await selection.givenEarlier(search, ids, this.#window, source);
    const isGivenEarlier = ({ id }: SearchRow): boolean => id !== undefined && givenEarlier.has(id);
    this.#exported.clear();
    const part = partOf(this.#window.type, selection.alternative?.(search));
    const isAnyGiven = givenEarlier.size > 0;
    const fresh = isAnyGiven ? rows.filter((row) => !isGivenEarlier(row)) : rows;
    await this.#own.write(part, fresh, (row, resource) => {
      if (!selection.isExported(search, resource)) return false;
      if (companions !== undefined && row.id !== undefined) this.#exported.set(row.id, row);
      return true;
    });
    if (isAnyGiven) {
      const given = rows.filter(isGivenEarlier);
      this.#own.count(part, given, (resource) => selection.isExported(search, resource));
    }
    if (companions !== undefined && page.included.length > 0) {
      const along = await companions.exportedWith([...this.#exported.keys()], page.included);
      await this.#along.write(partOf(companions.type), along, () => true);
    }
    page.release?.();
  }

  /** Reports that the source refuses to be searched for the type. */
  leaveOut({ code, message }: ExportError): void {
    addFailure(this.#own.report, { type: this.#window.type, code, message, count: 1, isType: true });
  }

  /** Reports what the source did not let be shown. */
  doubt(unproven: ReadonlySet<Unproven>): void {
    for (const what of unproven) addUnproven(this.#own.report, what, [this.#window.type]);
  }

  async close(): Promise<Pick<SliceResult, 'lines' | 'bytes' | 'report' | 'companions'>> {
    return { ...(await this.#own.close()), companions: await this.#along.close() };
  }
}
