import { ExportError } from '../../common/errors.js';
import type { DeletionNote } from '../records/job.js';
import { readHistoryPage } from '../source/historyPage.js';
import { compareInstants, type Instant } from '../../fhir/instant.js';
import type { DeletionCursor } from '../walk/deletionCursor.js';
import { checkLoop, NO_LOOP } from '../source/linkLoop.js';
import { askForLess, mayTry } from '../source/refusals.js';
import { searchByIds } from '../source/searchByIds.js';
import type { LineSink } from '../output/lineMaker.js';
import type { SliceDependencies, SliceLimits } from './slice.js';
import type { SearchParameters, Source, SourceAnswer } from '../source/source.js';
import { isInWindow, type Window } from '../walk/window.js';

/** What a slice of deletions needs of the outside world. */
export interface DeletionDependencies extends Pick<SliceDependencies, 'source' | 'clock' | 'isStopped'> {
  /** The ids of resources as the export has them. */
  deletedIds: (ids: readonly string[]) => Promise<string[]>;
  openFile: () => Promise<LineSink>;
}

export interface DeletionResult {
  /** `undefined`: all is reported. */
  cursor: DeletionCursor | undefined;
  lines: number;
  bytes: number;
  note: DeletionNote | undefined;
}

/** Deletions of one type that are reported at most: their ids are remembered, some 100 MB. */
export const MAX_REPORTED = 500_000;
/** A link that expires in the pause after a crash does so seldom. */
const MAX_RESTARTS = 3;
const NO_LINK =
  "the source's history cannot be read to its end: it may have more entries than a page, and no next link leads to them";
/** Deletions of one Bundle, which a user of the export may want to send as it is. */
const MAX_PER_BUNDLE = 100;

/**
 * Writes the deletions of a window, read from the type's history, as Bundles of `DELETE` entries. A resource that is
 * there again is not reported: it comes with this export or the next one.
 * https://hl7.org/fhir/uv/bulkdata/STU2/export.html#response---complete-status
 * @throws ExportError `job-stopped`, and what may succeed later; what will not is in the result's `note`
 */
export async function runDeletionSlice(
  window: Window,
  start: { pageSize: number; cursor: DeletionCursor | undefined },
  limits: SliceLimits,
  dependencies: DeletionDependencies,
): Promise<DeletionResult> {
  const { source, clock, deletedIds, isStopped, openFile } = dependencies;
  const { type } = window;
  const reported = new Set(start.cursor?.told);
  let loop = start.cursor?.loop ?? NO_LOOP;
  let next = start.cursor?.history;
  let restarts = start.cursor?.restarts ?? 0;
  let file: LineSink | undefined;
  const startedAt = clock();
  const finish = async (cursor: DeletionCursor | undefined, note?: DeletionNote): Promise<DeletionResult> => {
    await file?.close();
    return { cursor, lines: file?.lines ?? 0, bytes: file?.bytes ?? 0, note };
  };
  for (let pages = 1; ; pages++) {
    if (await isStopped()) throw new ExportError('job-stopped', 'The job was stopped.');
    try {
      const isFirst = next === undefined;
      const answer = await ask(source, window, start.pageSize, next).catch((error: unknown) => {
        if (next === undefined || restarts >= MAX_RESTARTS || !mayTry('other search', error)) throw error;
        // What was reported is known, so nothing of it is reported again.
        restarts++;
        loop = NO_LOOP;
        return ask(source, window, start.pageSize, undefined);
      });
      const page = readHistoryPage(answer.body, type);
      const untold = latestById(
        page.deletions.filter(({ id, at }) => isInWindow(at, window) && !reported.has(id)),
      );
      const present = new Set<string>();
      for (const { id, lastUpdated } of await searchByIds(source, type, [...untold.keys()])) {
        const deletedAt = untold.get(id);
        if (deletedAt === undefined) continue;
        // What is older than its deletion is not there again: the source's index lags behind. Whole seconds, since a
        // source may have the one instant with more digits than the other.
        if (lastUpdated === undefined || lastUpdated.seconds >= deletedAt.seconds) present.add(id);
      }
      const gone = [...untold.keys()].filter((id) => !present.has(id));
      await writeDeletions(type, await deletedIds(gone), async () => (file ??= await openFile()));
      for (const id of gone) reported.add(id);
      next = page.next;
      if (next === undefined) {
        // A source that never links shows by its first page.
        const mayBeCut = page.total === undefined ? page.size >= start.pageSize : page.total > page.size;
        return await finish(undefined, isFirst && mayBeCut ? { type, reason: NO_LINK } : undefined);
      }
      loop = checkLoop(loop, next, type);
    } catch (error) {
      if (!(error instanceof ExportError) || error.retryable || !error.code.startsWith('source-'))
        throw error;
      return finish(undefined, {
        type,
        reason: `the source's history cannot be read to its end: ${error.message}`,
      });
    }
    if (reported.size > MAX_REPORTED) {
      return finish(undefined, { type, reason: `more than ${MAX_REPORTED} were deleted; export all anew` });
    }
    if (pages >= limits.pages || clock() - startedAt >= limits.milliseconds) {
      return finish({ history: next, loop, told: [...reported], restarts });
    }
  }
}

/** Writes Bundles of deletions, in an order of their own: the source's would join exports under different keys. */
export async function writeDeletions(
  type: string,
  ids: readonly string[],
  openFile: () => Promise<LineSink>,
): Promise<void> {
  const sorted = ids.toSorted();
  for (let at = 0; at < sorted.length; at += MAX_PER_BUNDLE) {
    const bundle = bundleOf(type, sorted.slice(at, at + MAX_PER_BUNDLE));
    await (await openFile()).writeLines(Buffer.from(`${bundle}\n`), 1);
  }
}

async function ask(
  source: Source,
  { type, from }: Window,
  pageSize: number,
  next: string | undefined,
): Promise<SourceAnswer> {
  if (next !== undefined) return source.follow(next);
  const since: SearchParameters = from === undefined ? [] : [['_since', from]];
  return askForLess(pageSize, (size) => source.typeHistory(type, [...since, ['_count', String(size)]]));
}

/** When each resource was deleted last. */
function latestById(deletions: ReadonlyArray<{ id: string; at: Instant }>): Map<string, Instant> {
  const latest = new Map<string, Instant>();
  for (const { id, at } of deletions) {
    const known = latest.get(id);
    if (known === undefined || compareInstants(at, known) > 0) latest.set(id, at);
  }
  return latest;
}

function bundleOf(type: string, ids: readonly string[]): string {
  const entry = ids.map((id) => ({ request: { method: 'DELETE', url: `${type}/${id}` } }));
  return JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry });
}
