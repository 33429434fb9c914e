import { isUtf8 } from 'node:buffer';
import { ExportError } from '../functions/common/errors.js';
import {
  type Engine,
  LACKS_PSEUDONYMS,
  type ProcessingFailure,
  type ResourceContext,
} from '../functions/deid/run/engine.js';
import type { EngineReport } from '../functions/deid/run/report.js';
import type { JobPseudonyms } from '../functions/export/output/jobPseudonyms.js';
import { notJson } from '../functions/json/json.js';
import { JsonTape, OBJECT } from '../functions/json/jsonTape.js';
import { LineBuffer } from '../functions/json/lineBuffer.js';
import { notUtf8 } from '../functions/json/utf8.js';
import { GZIP_MAGIC } from './gzip.js';

/** An engine, and the pseudonyms that it looks into, where its rules need some. */
export interface AnonymizingEngine {
  readonly engine: Engine;
  readonly pseudonyms: JobPseudonyms | undefined;
}

/** What is wrong with a line. Holds nothing of its content. */
type LineProblem = Pick<ProcessingFailure, 'message' | 'rule'>;

/** What a line of the input has become: one of the output, with its line break, or a problem. */
export interface LineResult {
  readonly line: number;
  readonly made: Buffer | LineProblem;
}

interface Queued {
  readonly line: number;
  /** As it came, while its pseudonyms are missing. */
  readonly bytes: Buffer | undefined;
  readonly made: Buffer | LineProblem;
}

const LINE_BREAK = 0x0a;
/** Lines that wait for pseudonyms are so many at most, and have so many bytes. */
const MAX_LINES = 1000;
const MAX_BYTES = 8 * 1024 * 1024;
/** A file whose values are asked for so often has more in a line than can be known at a time. */
const MAX_ROUNDS = 20;

/** De-identifies lines, which keep their order: those that lack pseudonyms, and those after them, wait. */
export class LineQueue {
  readonly #engine: Engine;
  readonly #pseudonyms: JobPseudonyms | undefined;
  readonly #report: EngineReport;
  readonly #context: ResourceContext;
  readonly #tape = new JsonTape();
  readonly #made = new LineBuffer();
  #queue: Queued[] = [];
  #bytes = 0;
  #waits = false;

  constructor(
    engine: Engine,
    pseudonyms: JobPseudonyms | undefined,
    report: EngineReport,
    context: ResourceContext,
  ) {
    this.#engine = engine;
    this.#pseudonyms = pseudonyms;
    this.#report = report;
    this.#context = context;
  }

  /** @returns what can be written now @throws ExportError where a pseudonym cannot be had */
  async add(line: number, bytes: Buffer): Promise<readonly LineResult[]> {
    this.#queue.push(this.#make(line, bytes));
    this.#bytes += bytes.length;
    return this.#waits && this.#queue.length < MAX_LINES && this.#bytes < MAX_BYTES ? [] : this.take();
  }

  /** All that waits. @throws ExportError where a pseudonym cannot be had */
  async take(): Promise<readonly LineResult[]> {
    for (let round = 0; this.#waits; round++) {
      if (round >= MAX_ROUNDS) throw tooManyPseudonyms();
      await this.#pseudonyms?.ask();
      this.#waits = false;
      this.#queue = this.#queue.map((queued) =>
        queued.bytes === undefined ? queued : this.#make(queued.line, queued.bytes),
      );
    }
    const taken = this.#queue;
    this.#queue = [];
    this.#bytes = 0;
    return taken;
  }

  #make(line: number, bytes: Buffer): Queued {
    const made = this.#made;
    made.truncate(0);
    const tape = this.#tape;
    const problem =
      problemOf(tape, bytes) ??
      this.#engine.anonymize({ tape, node: tape.root, bytes }, made, this.#report, this.#context);
    if (problem === LACKS_PSEUDONYMS) {
      this.#waits = true;
      return { line, bytes: Buffer.from(bytes), made: problem };
    }
    if (problem !== undefined) return { line, bytes: undefined, made: problem };
    made.byte(LINE_BREAK);
    // The buffer is used again.
    return { line, bytes: undefined, made: Buffer.from(made.slice(0, made.length)) };
  }
}

function tooManyPseudonyms(): ExportError {
  return new ExportError(
    'pseudonym-service-wrong',
    'A resource has more values to pseudonymize than can be known at a time.',
  );
}

/** Reads bytes onto a tape. @returns what is wrong with them, if they are no JSON object */
function problemOf(tape: JsonTape, bytes: Buffer): { message: string; rule?: string } | undefined {
  if (isUtf8(bytes) && tape.read(bytes))
    return tape.kind(tape.root) === OBJECT ? undefined : { message: 'Not a JSON object' };
  if (bytes.subarray(0, GZIP_MAGIC.length).equals(GZIP_MAGIC))
    return { message: 'Not JSON: it is gzip. Give the file a name that ends with .gz' };
  const error = isUtf8(bytes) ? notJson(tape) : notUtf8(bytes);
  return { message: `Not JSON: ${error.message}` };
}
