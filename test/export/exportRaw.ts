import { PatientCounter } from '../../functions/export/selection/patientCount.js';
import { planPartitions } from '../../functions/export/plan/partitions.js';
import { rawLines } from '../../functions/export/output/rawLines.js';
import type { TypeFilter } from '../../functions/export/request/typeFilter.js';
import type { SliceCursor } from '../../functions/export/selection/selection.js';
import { selectionOf } from '../../functions/export/selection/selectionOf.js';
import { runSlice, type SliceDependencies } from '../../functions/export/slice/slice.js';
import type { Source } from '../../functions/export/source/source.js';
import { arraySink } from './arraySink.js';

export interface RawExport {
  types: string[];
  since: string | undefined;
  until: string | undefined;
  transactionTime: string;
  typeFilters: TypeFilter[];
  pageSize: number;
  /** Pages of a slice. */
  slicePages: number;
  /** Resources of a partition, and fewest that a part of a type has. */
  partitionResources: number;
  leastResources: number;
  /** Asked before each slice: whether an attempt of it is made first whose result is lost, as by a crash. */
  losesAttempt?: (() => boolean) | undefined;
}

/** A slice that is not stopped, timed or watched, and whose patients are not counted. */
export const UNWATCHED: Pick<SliceDependencies, 'patients' | 'clock' | 'isStopped' | 'tellProgress'> = {
  patients: new PatientCounter({ most: 0, fhirVersion: 'R4', secret: new Uint8Array(0) }),
  clock: () => 0,
  isStopped: () => Promise.resolve(false),
  tellProgress: () => undefined,
};

/**
 * A raw export by the app's own plan and slices, without storage and the Durable runtime: its lines in the order in
 * which they were written.
 */
export async function* exportRaw(
  source: Source,
  request: RawExport,
): AsyncGenerator<{ type: string; line: string }> {
  const { types, since, until, transactionTime, typeFilters, pageSize, slicePages } = request;
  const { partitionResources, leastResources, losesAttempt } = request;
  const partitions = await planPartitions(
    source,
    { types, since, until, transactionTime, selectionOf: (type) => selectionOf({ typeFilters }, type) },
    { partitionResources, leastResources, workers: 1, concurrency: 2, isOutOfTime: () => false },
  );
  for (const { window } of partitions) {
    let cursor: SliceCursor | undefined;
    do {
      const attempt = async (): Promise<{ next: SliceCursor | undefined; lines: string[] }> => {
        const lines: string[] = [];
        const result = await runSlice(
          window,
          selectionOf({ typeFilters }, window.type),
          { pageSize, cursor },
          { pages: slicePages, bytes: Infinity, milliseconds: Infinity },
          { ...UNWATCHED, source, lineMaker: rawLines, openFile: () => Promise.resolve(arraySink(lines)) },
        );
        return { next: result.cursor, lines };
      };
      if (losesAttempt?.() === true) await attempt();
      const { next, lines } = await attempt();
      for (const line of lines) yield { type: window.type, line };
      cursor = asStored(next);
    } while (cursor !== undefined);
  }
}

/** A cursor as it comes out of the job's state. */
export function asStored<T extends object>(cursor: T | undefined): T | undefined {
  return cursor === undefined ? undefined : (JSON.parse(JSON.stringify(cursor)) as T);
}
