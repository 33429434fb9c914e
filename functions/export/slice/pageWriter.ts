import { ExportError } from '../../common/errors.js';
import { LACKS_PSEUDONYMS } from '../../deid/run/engine.js';
import { EngineReport } from '../../deid/run/report.js';
import { referencesAt } from '../../fhir/reference.js';
import type { JsonObject } from '../../json/json.js';
import { JsonTape, type TapeValue } from '../../json/jsonTape.js';
import type { LineMaker, LineSink } from '../output/lineMaker.js';
import { PageLines } from '../output/pageLines.js';
import { addedContent, contentOf, operationsOf } from '../records/content.js';
import {
  addCounts,
  addFailure,
  addOperations,
  addUndecided,
  emptyReport,
  type SliceReport,
} from '../records/job.js';
import type { ClassCollector } from '../risk/classCollector.js';
import type { PatientCount } from '../selection/patientCount.js';
import type { SearchRow } from '../source/resourceRow.js';
import type { ReferenceCollector } from './referenceCollector.js';

/** What turns resources into lines of files. */
export interface PageDependencies {
  lineMaker: LineMaker;
  /** Counts the patients whose data is written. */
  patients: PatientCount;
  /** Takes what written resources refer to; absent: nothing of it is exported. */
  references?: ReferenceCollector | undefined;
  /** Takes the lines of Patients; absent: these are not compared. */
  classes?: ClassCollector | undefined;
  /** Called once a type, when its first line is there. */
  openFile: (type: string) => Promise<LineSink>;
  /** Milliseconds since any fixed moment. */
  clock: () => number;
}

/** The event loop gets a turn at least this often, so that the host and other slices stay alive. */
const YIELD_MS = 10;
/** Bytes of lines that wait to be put in order: all of a page, unless its resources are large. */
const MAX_HELD = 4_194_304;

/** Bytes of resources that wait for pseudonyms, besides those that came last. */
const MAX_WAITING = 4_194_304;
/** A resource, or a page of them, whose pseudonyms were asked for so often has more than can be known at a time. */
const MAX_ROUNDS = 20;

/** Whose resource it is, nothing can say: it fails in whatever search it is found. */
const NOT_UTF8 = { code: 'not-utf8', message: 'Its bytes are not UTF-8, as JSON has to be.' };

/** A resource that the configuration does not let be left out. `message` holds no value of it. */
export function resourceFailed(type: string, message: string): ExportError {
  return new ExportError(
    'resource-failed',
    `A ${type} resource could not be anonymized: ${message} The configuration says to stop then; with "processingErrors": "skip" such resources are left out and reported.`,
  );
}

/** A resource that waits for pseudonyms, with what is to be done when its line is made. */
interface Waiting {
  readonly bytes: Buffer;
  /** Whether its line is written, or only counts. */
  readonly isWritten: boolean;
  /** How often its pseudonyms were asked for. */
  readonly rounds: number;
  readonly onMade: () => void;
}

/** Resources whose pseudonyms are asked for. */
interface Asked {
  readonly resources: readonly Waiting[];
  readonly bytes: number;
  readonly answer: Promise<void>;
  isAnswered: boolean;
}

/** Turns rows into lines of the slice's file. */
export class PageWriter {
  readonly report = emptyReport();
  readonly #type: string;
  readonly #dependencies: PageDependencies;
  readonly #classes: ClassCollector | undefined;
  readonly #lines = new PageLines();
  readonly #counts = new EngineReport();
  readonly #tape = new JsonTape();
  #waiting: Waiting[] = [];
  readonly #asked: Asked[] = [];
  #file: LineSink | undefined;

