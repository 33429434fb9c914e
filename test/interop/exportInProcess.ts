import { FhirClient } from '../../functions/adapters/source/fhirClient.js';
import { transactionInstant } from '../../functions/export/plan/partitions.js';
import type { TypeFilter } from '../../functions/export/request/typeFilter.js';
import { readCapabilities } from '../../functions/export/source/capabilities.js';
import { parseJson } from '../../functions/json/json.js';
import { exportRaw } from '../export/exportRaw.js';

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

/** A raw export by the app's own plan, walk and client. */
export async function exportInProcess(request: ExportRequest): Promise<Exported> {
  const { since, until, partitionResources = 1_000_000, typeFilters = [] } = request;
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
  for await (const { type, line } of exportRaw(source, {
    types,
    since,
    until,
    transactionTime,
    typeFilters,
    pageSize: request.pageSize,
    slicePages: request.slicePages,
    partitionResources,
    leastResources: partitionResources,
    losesAttempt: request.losesAttempt,
  })) {
    const { id } = JSON.parse(line) as { id: string };
    const key = `${type}/${id}`;
    if (lines.has(key)) throw new Error(`${key} was exported twice`);
    lines.set(key, line);
  }
  return { transactionTime, lines };
}
