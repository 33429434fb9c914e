import { randomUUID } from 'node:crypto';
import pMap from 'p-map';
import { endJob } from '../jobs/endJob.js';
import { type JobOutcome, stateMissing, stateOf } from '../jobs/model/state.js';
import { ExportError } from '../common/errors.js';
import {
  addFailure,
  addReport,
  asPlanned,
  emptyReport,
  type JobPlan,
  type JobRequest,
  type OutputFile,
  type PartitionRecord,
  type PlannedPartition,
  type SliceReport,
} from '../export/records/job.js';
import {
  buildManifest,
  MANIFEST_FILE,
  manifestCopy,
  manifestFileNames,
  REPORT_FILE,
} from '../export/output/manifest.js';
import {
  addPartCounts,
  allWithheld,
  type CountedType,
  emptyCounts,
  withheldNote,
  withheldTypes,
} from '../export/selection/patientCount.js';
import { PROVENANCE } from '../export/selection/provenance.js';
import { failureOutcomes } from '../export/output/errorFile.js';
import { buildReport } from '../export/output/report.js';
import { resourceFailed } from '../export/slice/pageWriter.js';
import { provePartsComplete } from '../export/slice/proof.js';
import { requesterOf } from '../export/source/requestLimiter.js';
import { VERSION } from '../common/version.js';
import type { ExportFiles } from '../adapters/storage/exportFiles.js';
import type { JobStore } from '../adapters/storage/jobStore.js';
import type { ActivityLog } from './activity.js';
import type { MainDependencies } from './dependencies.js';
import type { SliceRunner } from './sliceRunner.js';

const AT_ONCE = { concurrency: 8 };

type FinishDependencies = Pick<MainDependencies, 'settings' | 'jobs' | 'files' | 'sourceOf' | 'now'> & {
  slices: Pick<SliceRunner, 'forget'>;
};

/**
 * Ends a job. The outcome is what commits: the first one written holds, and files are discarded only where it is
 * not `completed`. Safe to repeat, and to run twice at once.
 */
export function finishExport(dependencies: FinishDependencies) {
  const { jobs, slices, now } = dependencies;
  return async ({ jobId }: { jobId: string }, log: ActivityLog): Promise<Pick<JobOutcome, 'state'>> => {
    const state = stateOf(await jobs.records(jobId));
    if (state.name === 'unknown') throw stateMissing();
    if (state.name === 'running') await complete(dependencies, state.request, log);
    try {
      return { state: await endJob(dependencies, state, now()) };
    } finally {
      // After the secrets: before, a slice that is still at work could read them again.
      slices.forget(jobId);
    }
  };
}