  constructor(type: string, dependencies: PageDependencies) {
    this.#type = type;
    this.#dependencies = dependencies;
    this.#classes = type === 'Patient' ? dependencies.classes : undefined;
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
      if (this.#lines.bytes >= MAX_HELD) await this.#writeLines();
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
    const { patients } = this.#dependencies;
    for (const row of rows) {
      if (patients.isFull(part)) break;
      if (row.json === undefined) continue;
      const resource = row.resource();
      if (!isExported(() => resource)) continue;
      const seen = patients.look(part, () => [resource]);
      this.#make(row.json, { isWritten: false, rounds: 0, onMade: () => patients.add(part, seen, row.id) });
    }
  }

  async close(): Promise<{ lines: number; bytes: number; report: SliceReport }> {
    do {
      this.#ask();
      await this.#makeAsked(0);
    } while (this.#waiting.length > 0);
    await this.#writeLines();
    await this.#file?.close();
    const lines = this.#file?.lines ?? 0;
    this.report.written = lines;
    addCounts(this.report.dropped, this.#counts.dropped);
    addCounts(this.report.labels, this.#counts.labels);
    addOperations(this.report, operationsOf(this.#counts));
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
    const { patients } = this.#dependencies;
    if (row.json === undefined) {
      this.report.read++;
      return this.#fail(NOT_UTF8);
    }
    let parsed: JsonObject | undefined;
    const resource = (): JsonObject => (parsed ??= row.resource());
    if (!isExported(row, resource)) return;
    this.report.read++;
    const seen = patients.look(part, () => [resource()]);
    // What is not written does not count.
    this.#make(row.json, { isWritten: true, rounds: 0, onMade: () => patients.add(part, seen, row.id) });
  }

  /** Makes the line of a resource, now or when its pseudonyms are known. */
  #make(json: TapeValue, how: Omit<Waiting, 'bytes'>): void {
    const { lineMaker } = this.#dependencies;
    const { buffer } = this.#lines;
    const { length } = buffer;
    // Neither a line that is not written nor what it counts is a part of the slice.
    const failure = lineMaker.makeLine(json, buffer, how.isWritten ? this.#counts : new EngineReport());
    if (failure === LACKS_PSEUDONYMS) {
      const { tape, node, bytes } = json;
      // The bytes may be used for others then.
      const own = bytes.subarray(tape.start(node), tape.end(node));
      this.#waiting.push({ ...how, rounds: how.rounds + 1, bytes: Buffer.from(own) });
    } else if (failure === undefined) {
      if (how.isWritten) {
        this.#classes?.add(lineMaker.comparedLine?.() ?? buffer.slice(length, buffer.length));
        this.#lines.end();
        this.#dependencies.references?.add(this.#type, json);
      } else buffer.truncate(length);
      how.onMade();
    } else if (how.isWritten) this.#fail(failure);
  }

  /**
   * Writes the lines that are made. Those that lack pseudonyms wait for a later call, so that the service answers while
   * other pages are read; `close` waits for them.
   * @throws ExportError where a pseudonym cannot be had
   */
  async flush(): Promise<void> {
    this.#ask();
    await this.#makeAsked(MAX_WAITING);
    await this.#writeLines();
    await this.#classes?.settle();
  }

  /** Begins to ask for the pseudonyms that resources wait for. */
  #ask(): void {
    const resources = this.#waiting;
    if (resources.length === 0) return;
    if (resources.some(({ rounds }) => rounds > MAX_ROUNDS)) throw tooManyPseudonyms(this.#type);
    this.#waiting = [];
    const answer = Promise.resolve(this.#dependencies.lineMaker.askPseudonyms?.());
    const bytes = resources.reduce((sum, resource) => sum + resource.bytes.length, 0);
    const asked: Asked = { resources, answer, bytes, isAnswered: false };
    this.#asked.push(asked);
    const end = (): void => {
      asked.isAnswered = true;
    };
    // A failure is thrown when it is its turn.
    answer.then(end, end);
  }

  /** Makes the lines whose pseudonyms have come, and of others as many that no more bytes wait than given. */
  async #makeAsked(most: number): Promise<void> {
    let waiting = this.#asked.reduce((sum, { bytes }) => sum + bytes, 0);
    for (let asked = this.#asked[0]; asked?.isAnswered === true || waiting > most; asked = this.#asked[0]) {
      if (asked === undefined) return;
      await asked.answer;
      this.#asked.shift();
      waiting -= asked.bytes;
      for (const { bytes, ...how } of asked.resources) {
        if (!this.#tape.read(bytes)) throw new TypeError('A resource that is no JSON.');
        this.#make({ tape: this.#tape, node: this.#tape.root, bytes }, how);
        if (this.#lines.bytes >= MAX_HELD) await this.#writeLines();
      }
    }
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

function tooManyPseudonyms(type: string): ExportError {
  return new ExportError(
    'pseudonym-service-wrong',
    `A page of ${type} resources has more values to pseudonymize than can be known at a time. Lower PAGE_SIZE.`,
  );
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
