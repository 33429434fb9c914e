import { ExportError } from '../../common/errors.js';
import type { CompartmentSelection } from '../selection/compartment.js';
import { type PatientCounter, partOf } from '../selection/patientCount.js';
import type { FileCursor, FilePart, SliceRecord } from '../records/job.js';
import { type FileLine, type LineBlock, LineReader } from '../source/fileLines.js';
import { placeIn, type Span, spanOf, type Window } from '../walk/window.js';
import type { LineIndex } from './doubles.js';
import { type PageDependencies, PageWriter } from './pageWriter.js';
import { PROGRESS_MS, type SliceDependencies, type SliceLimits, STOP_CHECK_MS } from './slice.js';

/** How lines of one type are written. */
export interface TypeChoice {
  /** `undefined` at the system level. */
  compartment: CompartmentSelection | undefined;
  /** How lines of before the window are chosen, where members joined after `_since`; absent: none is exported. */
  earlier?: { compartment: CompartmentSelection | undefined };
  patients: PatientCounter;
}

/** What a slice of a file needs of the outside world. */
export interface FileSliceDependencies
  extends Omit<PageDependencies, 'patients'>, Pick<SliceDependencies, 'isStopped' | 'tellProgress'> {
  /** The lines from where the slice begins. */
  blocks: AsyncIterable<LineBlock>;
  /** How lines of a type are chosen; `undefined`: none is exported. @throws ExportError where FHIR has no such type */
  choiceOf: (type: string, refuse: (isOfFile: boolean) => never) => TypeChoice | undefined;
  /** Places of lines that others of the same resource supersede, in order. */
  superseded: Float64Array;
  /** Takes the lines; absent where doubles are known. */
  index?: LineIndex | undefined;
}

export interface FileSliceResult {
  /** `undefined`: the part is complete. */
  cursor: FileCursor | undefined;
  /** Lines read that could be exported. */
  read: number;
  /** All lines read. */
  lines: number;
  /** Without the files, which the caller names. */
  byType: Map<string, WrittenType>;
}

export type WrittenType = Pick<SliceRecord, 'report' | 'foreign' | 'ofOthers' | 'counts'> & {
  lines: number;
  bytes: number;
};

/**
 * Exports a bounded part of a file, by types as its lines have them. Bounds of time are applied here.
 * @throws ExportError; the output files are then not whole and their names must not become known
 */
export async function runFileSlice(
  part: FilePart,
  window: Window,
  limits: SliceLimits,
  dependencies: FileSliceDependencies,
): Promise<FileSliceResult> {
  const { blocks, clock, isStopped, tellProgress } = dependencies;
  const writers = new TypeWriters(window, dependencies);
  const reader = new LineReader(part);
  const startedAt = clock();
  // What is read from its start by each slice has as few of them as it can.
  const { bulk } = part;
  const isReadAgain = bulk !== undefined && (part.isGzip === true || !bulk.hasRanges);
  let checkedAt = Number.NEGATIVE_INFINITY;
  let toldAt = startedAt;
  let pages = 0;
  let lines = 0;
  let cursor: FileCursor | undefined;
  for await (const block of blocks) {
    if (clock() - checkedAt >= STOP_CHECK_MS) {
      checkedAt = clock();
      if (await isStopped()) throw new ExportError('job-stopped', 'The job was stopped.');
    }
    let isAtEnd = false;
    for (const line of reader.lines(block)) {
      isAtEnd = line.place >= part.end;
      if (isAtEnd) break;
      writers.write(line, (isOfFile) => reader.refuseType(line.place, isOfFile));
      lines++;
    }
    await writers.flush();
    if (isAtEnd) break;
    if (clock() - toldAt >= PROGRESS_MS) {
      toldAt = clock();
      tellProgress(writers.read);
    }
    const isFull = ++pages >= limits.pages || writers.bytes >= limits.bytes;
    const isOver = (isFull && !isReadAgain) || clock() - startedAt >= limits.milliseconds;
    const place = block.place + block.bytes.length;
    if (isOver && place < part.end) {
      cursor = block.digest === undefined ? { place } : { place, before: block.digest() };
      break;
    }
    // The event loop gets a turn, so that the host and other slices stay alive.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { cursor, read: writers.read, lines, byType: await writers.close() };
}

/** The output files of a slice, one a type. */
class TypeWriters {
  /** Lines that could be exported. */
  read = 0;
  /** Places of superseded lines that come no more. */
  #passed = 0;
  readonly #window: Window;
  readonly #span: Span;
  readonly #dependencies: FileSliceDependencies;
  readonly #byType = new Map<string, { choice: TypeChoice; writer: PageWriter } | undefined>();

  constructor(window: Window, dependencies: FileSliceDependencies) {
    this.#window = window;
    this.#span = spanOf(window);
    this.#dependencies = dependencies;
  }

  get bytes(): number {
    return this.#open.reduce((sum, { writer }) => sum + writer.bytes, 0);
  }

  write({ place, type, row }: FileLine, refuse: (isOfFile: boolean) => never): void {
    const { index } = this.#dependencies;
    const own = this.#of(type, refuse);
    if (own === undefined) return;
    this.read++;
    if (this.#isSuperseded(place)) return;
    // Whether it is exported or not: of a resource, one line counts.
    index?.add(type, row, place);
    const { choice, writer } = own;
    const where = row.lastUpdated === undefined ? 'in' : placeIn(this.#span, row.lastUpdated);
    if (where === 'after' || (where === 'before' && choice.earlier === undefined)) return;
    const { compartment } = where === 'before' ? (choice.earlier ?? choice) : choice;
    writer.add(partOf(type), row, (_, resource) => {
      if (compartment?.isExported(0, resource) === false) return false;
      if (row.lastUpdated === undefined) this.#countUndated(writer);
      return true;
    });
  }

  /** Writes what the lines of a block have come to. */
  async flush(): Promise<void> {
    for (const { writer } of this.#open) await writer.flush();
  }

  async close(): Promise<Map<string, WrittenType>> {
    const written = new Map<string, WrittenType>();
    for (const [type, own] of this.#byType) {
      if (own === undefined) continue;
      const { compartment, earlier, patients } = own.choice;
      const counts = patients.counts();
      written.set(type, {
        ...(await own.writer.close()),
        foreign: (compartment?.foreign ?? 0) + (earlier?.compartment?.foreign ?? 0),
        ofOthers: (compartment?.ofOthers ?? 0) + (earlier?.compartment?.ofOthers ?? 0),
        counts,
      });
    }
    return written;
  }

  get #open(): Array<{ choice: TypeChoice; writer: PageWriter }> {
    return [...this.#byType.values()].filter((own) => own !== undefined);
  }

  #of(
    type: string,
    refuse: (isOfFile: boolean) => never,
  ): { choice: TypeChoice; writer: PageWriter } | undefined {
    if (this.#byType.has(type)) return this.#byType.get(type);
    const choice = this.#dependencies.choiceOf(type, refuse);
    const own = choice && {
      choice,
      writer: new PageWriter(type, { ...this.#dependencies, patients: choice.patients }),
    };
    this.#byType.set(type, own);
    return own;
  }

  /** Lines come in the order of their places, as those that are superseded are. */
  #isSuperseded(place: number): boolean {
    const { superseded } = this.#dependencies;
    while ((superseded[this.#passed] ?? Infinity) < place) this.#passed++;
    return superseded[this.#passed] === place;
  }

  #countUndated({ report }: PageWriter): void {
    const { from, untilAsked } = this.#window;
    if (from !== undefined || untilAsked === true) report.undated = (report.undated ?? 0) + 1;
  }
}
