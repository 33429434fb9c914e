import { randomUUID } from 'node:crypto';
import { endJob } from '../jobs/endJob.js';
import { closePages } from '../jobs/manifestPages.js';
import { informationIssue } from '../fhir/operationOutcome.js';
import { MAX_REFERENCED_ROUNDS } from '../jobs/model/instanceIds.js';
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
  type ReadPart,
  type RepeatedPart,
  type SliceReport,
} from '../export/records/job.js';
import {
  buildManifest,
  lateNotes,
  MANIFEST_FILE,
  manifestFileNames,
  REPORT_FILE,
  REPORT_PAGE_FILE,
  SHARED_REPORT_FILE,
} from '../export/output/manifest.js';
import { allWithheld, withheldNote } from '../export/selection/patientCount.js';
import { Members } from '../export/selection/members.js';
import { PROVENANCE } from '../export/selection/provenance.js';
import { requireClassSize } from '../export/risk/requireClassSize.js';
import { manifestCopy } from '../export/output/shownManifest.js';
import { errorOutcomes } from '../export/output/errorFile.js';
import { buildReport, type ExportReport } from '../export/output/report.js';
import { reportPage } from '../export/report/reportPage.js';
import { sharedReport } from '../export/report/sharedReport.js';
import { resourceFailed } from '../export/slice/pageWriter.js';
import { provePartsComplete } from '../export/slice/proof.js';
import type { SourceIssue } from '../export/source/sourceOutcomes.js';
import { requesterOf } from '../export/source/requestLimiter.js';
import { VERSION } from '../common/version.js';
import type { ExportFiles } from '../adapters/storage/exportFiles.js';
import type { JobStore } from '../adapters/storage/jobStore.js';
import type { ActivityLog } from './activity.js';
import { countedParts, repeatedOf } from './countedParts.js';
import type { MainDependencies } from './dependencies.js';
import { rememberMembership } from './membership.js';
import type { SliceRunner } from './sliceRunner.js';
import { riskOfParts } from './riskOfParts.js';
import { readParts, withheldOf } from './withheldParts.js';

type FinishDependencies = Pick<
  MainDependencies,
  'settings' | 'jobs' | 'files' | 'bulkOf' | 'sourceOf' | 'now'
> & {
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
  const repeated = await repeatedOf(jobs, jobId, plan);
  const rounds = plan.referenced === undefined ? [] : await jobs.referencedRounds(jobId, plan);
  const counted = await countedParts(jobs, jobId, plan, rounds);
  const { parts: read, cost } = await readParts(jobs, jobId, plan, counted);
  const withheld = await withheldOf(jobs, request, plan, read);
  const { minPatients = 0 } = request;
  if (withheld.isAll) throw allWithheld(minPatients);
  const namesWithheld = [...withheld.types, ...(minPatients > 0 ? (plan.withheld ?? []) : [])].sort();
  // What is withheld is as if it had never been read: no file, count or failure of it is reported.
  const parts = read.map((part): ReadPart => {
    const isWithheld = withheld.types.has(part.planned.window.type);
    return { ...part, record: isWithheld ? emptyPartition() : withoutFilesOf(part.record, withheld.types) };
  });
  const filesOf = (isOfDeletions: boolean): OutputFile[] =>
    parts
      .filter(({ planned }) => (planned.isOfDeletions === true) === isOfDeletions)
      .flatMap(({ record }) => record.files);
  const [output, deleted] = [filesOf(false), filesOf(true)];
  const deletionNotes = parts.flatMap(({ record }) => record.deletionNotes ?? []);
  const { report, foreign, ofOthers } = sumOf(plan, parts);
  // Only now: of what is withheld, no caller may learn that it failed.
  const fatal = report.failures.find(({ endsJob }) => endsJob === true);
  if (fatal !== undefined) throw resourceFailed(fatal.type, fatal.message);
  const risk = await riskOfParts(jobs, request, parts);
  if (risk !== undefined) requireClassSize(risk, request.risk?.minClassSize);
  const records = parts.map(({ record }) => record);
  await provePartsComplete(sourceOf(requesterOf(request), log), asPlanned(request, plan), plan, records);
  await files.confirmContainer(request, settings.allowMixedContainers, now());
  const findings = {
    deletionNotes,
    report,
    foreign,
    ofOthers,
    superseded: superseded(request, repeated),
    absent: await absentMembers(jobs, request, plan, parts),
    unresolved: unresolved(request, parts),
    isReferencedCut: (rounds[MAX_REFERENCED_ROUNDS - 1]?.partitions.length ?? 0) > 0,
    withheld: namesWithheld.length === 0 ? [] : [withheldNote(namesWithheld, minPatients)],
  };
  const isPaged = (await closePages(jobs, request)).pages.length > 0;
  // All pages have the same extension, so what is known now is not in it.
  const notes = isPaged ? lateNotes(findings) : [];
  const errors =
    (await jobs.manifest(jobId)) === undefined
      ? await writeErrors(files, request, report, plan.sourceIssues ?? [], notes)
      : [];
  // Where two calls run at once, the first manifest holds; the other's error file is an orphan.
  const manifest = await jobs.putManifest(
    jobId,
    buildManifest({ request, plan, output, deleted, errors, isPaged, ...findings }),
  );
  const copy = manifestCopy(manifest, (file) => files.url(container, `${folder}${file}`), request.guide);
  await files.write(container, `${folder}${MANIFEST_FILE}`, toText(copy));
  const summary = buildReport(request, plan, {
    parts,
    risk,
    // It is of all that was read: what is withheld is as if it had not been.
    cost: namesWithheld.length === 0 ? cost : undefined,
    finishedAt: new Date(now()).toISOString(),
    engineVersion: VERSION,
  });
  await writeReports(files, request, summary, settings.reportMinCount);
  const kept = manifestFileNames(manifest, request);
  const found = await files.list(container, folder);
  await files.deleteFiles(
    container,
    [...found.keys()].filter((name) => !kept.has(name)),
  );
  checkFiles([...output, ...deleted], found);
  await files.settleContainer(request);
  await rememberMembership({ jobs, settings }, request, plan);
}

