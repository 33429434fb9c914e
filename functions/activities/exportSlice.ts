import { randomUUID } from 'node:crypto';
import { isRunning, stateMissing, stateOf } from '../jobs/model/state.js';
import type { FhirVersion } from '../fhir/fhirVersion.js';
import { ExportError } from '../common/errors.js';
import { patientCompartment } from '../fhir/patientCompartment.js';
import { runDeletionSlice } from '../export/slice/deletions.js';
import {
  asPlanned,
  type DeletionNote,
  emptyReport,
  type JobPlan,
  type JobRequest,
  type OutputFile,
  type PlannedPartition,
  type SliceRecord,
  type Waiting,
} from '../export/records/job.js';
import { Level } from '../export/plan/level.js';
import type { CompartmentSelection } from '../export/selection/compartment.js';
import { PatientCounter } from '../export/selection/patientCount.js';
import { PROVENANCE } from '../export/selection/provenance.js';
import { selectionOf } from '../export/selection/selectionOf.js';
import type { LineMaker, LineSink } from '../export/output/lineMaker.js';
import { patientSearches } from '../export/selection/patientSearches.js';
import { runPatientSlice } from '../export/slice/patientSlice.js';
import {
  runSlice,
  type SliceDependencies,
  type SliceLimits,
  type SliceResult,
} from '../export/slice/slice.js';
import type { Settings } from '../settings/settings.js';
import type { ActivityLog } from './activity.js';
import type { ActivityDependencies } from './dependencies.js';
import type { ExportSliceInput, ExportSliceOutput } from './sliceRunner.js';
import { ProgressReports, watchedSource } from './waiting.js';

/** What a slice did, of resources or of deletions. */
type Outcome = Omit<SliceResult, 'cursor'> &
  Pick<SliceRecord, 'cursor'> & { note?: DeletionNote | undefined };

/** What an attempt is about, as the job's state has it. */
interface Part {
  request: JobRequest;
  plan: JobPlan;
  planned: PlannedPartition;
  before: SliceRecord | undefined;
}

const BYTES_PER_MEBIBYTE = 1_048_576;

/**
 * Exports a bounded part of a partition into a file of its own. The name of the file and of the record has a
 * random part made here, so attempts that run twice, or late, never touch each other's.
 */
export function exportSlice(dependencies: ActivityDependencies) {
  const { jobs, cache, settings, now } = dependencies;
  return async (input: ExportSliceInput, log: ActivityLog): Promise<ExportSliceOutput> => {
    const startedAt = performance.now();
    const { jobId, partition, previous } = input;
    const part = await readPart(dependencies, input);
    const { request, plan, planned, before } = part;
    const { type } = planned.window;
    const files = new AttemptFiles(dependencies, part, input);
    const members = plan.compartment?.hasMembers === true ? await cache.members(jobId) : undefined;
    const level = new Level(plan, settings.fhirVersion, members);
    const compartment = level.compartment(type, planned.memberSearch);
    const lineMaker = await cache.lineMaker(request, plan.transactionTime);
    const reports = new ProgressReports(jobs, jobId);
    let resources = before?.resources ?? 0;
    const report = (waiting?: Waiting): void => reports.add({ partition, resources, isDone: false }, waiting);
    const source = watchedSource(dependencies, request, (line) => log({ type, ...line }), report);
    const isCounting = (request.minPatients ?? 0) > 0;
    const patients = new PatientCounter({
      most: request.minPatients ?? 0,
      fhirVersion: settings.fhirVersion,
      secret: isCounting ? await jobs.secret(jobId) : new Uint8Array(0),
      isCounted: members === undefined ? undefined : (id) => members.indexOf(id) >= 0,
      outside: outsideTypes(plan, settings.fhirVersion),
    });
    const isStopped = async (): Promise<boolean> => !isRunning(stateOf(await jobs.records(jobId)));
    const run = planned.isOfDeletions === true ? runDeletions : runResources;
    const result = await run(part, compartment, settings, {
      source,
      lineMaker,
      patients,
      companions: level.companions(type, request, source),
      openFile: (written) => files.open(written),
      clock: now,
      isStopped,
      tellProgress: (read) => {
        resources = (before?.resources ?? 0) + read;
        report();
      },
    }).catch((error: unknown) => files.discard(error));
    await reports.settled();
    resources = (before?.resources ?? 0) + result.report.read;
    await jobs.putSlice(jobId, partition, files.attempt, {
      previous: previous ?? undefined,
      files: files.written(result),
      cursor: result.cursor,
      ...(result.note === undefined ? {} : { deletionNote: result.note }),
      ...(result.walked === undefined ? {} : { walked: result.walked }),
      resources,
      seconds: (performance.now() - startedAt) / 1000,
      report: result.report,
      provenance: result.companions.report,
      foreign: compartment?.foreign ?? 0,
      ofOthers: compartment?.ofOthers ?? 0,
      ...(isCounting ? { counts: patients.counts() } : {}),
    });
    // A cancel that came while the last page was written has deleted the job's files before this one was there.
    if (await isStopped()) await files.discard(new ExportError('job-stopped', 'The job was stopped.'));
    await jobs.putProgress(jobId, { partition, resources, isDone: result.cursor === undefined });
    return { attempt: files.attempt, isDone: result.cursor === undefined };
  };
}

