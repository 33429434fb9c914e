import { randomUUID } from 'node:crypto';
import { discardJob } from '../adapters/endJob.js';
import { stateMissing } from '../adapters/storage/jobStore.js';
import { ExportError } from '../errors.js';
import {
  addReport,
  emptyReport,
  type JobOutcome,
  type JobRequest,
  type OutputFile,
  type PartitionRecord,
  type SliceReport,
  type StopReason,
} from '../export/job.js';
import {
  buildManifest,
  MANIFEST_FILE,
  manifestCopy,
  manifestFileNames,
  REPORT_FILE,
} from '../export/output/manifest.js';
import { checkPatientCount } from '../export/output/patientCount.js';
import { failureOutcomes } from '../export/output/errorFile.js';
import { buildReport } from '../export/output/report.js';
import { mayBeOfPatient } from '../fhir/patientsOf.js';
import { VERSION } from '../version.js';
import { mapConcurrently } from '../mapConcurrently.js';
import type { ActivityDependencies } from './dependencies.js';
import type { SliceRunner } from './sliceRunner.js';

export interface FinishExportInput {
  jobId: string;
}

export interface FinishExportOutput {
  state: 'completed' | 'failed' | 'cancelled';
}

const PARALLEL_READS = 8;

/**
 * Ends a job. The outcome is what commits: the first one written holds, and files are discarded only where it is
 * not `completed`. Safe to repeat, and to run twice at once.
 */
export function finishExport({
  settings,
  jobs,
  files,
  slices,
  now,
}: Pick<ActivityDependencies, 'settings' | 'jobs' | 'files' | 'now'> & {
  slices: Pick<SliceRunner, 'forget'>;
}) {
  return async ({ jobId }: FinishExportInput): Promise<FinishExportOutput> => {
    const [request, stop, known] = await Promise.all([
      jobs.request(jobId),
      jobs.stop(jobId),
      jobs.outcome(jobId),
    ]);
    if (request === undefined) throw stateMissing();
    if (known === undefined && stop === undefined) await complete(request);
    const outcome = known ?? (await jobs.putOutcome(jobId, outcomeOf(stop)));
    slices.forget(jobId);
    if (outcome.state === 'completed') await jobs.destroyWorkingState(jobId);
    else await discardJob({ jobs, files }, request);
    return { state: outcome.state };
  };

  function outcomeOf(stop: StopReason | undefined): JobOutcome {
    const at = new Date(now()).toISOString();
    if (stop === undefined) return { state: 'completed', at };
    return stop.reason === 'failed'
      ? { state: 'failed', at, failure: stop.failure }
      : { state: 'cancelled', at };
  }

  async function complete(request: JobRequest): Promise<void> {
    const { jobId, container, folder } = request;
    const plan = await jobs.plan(jobId);
    if (plan === undefined) throw stateMissing();
    const partitions = await mapConcurrently(
      [...plan.partitions.keys()],
      PARALLEL_READS,
      async (partition): Promise<PartitionRecord> => {
        const record = await jobs.partition(jobId, partition);
        if (record === undefined) {
          throw stateMissing();
        }
        return record;
      },
    );
    const counted = partitions.map(({ patients = [] }, index) => ({
      type: plan.partitions[index]?.window.type ?? '',
      patients,
    }));
    checkPatientCount(request, counted, (type) => mayBeOfPatient(type, settings.fhirVersion));
    const filesOf = (isOfDeletions: boolean): OutputFile[] =>
      partitions
        .filter((_, index) => (plan.partitions[index]?.isOfDeletions === true) === isOfDeletions)
        .flatMap((partition) => partition.files);
    const [output, deleted] = [filesOf(false), filesOf(true)];
    const deletionNotes = partitions.flatMap(({ deletionNote }) => deletionNote ?? []);
    const report = emptyReport();
    let foreign = 0;
    for (const partition of partitions) {
      foreign += partition.foreign ?? 0;
      addReport(report, partition.report);
      if (partition.provenance !== undefined) addReport(report, partition.provenance);
    }
    const errors = (await jobs.manifest(jobId)) === undefined ? await writeErrors(request, report) : [];
    // Where two calls run at once, the first manifest holds; the other's error file is an orphan.
    const manifest = await jobs.putManifest(
      jobId,
      buildManifest({ request, plan, output, deleted, deletionNotes, errors, report, foreign }),
    );
    const copy = manifestCopy(manifest, (file) => files.url(container, `${folder}${file}`));
    await files.write(container, `${folder}${MANIFEST_FILE}`, toText(copy));
    const summary = buildReport(request, plan, partitions, new Date(now()).toISOString(), VERSION);
    await files.write(container, `${folder}${REPORT_FILE}`, toText(summary));
    const kept = manifestFileNames(manifest, request);
    const found = await files.list(container, folder);
    await files.deleteFiles(
      container,
      [...found.keys()].filter((name) => !kept.has(name)),
    );
    checkFiles([...output, ...deleted], found);
  }

  async function writeErrors(request: JobRequest, report: SliceReport): Promise<OutputFile[]> {
    if (report.failures.length === 0) return [];
    const name = `${request.folder}OperationOutcome-${randomUUID()}.ndjson`;
    const file = await files.create(request.container, name);
    for (const outcome of failureOutcomes(report.failures))
      await file.writeLines(Buffer.from(`${JSON.stringify(outcome)}\n`), 1);
    await file.close();
    const of = [...new Set(report.failures.map(({ type }) => type))];
    return [{ type: 'OperationOutcome', of, name, count: file.lines, bytes: file.bytes }];
  }
}

function toText(value: object): string {
  return JSON.stringify(value, undefined, 2);
}

/** Every file is there, of the size it was written with: nobody may be told of data that is gone. */
function checkFiles(output: readonly OutputFile[], found: ReadonlyMap<string, number>): void {
  const missing = output.filter(({ name, bytes }) => found.get(name) !== bytes);
  if (missing.length === 0) return;
  const types = [...new Set(missing.map(({ type }) => type))].join(', ');
  throw new ExportError(
    'storage-conflict',
    `Output files were deleted or changed by someone else before the export was complete (${types}). See who deletes in the export storage account, a lifecycle rule perhaps, and export again.`,
  );
}