async function complete(
  { settings, jobs, files, sourceOf, now }: FinishDependencies,
  request: JobRequest,
  log: ActivityLog,
): Promise<void> {
  const { jobId, container, folder } = request;
  const plan = await jobs.plan(jobId);
  if (plan === undefined) throw stateMissing();
  const withheld = await withheldOf(jobs, request, plan);
  // What is withheld is as if it had never been read: no file, count or failure of it is reported.
  const read = async (partition: number): Promise<PartitionRecord> => {
    const record = await jobs.partition(jobId, partition);
    if (record === undefined) throw stateMissing();
    const type = plan.partitions[partition]?.window.type ?? '';
    return withheld.types.has(type) ? emptyPartition() : withoutFilesOf(record, withheld.types);
  };
  const partitions = await pMap(plan.partitions.keys(), read, AT_ONCE);
  const filesOf = (isOfDeletions: boolean): OutputFile[] =>
    partitions
      .filter((_, index) => (plan.partitions[index]?.isOfDeletions === true) === isOfDeletions)
      .flatMap((partition) => partition.files);
  const [output, deleted] = [filesOf(false), filesOf(true)];
  const deletionNotes = partitions.flatMap(({ deletionNote }) => deletionNote ?? []);
  const report = emptyReport();
  let foreign = 0;
  let ofOthers = 0;
  for (const partition of partitions) {
    foreign += partition.foreign ?? 0;
    ofOthers += partition.ofOthers ?? 0;
    addReport(report, partition.report);
    if (partition.provenance !== undefined) addReport(report, partition.provenance);
  }
  for (const failure of plan.refused ?? []) addFailure(report, failure);
  // Only now: of what is withheld, no caller may learn that it failed.
  const fatal = report.failures.find(({ endsJob }) => endsJob === true);
  if (fatal !== undefined) throw resourceFailed(fatal.type, fatal.message);
  await provePartsComplete(sourceOf(requesterOf(request), log), asPlanned(request, plan), plan, partitions);
  await files.confirmContainer(request, settings.allowMixedContainers, now());
  const errors = (await jobs.manifest(jobId)) === undefined ? await writeErrors(files, request, report) : [];
  // Where two calls run at once, the first manifest holds; the other's error file is an orphan.
  const manifest = await jobs.putManifest(
    jobId,
    buildManifest({
      request,
      plan,
      output,
      deleted,
      deletionNotes,
      errors,
      report,
      foreign,
      ofOthers,
      withheld: withheld.notes,
    }),
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
  await files.settleContainer(request);
}

/** The types that are withheld since a part of theirs is of too few patients, and what is reported of all such parts. */
async function withheldOf(
  jobs: JobStore,
  request: JobRequest,
  plan: JobPlan,
): Promise<{ types: ReadonlySet<string>; notes: string[] }> {
  const { jobId, minPatients: most = 0 } = request;
  if (most === 0) return { types: new Set(), notes: [] };
  const { typeFilters } = asPlanned(request, plan);
  const types = new Map<string, CountedType>();
  for (const { window } of plan.partitions) {
    const filters = typeFilters.filter(({ type }) => type === window.type).length;
    types.set(window.type, { alternatives: Math.max(1, filters), counts: emptyCounts() });
  }
  const countPart = async ([partition, { window }]: [number, PlannedPartition]): Promise<void> => {
    const counts = await jobs.partCounts(jobId, partition);
    const sum = types.get(window.type)?.counts;
    if (counts !== undefined && sum !== undefined) addPartCounts(sum, counts, most);
  };
  await pMap(plan.partitions.entries(), countPart, AT_ONCE);
  const withheld = withheldTypes(types, most);
  if (withheld.size === types.size) throw allWithheld(most);
  const parts = [...withheld, ...(plan.withheld ?? [])].sort();
  return { types: withheld, notes: parts.length === 0 ? [] : [withheldNote(parts, most)] };
}

async function writeErrors(
  files: ExportFiles,
  request: JobRequest,
  report: SliceReport,
): Promise<OutputFile[]> {
  if (report.failures.length === 0) return [];
  const name = `${request.folder}OperationOutcome-${randomUUID()}.ndjson`;
  const file = await files.create(request.container, name);
  for (const outcome of failureOutcomes(report.failures))
    await file.writeLines(Buffer.from(`${JSON.stringify(outcome)}\n`), 1);
  await file.close();
  const of = [...new Set(report.failures.map(({ type }) => type))];
  return [{ type: 'OperationOutcome', of, name, count: file.lines, bytes: file.bytes }];
}

function emptyPartition(): PartitionRecord {
  return { files: [], seconds: 0, report: emptyReport() };
}

/** A partition without what came along and is withheld. */
function withoutFilesOf(record: PartitionRecord, types: ReadonlySet<string>): PartitionRecord {
  if (!types.has(PROVENANCE)) return record;
  const { provenance: _withheld, ...kept } = record;
  return { ...kept, files: record.files.filter(({ type }) => type !== PROVENANCE) };
}

function toText(value: object): string {
  return JSON.stringify(value, undefined, 2);
}

/** Every file is there, of the size it was written with: no manifest may name data that is gone. */
function checkFiles(output: readonly OutputFile[], found: ReadonlyMap<string, number>): void {
  const missing = output.filter(({ name, bytes }) => found.get(name) !== bytes);
  if (missing.length === 0) return;
  const types = [...new Set(missing.map(({ type }) => type))].join(', ');
  throw new ExportError(
    'storage-conflict',
    `Output files were deleted or changed by someone else before the export was complete (${types}). See who deletes in the export storage account, a lifecycle rule perhaps, and export again.`,
  );
}
