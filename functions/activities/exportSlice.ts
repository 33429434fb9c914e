import { isRunning, stateMissing, stateOf } from '../jobs/model/state.js';
import { ExportError } from '../common/errors.js';
import { FhirModel } from '../deid/model/fhirModel.js';
import { patientCompartment } from '../fhir/patientCompartment.js';
import { runBulkDeletions } from '../export/slice/bulkDeletions.js';
import { runDeletionSlice } from '../export/slice/deletions.js';
import {
  asPlanned,
  type DeletionNote,
  emptyReport,
  type FileCursor,
  type FilePart,
  type JobPlan,
  type JobRequest,
  partitionOf,
  type PlannedPartition,
  type BlockType,
  type SliceRecord,
  type TypeRecord,
  type Waiting,
} from '../export/records/job.js';
import { reachedFile } from '../export/plan/bulkPlan.js';
import { isAsked } from '../export/plan/filePlan.js';
import { reasonAgainst } from '../export/plan/deletionPlan.js';
import { Level } from '../export/plan/level.js';
import type { CompartmentSelection } from '../export/selection/compartment.js';
import { PatientCounter, type PatientCounterInput } from '../export/selection/patientCount.js';
import type { Members } from '../export/selection/members.js';
import { selectionOf } from '../export/selection/selectionOf.js';
import type { LineMaker } from '../export/output/lineMaker.js';
import { patientSearches } from '../export/selection/patientSearches.js';
import { LineIndex } from '../export/slice/doubles.js';
import { runFileSlice } from '../export/slice/fileSlice.js';
import type { LineBlock } from '../export/source/fileLines.js';
import { requesterOf } from '../export/source/requestLimiter.js';
import { type BlockSearches, inOrderOfBlocks, runBlockSlice } from '../export/slice/blockSlice.js';
import { earlierWindow, jobWindow } from '../export/walk/window.js';
import { PatientSlice } from '../export/slice/patientSlice.js';
import { ReferenceCollector } from '../export/slice/referenceCollector.js';
import { runReferencedSlice } from '../export/slice/referencedSlice.js';
import {
  runSlice,
  type SliceDependencies,
  type SliceLimits,
  type SliceResult,
} from '../export/slice/slice.js';
import type { Settings } from '../settings/settings.js';
import type { ActivityLog } from './activity.js';
import type { JobStore } from '../adapters/storage/jobStore.js';
import { AttemptFiles, DELETIONS_TYPE } from './attemptFiles.js';
import { repeatedOf } from './countedParts.js';
import type { ActivityDependencies } from './dependencies.js';
import type { ExportSliceInput, ExportSliceOutput } from './sliceRunner.js';
import { ProgressReports, watchedSource } from './waiting.js';

/** What a slice did, of resources or of deletions. */
type Outcome = Omit<SliceResult, 'cursor'> &
  Pick<SliceRecord, 'cursor'> & { note?: DeletionNote | undefined };

/** Of that, what is recorded, and how many resources were read. */
type Recorded = Omit<SliceRecord, 'previous' | 'resources' | 'seconds'> & { read: number };

/** What an attempt is about, as the job's state has it. */
interface Part {
  partition: number;
  request: JobRequest;
  plan: JobPlan;
  planned: PlannedPartition;
  before: SliceRecord | undefined;
  /** Places of the lines of a file that do not count; absent: that is not known yet. */
  superseded?: Float64Array;
}

