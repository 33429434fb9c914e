import { randomUUID } from 'node:crypto';
import type { LineSink } from '../../export/output/lineMaker.js';
import { SplitFile } from '../../export/output/splitFile.js';
import {
  ANY_TYPE,
  type JobRequest,
  type OutputFile,
  type PlannedPartition,
} from '../../export/records/job.js';
import { PROVENANCE } from '../../export/selection/provenance.js';
import type { SliceResult } from '../../export/slice/slice.js';
import type { ActivityDependencies } from '../dependencies.js';
import type { ExportSliceInput } from '../sliceRunner.js';

/** https://hl7.org/fhir/uv/bulkdata/STU2/export.html#response---complete-status `deleted` */
export const DELETIONS_TYPE = 'Bundle';

/** Of each output file but the first, where a slice writes one of each type that it finds. */
const SMALL_BLOCK_BYTES = 524_288;

/** What the files of an attempt hold. */
interface Content {
  request: JobRequest;
  planned: PlannedPartition;
}

/** The files of one attempt, one for each type; their names are of this attempt alone. */
export class AttemptFiles {
  readonly attempt = randomUUID();
  readonly #dependencies: ActivityDependencies;
  readonly #content: Content;
  readonly #input: ExportSliceInput;
  readonly #confirmContainer: () => Promise<void>;
  readonly #opened = new Map<string, LineSink | undefined>();
  /** The files of a type that was split, in order. */
  readonly #split = new Map<string, SplitFile>();

  /** @param confirmContainer makes sure, before a file is created, that the job's container takes it */
  constructor(
    dependencies: ActivityDependencies,
    content: Content,
    input: ExportSliceInput,
    confirmContainer: () => Promise<void>,
  ) {
    this.#dependencies = dependencies;
    this.#content = content;
    this.#input = input;
    this.#confirmContainer = confirmContainer;
  }

  async open(type: string): Promise<LineSink> {
    const { maxFileBytes } = this.#content.request;
    if (maxFileBytes === undefined) return this.#create(this.#nameOf(type));
    const create = (nth: number): Promise<LineSink> => this.#create(this.#nameOf(type, nth));
    const split = new SplitFile(await create(0), maxFileBytes, create);
    this.#split.set(type, split);
    return split;
  }

  async #create(name: string): Promise<LineSink> {
    const { files } = this.#dependencies;
    const { request, planned } = this.#content;
    await this.#confirmContainer();
    const isOneOfMany = planned.file !== undefined && this.#opened.size > 0;
    // Before it is there: one whose creation seems to fail may exist.
    this.#opened.set(name, undefined);
    const blockBytes = isOneOfMany ? SMALL_BLOCK_BYTES : undefined;
    const file = await files.create(request.container, name, blockBytes);
    this.#opened.set(name, file);
    return file;
  }

  /** Deletes what was written, since the attempt fails. */
  async discard(reason: unknown): Promise<never> {
    const { files } = this.#dependencies;
    const { container } = this.#content.request;
    // Only tidier: what this cannot delete is an orphan, which the end of the job or the timer deletes.
    for (const name of this.#opened.keys()) await files.deleteFile(container, name).catch(() => undefined);
    throw reason;
  }

  written({ lines, bytes, companions }: Pick<SliceResult, 'lines' | 'bytes' | 'companions'>): OutputFile[] {
    const { isOfDeletions, window } = this.#content.planned;
    const type = isOfDeletions === true ? DELETIONS_TYPE : window.type;
    return [
      ...this.named(type, lines, bytes, isOfDeletions === true ? { of: [window.type] } : {}),
      ...this.named(PROVENANCE, companions.lines, companions.bytes),
    ];
  }

  /** The files of a type, if there are any. */
  named(
    type: string,
    count: number,
    bytes: number,
    of: Pick<OutputFile, 'of' | 'isContinued'> = {},
  ): OutputFile[] {
    if (count === 0) return [];
    const named = (name: string, written: { count: number; bytes: number }): OutputFile => {
      const sha256 = this.#opened.get(name)?.sha256;
      return { type, ...of, name, ...written, ...(sha256 === undefined ? {} : { sha256 }) };
    };
    const split = this.#split.get(type);
    if (split === undefined) return [named(this.#nameOf(type), { count, bytes })];
    return split.parts.map((part, nth) =>
      named(this.#nameOf(type, nth), { count: part.lines, bytes: part.bytes }),
    );
  }

  /** @param nth of the files of a type that is split: all but the first show it */
  #nameOf(type: string, nth = 0): string {
    const { request, planned } = this.#content;
    const { partition, slice } = this.#input;
    const deleted = planned.window.type === ANY_TYPE ? 'deleted' : `deleted-${planned.window.type}`;
    const what = planned.isOfDeletions === true ? deleted : type;
    const part = nth === 0 ? '' : `-${nth}`;
    return `${request.folder}${what}-${partition}-${slice}-${this.attempt}${part}.ndjson`;
  }
}
