import { createHmac } from 'node:crypto';
import { ExportError } from '../../common/errors.js';
import { EngineReport } from '../../deid/run/report.js';
import { LACKS_PSEUDONYMS } from '../../deid/run/engine.js';
import { isJsonObject, parseJson } from '../../json/json.js';
import { LineBuffer } from '../../json/lineBuffer.js';
import type { LineSink } from '../output/lineMaker.js';
import {
  addReport,
  type BlockCursor,
  type BlockPart,
  type BlockType,
  emptyReport,
  type SliceReport,
} from '../records/job.js';
import type { PatientSearches } from '../selection/patientSearches.js';
import { readSingle } from '../source/singleResource.js';
import type { Window } from '../walk/window.js';
import { PatientSlice } from './patientSlice.js';
import { type SliceDependencies, type SliceLimits, STOP_CHECK_MS } from './slice.js';

/** The searches of one type for one patient, and the window of the type. */
export interface BlockSearches {
  searches: PatientSearches;
  window: Window;
}

export interface BlockSliceInput {
  part: BlockPart;
  cursor: BlockCursor | undefined;
  /** Ids of the members in the order of blocks. */
  ids: readonly string[];
  /** @returns `undefined`: of that patient there are none */
  searchesOf: (type: BlockType, id: string) => BlockSearches | undefined;
  pageSize: number;
  concurrency: number;
  /** Whether the job exports Patients, so that the rules for these have to be right. */
  hasPatients: boolean;
}

export interface BlockSliceResult {
  cursor: BlockCursor | undefined;
  /** By type, of those that were read. */
  byType: Map<string, SliceReport>;
  /** The types in the file. */
  written: string[];
  lines: number;
  bytes: number;
  /** Whether the file begins within the block that the file before ends with. */
  isContinued: boolean;
  read: number;
}

/** A resource whose pseudonyms were asked for so often has more than can be known at a time. */
const MAX_ROUNDS = 20;
/** A block is not ended before the slice has done so many times what it may. */
const MAX_OVERRUN = 2;

/**
 * The members in an order that only the job knows: in that of their ids, two exports under different keys could be joined
 * by the position of their blocks.
 */
export function inOrderOfBlocks(ids: readonly string[], secret: Uint8Array): string[] {
  const keyed = ids.map((id) => ({
    id,
    key: createHmac('sha256', secret).update(`block ${id}`).digest('hex'),
  }));
  return keyed.sort((one, other) => (one.key < other.key ? -1 : 1)).map(({ id }) => id);
}

/**
 * A bounded part of a partition that is written patient by patient: a header, then the patient's resources, type by type.
 * A block without resources has no header. https://hl7.org/fhir/uv/bulkdata/STU3/export.html#bulk-data-output-file-organization
 * @throws ExportError; the file is then not whole and its name must not become known
 */
export async function runBlockSlice(
  input: BlockSliceInput,
  limits: SliceLimits,
  dependencies: SliceDependencies,
): Promise<BlockSliceResult> {
  const { part, ids } = input;
  const { clock } = dependencies;
  const startedAt = clock();
  const file = new BlockFile(dependencies, input.hasPatients);
  const byType = new Map<string, SliceReport>();
  const own = withFewerChecks(dependencies);
  let read = 0;
  let cursor: BlockCursor | undefined;
  let { block, type, within, isBegun } = input.cursor ?? {
    block: part.first,
    type: 0,
    within: undefined,
    isBegun: false,
  };
  const left = (times: number): SliceLimits => ({
    pages: limits.pages,
    bytes: Math.max(1, limits.bytes * times - file.bytes),
    milliseconds: Math.max(1, limits.milliseconds - (clock() - startedAt)),
  });
  const isOver = (): boolean => file.bytes >= limits.bytes || clock() - startedAt >= limits.milliseconds;
  while (block < part.end && cursor === undefined) {
    const id = ids[block] ?? '';
    file.begin(id, isBegun);
    for (; type < part.types.length && cursor === undefined; type++) {
      const asked = part.types[type] as BlockType;
      const { type: name, takesNoCount } = asked;
      const found = input.searchesOf(asked, id);
      if (found === undefined) continue;
      const { searches, window } = found;
      const start = {
        pageSize: takesNoCount ? undefined : input.pageSize,
        concurrency: input.concurrency,
        cursor: within,
        // They come with what was changed since.
        leavesOutUndated: asked.isOfJoined === true,
      };
      const slice = new PatientSlice(window, searches, start, left(MAX_OVERRUN), {
        ...own,
        openFile: async () => file.sinkOf(name),
        tellProgress: (so) => dependencies.tellProgress(read + so),
      });
      const result = await slice.run();
      within = undefined;
      read += result.report.read;
      const sum = byType.get(name) ?? emptyReport();
      addReport(sum, result.report);
      byType.set(name, sum);
      if (result.cursor !== undefined) cursor = { block, type, isBegun: file.isBegun, within: result.cursor };
      else if (type + 1 < part.types.length && clock() - startedAt >= limits.milliseconds)
        cursor = { block, type: type + 1, isBegun: file.isBegun };
    }
    type = 0;
    isBegun = false;
    block++;
    if (cursor === undefined && block < part.end && isOver()) cursor = { block, type: 0, isBegun: false };
  }
  dependencies.tellProgress(read);
  return { cursor, byType, read, ...(await file.close()) };
}