/** What every attempt needs, whatever its source. */
type Shared = Pick<SliceDependencies, 'lineMaker' | 'references' | 'clock' | 'isStopped' | 'tellProgress'> & {
  dependencies: ActivityDependencies;
  files: AttemptFiles;
  level: Level;
  members: Members | undefined;
  log: ActivityLog;
  /** Called where it changes what is waited for. */
  report: (waiting?: Waiting) => void;
};

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
    const references =
      plan.referenced && new ReferenceCollector(plan.referenced, plan.compartment?.bases ?? []);
    const files = new AttemptFiles(dependencies, part, input);
    const members =
      plan.compartment?.hasMembers === true ? await cache.members(jobId, plan.first) : undefined;
    const reports = new ProgressReports(jobs, jobId);
    let resources = before?.resources ?? 0;
    const report = (waiting?: Waiting): void => reports.add({ partition, resources, isDone: false }, waiting);
    const isStopped = async (): Promise<boolean> => !isRunning(stateOf(await jobs.records(jobId)));
    const ofFile = planned.isOfDeletions === true ? deletionFileSlice : fileSlice;
    const ofSource = planned.blocks === undefined ? searchSlice : blockSlice;
    const run = planned.file === undefined ? ofSource : ofFile;
    const { read, ...recorded } = await run(part, {
      dependencies,
      references,
      files,
      level: new Level(plan, settings.fhirVersion, members),
      members,
      lineMaker: await cache.lineMaker(request, plan.transactionTime),
      log,
      report,
      clock: now,
      isStopped,
      tellProgress: (readSoFar) => {
        resources = (before?.resources ?? 0) + readSoFar;
        report();
      },
    }).catch((error: unknown) => files.discard(error));
    if (references !== undefined) await jobs.putReferences(jobId, partition, files.attempt, references.lines);
    await reports.settled();
    resources = (before?.resources ?? 0) + read;
    await jobs.putSlice(jobId, partition, files.attempt, {
      previous: previous ?? undefined,
      ...recorded,
      resources,
      seconds: (performance.now() - startedAt) / 1000,
    });
    // A cancel that came while the last page was written has deleted the job's files before this one was there.
    if (await isStopped()) await files.discard(new ExportError('job-stopped', 'The job was stopped.'));
    await jobs.putProgress(jobId, { partition, resources, isDone: recorded.cursor === undefined });
    return { attempt: files.attempt, isDone: recorded.cursor === undefined };
  };
}

/** A slice of what searches give. */
async function searchSlice(part: Part, shared: Shared): Promise<Recorded> {
  const { request, planned } = part;
  const { dependencies, files, level, log, report } = shared;
  const { type } = planned.window;
  const compartment = level.compartment(type, planned);
  const source = watchedSource(dependencies, request, (line) => log({ type, ...line }), report);
  const patients = (await patientCounters(part, shared))();
  const run = runOf(planned);
  const result = await run(part, compartment, dependencies, {
    ...shared,
    source,
    patients,
    companions: level.companions(type, planned, request, source),
    openFile: (written) => files.open(written),
  });
  return {
    files: files.written(result),
    cursor: result.cursor,
    ...(result.note === undefined ? {} : { deletionNotes: [result.note] }),
    ...(result.walked === undefined ? {} : { walked: result.walked }),
    report: result.report,
    provenance: result.companions.report,
    foreign: compartment?.foreign ?? 0,
    ofOthers: compartment?.ofOthers ?? 0,
    ...(isCounting(request) ? { counts: patients.counts() } : {}),
    read: result.report.read,
  };
}