/** @throws ExportError `job-state-missing` where the job, or the cursor from which the slice continues, is gone */
async function readPart(
  { jobs, settings }: ActivityDependencies,
  { jobId, partition, previous }: ExportSliceInput,
): Promise<Part> {
  const [request, plan, before] = await Promise.all([
    jobs.request(jobId),
    jobs.plan(jobId),
    previous === null ? undefined : jobs.slice(jobId, partition, previous),
    jobs.checkClaim(jobId, partition),
  ]);
  const planned = plan?.partitions[partition];
  if (
    request === undefined ||
    plan === undefined ||
    planned === undefined ||
    (previous !== null && before?.cursor === undefined)
  ) {
    throw stateMissing();
  }
  checkSource(plan, settings);
  return { request: asPlanned(request, plan), plan, planned, before };
}

/** The files of one attempt, one for each type; their names are of this attempt alone. */
class AttemptFiles {
  readonly attempt = randomUUID();
  readonly #dependencies: ActivityDependencies;
  readonly #part: Part;
  readonly #input: ExportSliceInput;
  readonly #opened = new Map<string, LineSink | undefined>();

  constructor(dependencies: ActivityDependencies, part: Part, input: ExportSliceInput) {
    this.#dependencies = dependencies;
    this.#part = part;
    this.#input = input;
  }

  async open(type: string): Promise<LineSink> {
    const { files, settings, now } = this.#dependencies;
    const { request } = this.#part;
    await files.confirmContainer(request, settings.allowMixedContainers, now());
    const name = this.#nameOf(type);
    // Before it is there: one whose creation seems to fail may exist.
    this.#opened.set(name, undefined);
    const file = await files.create(request.container, name);
    this.#opened.set(name, file);
    return file;
  }

  /** Deletes what was written, since the attempt fails. */
  async discard(reason: unknown): Promise<never> {
    const { files } = this.#dependencies;
    const { container } = this.#part.request;
    // Only tidier: what this cannot delete is an orphan, which the end of the job or the timer deletes.
    for (const name of this.#opened.keys()) await files.deleteFile(container, name).catch(() => undefined);
    throw reason;
  }

  written({ lines, bytes, companions }: Outcome): OutputFile[] {
    const { isOfDeletions, window } = this.#part.planned;
    const type = isOfDeletions === true ? DELETIONS_TYPE : window.type;
    const files: OutputFile[] = [
      {
        type,
        ...(isOfDeletions === true ? { of: [window.type] } : {}),
        name: this.#nameOf(type),
        count: lines,
        bytes,
      },
      {
        type: PROVENANCE,
        name: this.#nameOf(PROVENANCE),
        count: companions.lines,
        bytes: companions.bytes,
      },
    ];
    return files
      .filter(({ count }) => count > 0)
      .map((file) => {
        const sha256 = this.#opened.get(file.name)?.sha256;
        return sha256 === undefined ? file : { ...file, sha256 };
      });
  }

  #nameOf(type: string): string {
    const { request, planned } = this.#part;
    const { partition, slice } = this.#input;
    const what = planned.isOfDeletions === true ? `deleted-${planned.window.type}` : type;
    return `${request.folder}${what}-${partition}-${slice}-${this.attempt}.ndjson`;
  }
}