/** Many slices of one type ask whether the job is to stop: the state of the job is read now and then. */
function withFewerChecks(dependencies: SliceDependencies): SliceDependencies {
  let checkedAt = Number.NEGATIVE_INFINITY;
  return {
    ...dependencies,
    isStopped: async () => {
      if (dependencies.clock() - checkedAt < STOP_CHECK_MS) return false;
      checkedAt = dependencies.clock();
      return dependencies.isStopped();
    },
  };
}

/** The file of a slice, with a header before the first lines of each block. */
class BlockFile {
  readonly #dependencies: SliceDependencies;
  readonly #hasPatients: boolean;
  readonly #types = new Set<string>();
  #file: LineSink | undefined;
  #id = '';
  #isHeaderDue = false;
  /** Whether the block was begun in an earlier file. */
  #isRest = false;
  #isContinued = false;

  constructor(dependencies: SliceDependencies, hasPatients: boolean) {
    this.#dependencies = dependencies;
    this.#hasPatients = hasPatients;
  }

  get bytes(): number {
    return this.#file?.bytes ?? 0;
  }

  /** Whether any file has a part of the block. */
  get isBegun(): boolean {
    return this.#isRest || !this.#isHeaderDue;
  }

  begin(id: string, isRest: boolean): void {
    this.#id = id;
    this.#isHeaderDue = true;
    this.#isRest = isRest;
  }

  /** Takes the lines of a type, of the patient whose block it is. */
  sinkOf(type: string): LineSink {
    const written = { lines: 0, bytes: 0 };
    const write = async (lines: Uint8Array, count: number): Promise<void> => {
      const file = await this.#opened();
      if (this.#isHeaderDue) await this.#writeHeader(file, type, lines);
      this.#types.add(type);
      await file.writeLines(lines, count);
      written.lines += count;
      written.bytes += lines.length;
    };
    return {
      writeLines: write,
      close: async () => undefined,
      get bytes() {
        return written.bytes;
      },
      get lines() {
        return written.lines;
      },
    };
  }

  async close(): Promise<Pick<BlockSliceResult, 'lines' | 'bytes' | 'written' | 'isContinued'>> {
    await this.#file?.close();
    const written = [...this.#types];
    const lines = this.#file?.lines ?? 0;
    return { lines, bytes: this.bytes, written, isContinued: this.#isContinued };
  }

  async #opened(): Promise<LineSink> {
    if (this.#file === undefined) {
      this.#file = await this.#dependencies.openFile('Patient');
      this.#isContinued = this.#isRest;
    }
    return this.#file;
  }

  async #writeHeader(file: LineSink, type: string, lines: Uint8Array): Promise<void> {
    this.#isHeaderDue = false;
    // A Patient is the first of its block, and alone.
    const id = type === 'Patient' ? requiredId(Buffer.from(lines).toString()) : await this.#idOfPatient();
    const reference = id === undefined ? { display: 'Patient' } : { reference: `Patient/${id}` };
    const header = { resourceType: 'Parameters', parameter: [{ name: 'header', valueReference: reference }] };
    await file.writeLines(Buffer.from(`${JSON.stringify(header)}\n`), 1);
  }

  /**
   * The id that the Patient has in exports, by the rules for all of it; `undefined` where there is no Patient, or it cannot be
   * made, or the configuration leaves the id of a type that is not exported, for which it may have no rules.
   */
  async #idOfPatient(): Promise<string | undefined> {
    const { source, lineMaker } = this.#dependencies;
    const answer = await source.read('Patient', this.#id);
    const json = answer && readSingle(answer, 'Patient', this.#id)?.json;
    if (json === undefined) return undefined;
    const line = new LineBuffer();
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const failure = lineMaker.makeLine(json, line, new EngineReport());
      if (failure === undefined) {
        const id = requiredId(line.slice(0, line.length).toString());
        const isRaw = lineMaker.isAsItCame !== undefined;
        return isRaw || this.#hasPatients || id !== this.#id ? id : undefined;
      }
      if (failure !== LACKS_PSEUDONYMS) return undefined;
      await lineMaker.askPseudonyms?.();
    }
    return undefined;
  }
}

/**
 * The id in the line of a Patient.
 * @throws ExportError where the configuration leaves none: blocks would link resources that it does not link
 */
function requiredId(line: string): string {
  const resource = parseJson(line.trim());
  const id = isJsonObject(resource) ? resource['id'] : undefined;
  if (typeof id === 'string') return id;
  throw new ExportError(
    'configuration-invalid',
    'organizeOutputBy: the configuration leaves Patients no id, and files by patient would show all the same which resources are of one patient. Leave organizeOutputBy out, or let a rule replace Patient.id (cryptoHash).',
  );
}