/** A slice of a part that is written patient by patient. */
async function blockSlice(part: Part, shared: Shared): Promise<Recorded> {
  const { request, planned, plan, before } = part;
  const { dependencies, files, level, members, log, report } = shared;
  const { jobs, settings } = dependencies;
  const { blocks } = planned;
  if (blocks === undefined || members === undefined) throw stateMissing();
  const source = watchedSource(dependencies, request, log, report);
  const compartments: Array<[type: string, compartment: CompartmentSelection]> = [];
  const searchesOf = ({ type, parameters, isOfJoined }: BlockType, id: string): BlockSearches | undefined => {
    const first = (isOfJoined === true ? members.joined : members)?.indexOf(id) ?? -1;
    if (first < 0) return undefined;
    const patientByPatient = { takesNoCount: false };
    const memberSearch = { parameters, batch: 1, first, end: first + 1, patientByPatient };
    const chosen = { memberSearch, ...(isOfJoined === true ? { isOfJoined } : {}) };
    const compartment = level.compartment(type, chosen);
    if (compartment === undefined) throw stateMissing();
    compartments.push([type, compartment]);
    const filters = request.typeFilters.filter((filter) => filter.type === type);
    const windowOf = isOfJoined === true ? earlierWindow : jobWindow;
    return {
      searches: patientSearches(compartment, filters),
      window: windowOf(type, request, plan.transactionTime),
    };
  };
  const cursor = before?.cursor !== undefined && 'block' in before.cursor ? before.cursor : undefined;
  const result = await runBlockSlice(
    {
      part: blocks,
      cursor,
      ids: inOrderOfBlocks(members.ids, await jobs.secret(request.jobId)),
      searchesOf,
      pageSize: request.pageSize ?? settings.pageSize,
      concurrency: settings.sourceMaxRequests,
      hasPatients: (request.types ?? request.permittedTypes)?.includes('Patient') !== false,
    },
    limitsOf(settings, request),
    {
      ...shared,
      source,
      patients: (await patientCounters(part, shared))(),
      openFile: (type) => files.open(type),
    },
  );
  const byType: Record<string, TypeRecord> = { Patient: { files: [], report: emptyReport() } };
  for (const [type, sum] of result.byType) byType[type] = { files: [], report: sum };
  for (const [type, compartment] of compartments) {
    const sum = byType[type];
    if (sum === undefined) continue;
    sum.foreign = (sum.foreign ?? 0) + compartment.foreign;
    sum.ofOthers = (sum.ofOthers ?? 0) + compartment.ofOthers;
  }
  const of = { of: result.written, ...(result.isContinued ? { isContinued: true as const } : {}) };
  // Of all types: where they are listed, they are in the order of slices.
  const patient = byType['Patient'];
  if (patient !== undefined) patient.files = files.named('Patient', result.lines, result.bytes, of);
  return { files: [], cursor: result.cursor, report: emptyReport(), byType, read: result.read };
}

/** A slice of a part of a file. */
async function fileSlice(part: Part, shared: Shared): Promise<Recorded> {
  const { request, planned, before, superseded } = part;
  const { dependencies, files, level } = shared;
  const { jobs, settings, isResourceType } = dependencies;
  const { file, window } = planned;
  if (file === undefined) throw otherSource();
  const { type: ofFile } = file.bulk ?? {};
  const cursor = before?.cursor !== undefined && 'place' in before.cursor ? before.cursor : undefined;
  const index = superseded === undefined ? new LineIndex(await jobs.secret(request.jobId)) : undefined;
  const newCounter = await patientCounters(part, shared);
  const result = await runFileSlice(file, window, limitsOf(settings, request), {
    ...shared,
    blocks: await blocksOf(part, file, cursor, shared),
    superseded: superseded ?? new Float64Array(),
    index,
    openFile: (type) => files.open(type),
    choiceOf: (type, refuse) => {
      if (ofFile !== undefined && type !== ofFile) refuse(true);
      if (!isResourceType(type)) refuse(false);
      if (!isAsked(request, type, settings.fhirVersion) || !isOfFiles(part, type)) return undefined;
      // Of what exported resources refer to, the source has decided what its own export has.
      const isReferenced = request.referencedTypes?.includes(type) === true;
      const compartmentOf = (
        chosen: Pick<PlannedPartition, 'isOfJoined'>,
      ): CompartmentSelection | undefined => (isReferenced ? undefined : level.compartment(type, chosen));
      return {
        compartment: compartmentOf({}),
        ...(level.hasJoined ? { earlier: { compartment: compartmentOf({ isOfJoined: true }) } } : {}),
        patients: newCounter(),
      };
    },
  });
  if (index !== undefined) await jobs.putIndex(request.jobId, part.partition, files.attempt, index.bytes);
  const byType = Object.fromEntries(
    [...result.byType].map(([type, { lines, bytes, counts, ...written }]) => [
      type,
      {
        files: files.named(type, lines, bytes),
        ...written,
        ...(isCounting(request) && counts !== undefined ? { counts } : {}),
      },
    ]),
  );
  const { cursor: next, lines, read } = result;
  return { files: [], cursor: next, report: emptyReport(), byType, lines, read };
}

