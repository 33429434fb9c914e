import type { JobStore } from '../../adapters/storage/jobStore.js';
import { ExportError } from '../../common/errors.js';
import {
  asPlanned,
  type JobPlan,
  type JobRequest,
  partitionOf,
  type PlannedPartition,
  type SliceRecord,
} from '../../export/records/job.js';
import { stateMissing } from '../../jobs/model/state.js';
import type { Settings } from '../../settings/settings.js';
import { repeatedOf } from '../countedParts.js';
import type { ActivityDependencies } from '../dependencies.js';
import type { ExportGroupInput, ExportSliceInput } from '../sliceRunner.js';

/** What an attempt is about, as the job's state has it. */
export interface Part {
  partition: number;
  request: JobRequest;
  plan: JobPlan;
  planned: PlannedPartition;
  before: SliceRecord | undefined;
  /** Places of the lines of a file that do not count; absent: that is not known yet. */
  superseded?: Float64Array;
}

/** @throws ExportError `job-state-missing` where the job, or the cursor from which the slice continues, is gone */
export async function readPart(
  { jobs, settings }: ActivityDependencies,
  { jobId, partition, previous }: ExportSliceInput,
): Promise<Part> {
  const [request, plan, before] = await Promise.all([
    jobs.request(jobId),
    jobs.plan(jobId),
    previous === null ? undefined : jobs.slice(jobId, partition, previous),
    jobs.checkClaim(jobId, partition),
  ]);
  if (request === undefined || plan === undefined || (previous !== null && before?.cursor === undefined)) {
    throw stateMissing();
  }
  checkSource(plan, settings);
  const first = partitionOf(plan, partition);
  const shared = { partition, request: asPlanned(request, plan), plan, before };
  if (first !== undefined) return { ...shared, planned: first };
  const number = partition - plan.partitions.length - (plan.first ?? 0);
  const repeated = (await repeatedOf(jobs, jobId, plan))[number];
  if (repeated === undefined)
    return { ...shared, planned: await referencedPart(jobs, jobId, plan, partition) };
  const planned = partitionOf(plan, repeated.partition);
  if (planned === undefined) throw stateMissing();
  return { ...shared, planned, superseded: await jobs.superseded(jobId, repeated.partition) };
}

/**
 * Several partitions of the plan, none of which has begun.
 * @throws ExportError `job-state-missing` where the job, or the claim, is gone
 */
export async function readParts(
  { jobs, settings }: ActivityDependencies,
  { jobId, partition, count }: ExportGroupInput,
): Promise<[Part, ...Part[]]> {
  const [request, plan] = await Promise.all([
    jobs.request(jobId),
    jobs.plan(jobId),
    jobs.checkClaim(jobId, partition + count - 1),
  ]);
  if (request === undefined || plan === undefined) throw stateMissing();
  checkSource(plan, settings);
  const shared = { request: asPlanned(request, plan), plan, before: undefined };
  const parts = Array.from({ length: count }, (_, more): Part => {
    const planned = partitionOf(plan, partition + more);
    if (planned === undefined) throw stateMissing();
    return { ...shared, partition: partition + more, planned };
  });
  const [first, ...others] = parts;
  if (first === undefined) throw stateMissing();
  return [first, ...others];
}

/** A partition of what exported resources refer to. */
async function referencedPart(
  jobs: JobStore,
  jobId: string,
  plan: JobPlan,
  partition: number,
): Promise<PlannedPartition> {
  for (const round of await jobs.referencedRounds(jobId, plan)) {
    const planned = partitionOf(round, partition);
    if (planned !== undefined) return planned;
  }
  throw stateMissing();
}

/** One job reads from one source, whatever the settings of an app that was started anew say. */
function checkSource({ source }: JobPlan, { fhirServerUrl, fhirVersion }: Settings): void {
  if (source === undefined || (source.url === fhirServerUrl && source.fhirVersion === fhirVersion)) return;
  throw otherSource();
}

export function otherSource(): ExportError {
  return new ExportError(
    'source-unverifiable',
    'FHIR_SERVER_URL, FHIR_VERSION or SOURCE_MODE was changed since the export began, so its files would not fit each other. Start the export again.',
  );
}
