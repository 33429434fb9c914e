import { ExportError } from '../../common/errors.js';
import { EngineReport } from '../../deid/run/report.js';
import { referencesAt } from '../../fhir/reference.js';
import type { JsonObject } from '../../json/json.js';
import type { LineMaker, LineSink } from '../output/lineMaker.js';
import { PageLines } from '../output/pageLines.js';
import { addedContent, contentOf } from '../records/content.js';
import { addCounts, addFailure, addUndecided, emptyReport, type SliceReport } from '../records/job.js';
import type { PatientCount } from '../selection/patientCount.js';
import type { SearchRow } from '../source/resourceRow.js';

/** What turns resources into lines of files. */
export interface PageDependencies {
  lineMaker: LineMaker;
  /** Counts the patients whose data is written. */
  patients: PatientCount;
  /** Called once a type, when its first line is there. */
  openFile: (type: string) => Promise<LineSink>;
  /** Milliseconds since any fixed moment. */
  clock: () => number;
}

/** The event loop gets a turn at least this often, so that the host and other slices stay alive. */
const YIELD_MS = 10;
/** Bytes of lines that wait to be put in order: all of a page, unless its resources are large. */
const MAX_HELD = 4_194_304;

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
  readonly #dependencies: PageDependencies;
  readonly #lines = new PageLines();
  readonly #counts = new EngineReport();
  #file: LineSink | undefined;

  constructor(type: string, dependencies: PageDependencies) {
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
      this.add(part, row, isExported);
      if (this.#lines.bytes >= MAX_HELD) await this.flush();
      if (clock() - turnAt >= YIELD_MS) {
        await new Promise((resolve) => setImmediate(resolve));
        turnAt = clock();
      }
    }
    await this.flush();
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
    for (const type of this.#counts.types.values())
      this.report.content = addedContent(this.report.content, contentOf(type));
    return { lines, bytes: this.bytes, report: this.report };
  }

  /** Adds one row, whose line waits for `flush`. */
  add(
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

  /** Writes the lines that wait. */
  async flush(): Promise<void> {
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

/** Counts what comes along by the patients of the resources on the page that it is about. */
export function countOfTargets(
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