/** A file of deletions of the source's own export. */
async function deletionFileSlice(part: Part, shared: Shared): Promise<Recorded> {
  const { request, planned } = part;
  const { dependencies, files, lineMaker } = shared;
  const { settings, isResourceType } = dependencies;
  if (planned.file === undefined) throw otherSource();
  const { lines, bytes, types, notes } = await runBulkDeletions({
    blocks: await blocksOf(part, planned.file, undefined, shared),
    bases: [settings.fhirServerUrl],
    isKnown: isResourceType,
    isAsked: (type) => isAsked(request, type, settings.fhirVersion) && isOfFiles(part, type),
    reasonAgainst: (type) =>
      reasonAgainst(type, request, (name) => lineMaker.lastingIds?.(name) !== undefined),
    deletedIds: (type, ids) => lastingIds(lineMaker, type, ids),
    openFile: () => files.open(DELETIONS_TYPE),
  });
  return {
    files: files.named(DELETIONS_TYPE, lines, bytes, { of: types }),
    cursor: undefined,
    ...(notes.length === 0 ? {} : { deletionNotes: notes }),
    report: emptyReport(),
    read: 0,
  };
}

/** Whether a type is read from the files: the source may be searched for others. */
function isOfFiles({ plan: { bulkTypes } }: Part, type: string): boolean {
  return bulkTypes?.includes(type) !== false;
}

/** The lines of a part of a file, wherever it is. */
async function blocksOf(
  { request, plan }: Part,
  file: FilePart,
  cursor: FileCursor | undefined,
  { dependencies, log }: Shared,
): Promise<AsyncIterable<LineBlock>> {
  const { cache, bulkOf, sourceFiles } = dependencies;
  if (file.bulk === undefined) {
    if (sourceFiles === undefined) throw otherSource();
    return sourceFiles.blocks(file, cursor);
  }
  if (bulkOf === undefined || plan.start === undefined) throw otherSource();
  const manifest = await cache.sourceManifest(request.jobId, plan.start);
  return bulkOf(requesterOf(request), log).blocks(file, reachedFile(manifest, file.number), cursor);
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

const isCounting = ({ minPatients = 0 }: JobRequest): boolean => minPatients > 0;

/** Makes what counts patients, for one type each where the types are not known. */
async function patientCounters(
  { request, plan, planned }: Part,
  { dependencies, members }: Shared,
): Promise<() => PatientCounter> {
  const { fhirVersion } = dependencies.settings;
  const types =
    planned.file === undefined
      ? [...plan.partitions.map(({ window }) => window.type), ...(plan.referenced ?? [])]
      : FhirModel.of(fhirVersion).resourceNames();
  const input: PatientCounterInput = {
    most: request.minPatients ?? 0,
    fhirVersion,
    secret: isCounting(request) ? await dependencies.jobs.secret(request.jobId) : new Uint8Array(0),
    isCounted: members === undefined ? undefined : (id) => members.indexOf(id) >= 0,
    // Of the types of the job, those that are in no patient's compartment.
    outside: new Set(types.filter((type) => !patientCompartment(fhirVersion).has(type))),
  };
  return () => new PatientCounter(input);
}

/** A request that wants larger files has longer slices, but for the time that one may take. */
function limitsOf(
  { sliceMaxPages, sliceMaxMebibytes, sliceMaxSeconds }: Settings,
  { minFileBytes }: Pick<JobRequest, 'minFileBytes'>,
): SliceLimits {
  return {
    pages: minFileBytes === undefined ? sliceMaxPages : Number.POSITIVE_INFINITY,
    bytes: Math.max(sliceMaxMebibytes * BYTES_PER_MEBIBYTE, minFileBytes ?? 0),
    milliseconds: sliceMaxSeconds * 1000,
  };
}

async function runResources(
  { request, plan, planned, before }: Part,
  compartment: CompartmentSelection | undefined,
  { settings }: Pick<ActivityDependencies, 'jobs' | 'settings'>,
  dependencies: SliceDependencies,
): Promise<Outcome> {
  const { window, memberSearch, isOfJoined } = planned;
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
        mayLeaveOut: mayLeaveOut(request, plan, planned),
      },
      limitsOf(settings, request),
      dependencies,
    );
  }
  return new PatientSlice(
    window,
    patientSearches(
      compartment,
      request.typeFilters.filter(({ type }) => type === window.type),
    ),
    {
      pageSize: patientByPatient.takesNoCount ? undefined : pageSize,
      concurrency: settings.sourceMaxRequests,
      cursor: cursor !== undefined && 'patientSearch' in cursor ? cursor : undefined,
      leavesOutUndated: isOfJoined === true,
    },
    limitsOf(settings, request),
    dependencies,
  ).run();
}

