import type { DeletionCursor } from '../../functions/export/walk/deletionCursor.js';
import { runDeletionSlice } from '../../functions/export/slice/deletions.js';
import type { TypeFilter } from '../../functions/export/request/typeFilter.js';
import type { Window } from '../../functions/export/walk/window.js';
import { arraySink } from './arraySink.js';
import { asStored, exportRaw } from './exportRaw.js';
import type { SimulatedSource } from './simulatedSource.js';

export interface SimulatedExport {
  since?: string;
  transactionTime: string;
  filters?: TypeFilter[];
  pageSize?: number;
  /** Pages of a slice. */
  slicePages?: number;
  /** Resources of a partition. */
  partitionResources?: number;
}

interface Line {
  id: string;
  meta: { versionId: string; lastUpdated: string };
}

/** A raw export of a simulated source: its lines in the order they were written. */
export async function exportSimulated(source: SimulatedSource, request: SimulatedExport): Promise<Line[]> {
  const { since, transactionTime, filters = [], pageSize = 10, slicePages = 100 } = request;
  const lines: Line[] = [];
  for await (const { line } of exportRaw(source, {
    types: [source.type],
    since,
    until: undefined,
    transactionTime,
    typeFilters: filters,
    pageSize,
    slicePages,
    partitionResources: request.partitionResources ?? 50_000,
    leastResources: 1,
  })) {
    lines.push(JSON.parse(line) as Line);
  }
  return lines;
}

export interface DeletionsTold {
  /** `Type/id`, in order. */
  urls: string[];
  bundles: number;
  slices: number;
}

/** The deletions that the app reports of a window, one page per slice. */
export async function tellDeletions(
  source: SimulatedSource,
  window: Window,
  pageSize: number,
): Promise<DeletionsTold> {
  const lines: string[] = [];
  let cursor: DeletionCursor | undefined;
  let slices = 0;
  do {
    const result = await runDeletionSlice(
      window,
      { pageSize, cursor },
      { pages: 1, bytes: Infinity, milliseconds: Infinity },
      {
        source,
        deletedIds: async (ids) => ids.map((id) => `hash-of-${id}`),
        openFile: () => Promise.resolve(arraySink(lines)),
        clock: () => 0,
        isStopped: () => Promise.resolve(false),
      },
    );
    if (result.note !== undefined) throw new Error(result.note.reason);
    cursor = asStored(result.cursor);
    slices++;
  } while (cursor !== undefined);
  const bundles = lines.map((line) => JSON.parse(line) as Bundle);
  const requests = bundles.flatMap(({ entry }) => entry.map(({ request }) => request));
  const isSound =
    bundles.every(({ type, entry }) => type === 'transaction' && entry.length <= 100) &&
    requests.every(({ method }) => method === 'DELETE');
  if (!isSound) throw new Error('a Bundle of deletions is not what it is to be');
  return { urls: requests.map(({ url }) => url).sort(), bundles: bundles.length, slices };
}

interface Bundle {
  type: string;
  entry: Array<{ request: { method: string; url: string } }>;
}