/** https://hl7.org/fhir/uv/bulkdata/STU2/export.html#response---complete-status `deleted` */
const DELETIONS_TYPE = 'Bundle';

function limitsOf({ sliceMaxPages, sliceMaxMebibytes, sliceMaxSeconds }: Settings): SliceLimits {
  return {
    pages: sliceMaxPages,
    bytes: sliceMaxMebibytes * BYTES_PER_MEBIBYTE,
    milliseconds: sliceMaxSeconds * 1000,
  };
}

async function runResources(
  { request, plan, planned: { window, memberSearch }, before }: Part,
  compartment: CompartmentSelection | undefined,
  settings: Settings,
  dependencies: SliceDependencies,
): Promise<Outcome> {
  const pageSize = request.pageSize ?? settings.pageSize;
  const cursor = before?.cursor;
  const patientByPatient = memberSearch?.patientByPatient;
  if (patientByPatient === undefined || compartment === undefined) {
    return runSlice(
      window,
      selectionOf(request, window.type, compartment),
      {
        pageSize,
        cursor: cursor !== undefined && 'search' in cursor ? cursor : undefined,
        mayLeaveOut: mayLeaveOut(request, plan, window.type),
      },
      limitsOf(settings),
      dependencies,
    );
  }
  return runPatientSlice(
    window,
    patientSearches(
      compartment,
      request.typeFilters.filter(({ type }) => type === window.type),
    ),
    {
      pageSize: patientByPatient.takesNoCount ? undefined : pageSize,
      concurrency: settings.sourceMaxRequests,
      cursor: cursor !== undefined && 'patientSearch' in cursor ? cursor : undefined,
    },
    limitsOf(settings),
    dependencies,
  );
}

async function runDeletions(
  { request, planned: { window }, before }: Part,
  _compartment: undefined | CompartmentSelection,
  settings: Settings,
  { source, lineMaker, openFile, clock, isStopped }: SliceDependencies,
): Promise<Outcome> {
  const cursor = before?.cursor;
  const result = await runDeletionSlice(
    window,
    {
      pageSize: request.pageSize ?? settings.pageSize,
      cursor: cursor !== undefined && 'history' in cursor ? cursor : undefined,
    },
    limitsOf(settings),
    {
      source,
      deletedId: (id) => lastingId(lineMaker, window.type, id),
      openFile: () => openFile(DELETIONS_TYPE),
      clock,
      isStopped,
    },
  );
  return { ...result, report: emptyReport(), companions: { lines: 0, bytes: 0, report: emptyReport() } };
}

/** Whether the caller has not asked by name for the type of a partition, and the partition is all there is of it. */
function mayLeaveOut({ types, typeFilters }: JobRequest, { partitions }: JobPlan, type: string): boolean {
  const parts = partitions.filter(
    ({ window, isOfDeletions }) => window.type === type && isOfDeletions !== true,
  );
  return types === undefined && parts.length === 1 && !typeFilters.some((filter) => filter.type === type);
}

/** The types of a job that are in no patient's compartment. */
function outsideTypes({ partitions }: JobPlan, version: FhirVersion): ReadonlySet<string> {
  const types = partitions.map(({ window }) => window.type);
  return new Set(types.filter((type) => !patientCompartment(version).has(type)));
}

/** One job reads from one source, whatever the settings of an app that was started anew say. */
function checkSource({ source }: JobPlan, { fhirServerUrl, fhirVersion }: Settings): void {
  if (source === undefined || (source.url === fhirServerUrl && source.fhirVersion === fhirVersion)) return;
  throw new ExportError(
    'source-unverifiable',
    'FHIR_SERVER_URL or FHIR_VERSION was changed since the export began, so its files would not fit each other. Start the export again.',
  );
}

/** @throws ExportError where the plan was wrong: an id is never passed through */
function lastingId(lineMaker: LineMaker, type: string, id: string): string {
  const lasting = lineMaker.lastingId?.(type, id);
  if (lasting !== undefined) return lasting;
  throw new ExportError('resource-failed', `The id of a deleted ${type} could not be anonymized.`);
}