function runOf({ isOfDeletions, isReferenced }: PlannedPartition): typeof runResources {
  if (isReferenced === true) return runReferenced;
  return isOfDeletions === true ? runDeletions : runResources;
}

async function runReferenced(
  { partition, request, planned: { window }, before }: Part,
  _compartment: undefined | CompartmentSelection,
  { jobs, settings }: Pick<ActivityDependencies, 'jobs' | 'settings'>,
  dependencies: SliceDependencies,
): Promise<Outcome> {
  const cursor = before?.cursor;
  return runReferencedSlice(
    {
      type: window.type,
      ids: await jobs.referencedIds(request.jobId, partition),
      pageSize: request.pageSize ?? settings.pageSize,
      concurrency: settings.sourceMaxRequests,
      cursor: cursor !== undefined && 'nextId' in cursor ? cursor : undefined,
    },
    limitsOf(settings, request),
    dependencies,
  );
}

async function runDeletions(
  { request, planned: { window }, before }: Part,
  _compartment: undefined | CompartmentSelection,
  { settings }: Pick<ActivityDependencies, 'jobs' | 'settings'>,
  { source, lineMaker, openFile, clock, isStopped }: SliceDependencies,
): Promise<Outcome> {
  const cursor = before?.cursor;
  const result = await runDeletionSlice(
    window,
    {
      pageSize: request.pageSize ?? settings.pageSize,
      cursor: cursor !== undefined && 'history' in cursor ? cursor : undefined,
    },
    limitsOf(settings, request),
    {
      source,
      deletedIds: (ids) => lastingIds(lineMaker, window.type, ids),
      openFile: () => openFile(DELETIONS_TYPE),
      clock,
      isStopped,
    },
  );
  return { ...result, report: emptyReport(), companions: { lines: 0, bytes: 0, report: emptyReport() } };
}

/** Whether the caller has not asked by name for the type of a partition, and the partition is all there is of it. */
function mayLeaveOut(
  { types, typeFilters }: JobRequest,
  { partitions }: JobPlan,
  { window: { type }, isOfJoined }: PlannedPartition,
): boolean {
  const parts = partitions.filter(
    (part) => part.window.type === type && part.isOfDeletions !== true && part.isOfJoined === isOfJoined,
  );
  return types === undefined && parts.length === 1 && !typeFilters.some((filter) => filter.type === type);
}

/** One job reads from one source, whatever the settings of an app that was started anew say. */
function checkSource({ source }: JobPlan, { fhirServerUrl, fhirVersion }: Settings): void {
  if (source === undefined || (source.url === fhirServerUrl && source.fhirVersion === fhirVersion)) return;
  throw otherSource();
}

function otherSource(): ExportError {
  return new ExportError(
    'source-unverifiable',
    'FHIR_SERVER_URL, FHIR_VERSION or SOURCE_MODE was changed since the export began, so its files would not fit each other. Start the export again.',
  );
}

/** @throws ExportError where the plan was wrong: an id is never passed through */
async function lastingIds(lineMaker: LineMaker, type: string, ids: readonly string[]): Promise<string[]> {
  const made = (await lineMaker.lastingIds?.(type)?.(ids)) ?? [];
  const lasting = made.filter((id) => id !== undefined);
  if (lasting.length === ids.length) return lasting;
  throw new ExportError('resource-failed', `The id of a deleted ${type} could not be anonymized.`);
}
