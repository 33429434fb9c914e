import { arraySink } from '../export/arraySink.js';
import { FhirClient } from '../../functions/adapters/source/fhirClient.js';
import { parseJson, stringifyJson } from '../../functions/json/json.js';
import { readCapabilities } from '../../functions/export/source/capabilities.js';
import { PatientCounter } from '../../functions/export/output/patientCount.js';
import { planPartitions, transactionInstant } from '../../functions/export/plan.js';
import type { SliceCursor } from '../../functions/export/selection/selection.js';
import { selectionOf } from '../../functions/export/selection/selectionOf.js';
import { runSlice } from '../../functions/export/slice.js';
import type { TypeFilter } from '../../functions/export/request/typeFilter.js';

export interface ExportRequest {
  fhirServerUrl: string;
  since?: string;
  until?: string;
  pageSize: number;
  slicePages: number;
  typeFilters?: TypeFilter[];
  /** Resources of a partition; by default a type is not split. */
  partitionResources?: number;
  /** Asked before each slice: whether an attempt of it is made first whose result is lost, as by a crash. */
  losesAttempt?: () => boolean;
}

export interface Exported {
  transactionTime: string;
  /** Lines as they were written, by `type/id`; the same one twice is an error. */
  lines: Map<string, string>;
}

/** A raw export by the app's own plan, walk and client, without storage and the Durable runtime. */
export async function exportInProcess(request: ExportRequest): Promise<Exported> {
  const { pageSize, slicePages, since, until, losesAttempt, typeFilters = [] } = request;
  const source = new FhirClient({
    baseUrl: request.fhirServerUrl,
    timeoutSeconds: 30,
    maxAttempts: 1,
    maxPageBytes: 67_108_864,
  });
  const { body, date } = await source.capabilities();
  const types = readCapabilities(parseJson(body.toString()), 'R4').searchableTypes;
  const transactionTime = transactionInstant(date, 0, until);
  const lines = new Map<string, string>();
  const partitionResources = request.partitionResources ?? 1_000_000;
  const partitions = await planPartitions(
    source,
    {
      types,
      since,
      until,
      transactionTime,
      selectionOf: (type) => selectionOf({ typeFilters }, type),
    },
    {
      partitionResources,
      leastResources: partitionResources,
      lanes: 1,
      concurrency: 2,
      isOutOfTime: () => false,
    },
  );
  for (const { window } of partitions) {
    let cursor: SliceCursor | undefined;
    let isDone = false;
    while (!isDone) {
      const start = { pageSize, cursor };
      const attempt = async (): Promise<{ cursor: SliceCursor | undefined; file: string[] }> => {
        const file: string[] = [];
        const result = await runSlice(
          window,
          selectionOf({ typeFilters }, window.type),
          start,
          { pages: slicePages, bytes: Infinity, milliseconds: Infinity },
          {
            source,
            lineMaker: {
              processingErrors: 'raise',
              makeLine: (resource) => ({ outcome: 'anonymized', line: stringifyJson(resource) }),
              makeLineOfTape: () => false,
              takeCounts: () => ({ dropped: [], labels: [] }),
            },
            patients: new PatientCounter(0, 'R4'),
            openFile: () => Promise.resolve(arraySink(file)),
            clock: () => performance.now(),
            isStopped: () => Promise.resolve(false),
            tellProgress: () => undefined,
          },
        );
        return { cursor: result.cursor, file };
      };
      if (losesAttempt?.() === true) await attempt();
      const { cursor: next, file } = await attempt();
      for (const line of file) {
        const { id } = JSON.parse(line) as { id: string };
        const key = `${window.type}/${id}`;
        if (lines.has(key)) throw new Error(`${key} was exported twice`);
        lines.set(key, line);
      }
      // As a checkpoint goes through the job's state.
      isDone = next === undefined;
      cursor = next === undefined ? undefined : (JSON.parse(JSON.stringify(next)) as SliceCursor);
    }
  }
  return { transactionTime, lines };
}