/** What all parts report together. */
function sumOf(
  plan: JobPlan,
  parts: readonly ReadPart[],
): { report: SliceReport; foreign: number; ofOthers: number } {
  const report = emptyReport();
  let foreign = 0;
  let ofOthers = 0;
  for (const { record } of parts) {
    foreign += record.foreign ?? 0;
    ofOthers += record.ofOthers ?? 0;
    addReport(report, record.report);
    if (record.provenance !== undefined) addReport(report, record.provenance);
  }
  for (const failure of plan.refused ?? []) addFailure(report, failure);
  return { report, foreign, ofOthers };
}

async function writeReports(
  files: ExportFiles,
  { container, folder }: JobRequest,
  report: ExportReport,
  minCount: number,
): Promise<void> {
  const shared = sharedReport(report, { minCount });
  for (const [name, text] of [
    [REPORT_FILE, toText(report)],
    [SHARED_REPORT_FILE, toText(shared)],
    [REPORT_PAGE_FILE, reportPage(shared)],
  ] as const)
    await files.write(container, `${folder}${name}`, text);
}

/**
 * How many members have no Patient in the source's own export, which some servers cut without a word. Of what is narrowed by
 * other parameters, or may be withheld, that is not known.
 */
async function absentMembers(
  jobs: Pick<JobStore, 'members'>,
  request: JobRequest,
  { start, compartment }: JobPlan,
  parts: readonly ReadPart[],
): Promise<number> {
  const { jobId, types, since, until, typeFilters, minPatients = 0 } = request;
  const isNarrowed = since !== undefined || until !== undefined || typeFilters.length > 0 || minPatients > 0;
  if (start === undefined || compartment?.hasMembers !== true || isNarrowed) return 0;
  if (types?.includes('Patient') === false) return 0;
  const patients = parts.filter(({ planned }) => planned.window.type === 'Patient');
  const found = patients.reduce((sum, { record }) => sum + record.report.read, 0);
  return Members.of(await jobs.members(jobId)).ids.length - found;
}

/** How many lines of files others superseded: nothing, where the number might show what is withheld. */
function superseded({ minPatients = 0 }: JobRequest, repeated: readonly RepeatedPart[]): number {
  return minPatients > 0 ? 0 : repeated.reduce((sum, { lines }) => sum + lines, 0);
}

/**
 * How many resources that exported ones refer to the source does not have: nothing, where the number might show what is
 * withheld.
 */
function unresolved({ minPatients = 0 }: JobRequest, parts: readonly ReadPart[]): number {
  if (minPatients > 0) return 0;
  return parts
    .filter(({ planned }) => planned.isReferenced === true)
    .reduce((sum, { planned: { estimate = 0 }, record: { report } }) => {
      const failed = report.failures.filter(({ code }) => code.startsWith('source-'));
      return sum + estimate - report.read - failed.reduce((all, { count }) => all + count, 0);
    }, 0);
}

async function writeErrors(
  files: ExportFiles,
  request: JobRequest,
  report: SliceReport,
  sourceIssues: readonly SourceIssue[],
  notes: readonly string[],
): Promise<OutputFile[]> {
  const ignored = [...(request.ignored ?? []), ...notes.map(informationIssue)];
  if (report.failures.length + sourceIssues.length + ignored.length === 0) return [];
  const name = `${request.folder}OperationOutcome-${randomUUID()}.ndjson`;
  const file = await files.create(request.container, name);
  for (const outcome of errorOutcomes(report.failures, sourceIssues, ignored))
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
