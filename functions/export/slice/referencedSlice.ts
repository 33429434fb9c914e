import pMap from 'p-map';
import { ExportError } from '../../common/errors.js';
import { addFailure, type ReferencedCursor } from '../records/job.js';
import { partOf } from '../selection/patientCount.js';
import { mayTry } from '../source/refusals.js';
import type { SearchRow } from '../source/resourceRow.js';
import { searchByIds } from '../source/searchByIds.js';
import { readSingle } from '../source/singleResource.js';
import type { Source } from '../source/source.js';
import { PageWriter } from './pageWriter.js';
import {
  PROGRESS_MS,
  type SliceDependencies,
  type SliceLimits,
  type SliceResult,
  STOP_CHECK_MS,
} from './slice.js';

/** What a slice of referenced resources begins with. */
export interface ReferencedSliceStart {
  type: string;
  /** All of the partition. */
  ids: readonly string[];
  /** Resources to ask for at a time. */
  pageSize: number;
  /** Requests to the source at the same time, where it has to be asked for one resource at a time. */
  concurrency: number;
  cursor: ReferencedCursor | undefined;
}

/** A source that has refused so many resources one after the other is not asked for the rest. */
const MAX_REFUSED = 20;

/**
 * Exports a bounded part of a list of resources, as the source has them now: whatever `_since` says, since an export
 * before need not have had them. One that the source does not have is left out.
 * @throws ExportError; the file is then not whole and its name must not become known
 */
export async function runReferencedSlice(
  { type, ids, pageSize, concurrency, cursor }: ReferencedSliceStart,
  limits: SliceLimits,
  dependencies: SliceDependencies,
): Promise<Omit<SliceResult, 'cursor'> & { cursor: ReferencedCursor | undefined }> {
  const { clock, source, isStopped, tellProgress } = dependencies;
  const writer = new PageWriter(type, dependencies);
  const reader = new ReferencedReader(source, type, concurrency);
  const startedAt = clock();
  let checkedAt = Number.NEGATIVE_INFINITY;
  let toldAt = startedAt;
  let next = cursor?.nextId ?? 0;
  for (let pages = 1; next < ids.length; pages++) {
    if (clock() - checkedAt >= STOP_CHECK_MS) {
      checkedAt = clock();
      if (await isStopped()) throw new ExportError('job-stopped', 'The job was stopped.');
    }
    const rows = await reader.read(ids.slice(next, next + pageSize));
    next += pageSize;
    await writer.write(partOf(type), rows, () => true);
    if (clock() - toldAt >= PROGRESS_MS) {
      toldAt = clock();
      tellProgress(writer.report.read);
    }
    const isOver =
      pages >= limits.pages || writer.bytes >= limits.bytes || clock() - startedAt >= limits.milliseconds;
    if (isOver) break;
  }
  for (const [{ code, message }, count] of reader.refused) {
    addFailure(writer.report, { type, code, message, count });
  }
  const companions = await new PageWriter('', dependencies).close();
  const isDone = next >= ids.length;
  return { cursor: isDone ? undefined : { nextId: next }, ...(await writer.close()), companions };
}

/** Reads resources by their ids: by searches, or one at a time where the source refuses these. */
class ReferencedReader {
  /** Resources that the source refuses to give, by what it answered. */
  readonly refused = new Map<ExportError, number>();
  readonly #source: Source;
  readonly #type: string;
  readonly #concurrency: number;
  #isSearched = true;
  /** How many were refused since one was not. */
  #refusedInRow = 0;
  #last: ExportError | undefined;

  constructor(source: Source, type: string, concurrency: number) {
    this.#source = source;
    this.#type = type;
    this.#concurrency = concurrency;
  }

  /** @param ids each once. @returns what the source has of them, each once */
  async read(ids: readonly string[]): Promise<SearchRow[]> {
    if (this.#isSearched) {
      try {
        const found = await searchByIds(this.#source, this.#type, ids, { isWhole: true });
        return [...new Map(found.map((row) => [row.id, row])).values()];
      } catch (error) {
        if (!mayTry('leave out', error) && !isIgnored(error)) throw error;
        this.#isSearched = false;
      }
    }
    const rows = await pMap(ids, (id) => this.#readOne(id), { concurrency: this.#concurrency });
    return rows.filter((row) => row !== undefined);
  }

  async #readOne(id: string): Promise<SearchRow | undefined> {
    const last = this.#last;
    if (last !== undefined && this.#refusedInRow >= MAX_REFUSED) return this.#refuse(last);
    try {
      const answer = await this.#source.read(this.#type, id);
      this.#refusedInRow = 0;
      return answer && readSingle(answer, this.#type, id);
    } catch (error) {
      if (!mayTry('leave out', error)) throw error;
      return this.#refuse(error);
    }
  }

  #refuse(error: ExportError): undefined {
    const same = [...this.refused.keys()].find(({ code, message }) => {
      return code === error.code && message === error.message;
    });
    this.refused.set(same ?? error, (this.refused.get(same ?? error) ?? 0) + 1);
    this.#refusedInRow++;
    this.#last = error;
    return undefined;
  }
}

/** Whether the source has answered a search by `_id` with something else. */
function isIgnored(error: unknown): boolean {
  return error instanceof ExportError && error.code === 'source-ignored-parameter';
}
