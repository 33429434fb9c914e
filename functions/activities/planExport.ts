import { parseJson } from '../deid/json.js';
import { ExportError } from '../errors.js';
import { readCapabilities } from '../export/capabilities.js';
import type { PlannedPartition } from '../export/job.js';
import { planPartitions, transactionInstant } from '../export/plan.js';
import { count } from '../export/slice.js';
import { mapConcurrently } from '../mapConcurrently.js';
import type { ActivityLog } from './activity.js';
import type { ActivityDependencies } from './dependencies.js';
import { planCompartment } from './planCompartment.js';

export interface PlanExportInput {
  jobId: string;
}

export interface PlanExportOutput {
  partitions: number;
}

/** Fixes the transaction time by the source's clock and what there is to export. */
export function planExport(dependencies: ActivityDependencies) {
  const { jobs, sourceOf, settings, isResourceType } = dependencies;
  return async ({ jobId }: PlanExportInput, log: ActivityLog): Promise<PlanExportOutput> => {
    const source = sourceOf(jobId, log);
    const known = await jobs.plan(jobId);
    if (known !== undefined) return { partitions: known.partitions.length };
    const request = await jobs.request(jobId);
    if (request === undefined) throw new ExportError('job-state-missing', 'The state of the job is gone.');
    const answer = await source.capabilities();
    const capabilities = readCapabilities(parseCapabilities(answer.body), settings.fhirVersion);
    const transactionTime = transactionInstant(
      answer.date,
      settings.transactionTimeMarginSeconds,
      request.until,
    );
    const { permittedTypes } = request;
    const asked =
      request.types ??
      capabilities.searchableTypes.filter(
        (type) => isResourceType(type) && (permittedTypes?.includes(type) ?? true),
      );
    if (asked.length === 0 && permittedTypes !== undefined) {
      throw new ExportError(
        'forbidden',
        'The source can be searched for none of the types that the token permits. Get a token for other types.',
      );
    }
    if (asked.length === 0) {
      throw new ExportError(
        'source-refused',
        'The CapabilityStatement of the source names no resource type that can be searched. Name the types to export with _type.',
      );
    }
    const below =
      request.level.kind === 'system'
        ? undefined
        : await planCompartment({ jobs, settings, source }, request, capabilities, transactionTime, asked);
    const planned = planPartitions({
      types: below?.types ?? asked,
      since: request.since,
      until: request.until,
      transactionTime,
    });
    const estimates = await mapConcurrently(
      planned,
      settings.parallelPartitions,
      // Estimates only tell progress and order; what is wrong with the source, the walk will tell.
      ({ window, countParameters }) => count(source, window.type, countParameters).catch(() => undefined),
    );
    const pageSize = request.pageSize ?? settings.pageSize;
    const read = await mapConcurrently(
      [...planned.entries()],
      settings.parallelPartitions,
      async ([index, { window, countParameters }]): Promise<PlannedPartition[]> => {
        const estimate = estimates[index];
        if (below === undefined) return [{ window, estimate }];
        // Of most types, most sources have none.
        if (estimate === 0) return [];
        const bounds = countParameters.filter(([name]) => name !== '_summary');
        const parts = await below.planType(window.type, bounds, estimate, pageSize);
        return parts.map((part) => ({ window, ...part }));
      },
    );
    const partitions = read
      .flat()
      // The largest first, so that none runs alone at the end.
      .sort((a, b) => (b.estimate ?? 0) - (a.estimate ?? 0));
    const plan = await jobs.putPlan(jobId, {
      transactionTime,
      partitions,
      ...(below === undefined ? {} : { compartment: below.compartment, notes: below.notes }),
    });
    return { partitions: plan.partitions.length };
  };
}

function parseCapabilities(body: Buffer): ReturnType<typeof parseJson> {
  try {
    return parseJson(body.toString('utf8'));
  } catch {
    throw new ExportError('source-not-fhir', 'The CapabilityStatement of the source is not JSON.', true);
  }
}
