import { runDeletionSlice } from '../../export/slice/deletions.js';
import { PatientSlice } from '../../export/slice/patientSlice.js';
import { runReferencedSlice } from '../../export/slice/referencedSlice.js';
import { runSlice, type SliceDependencies, type SliceResult } from '../../export/slice/slice.js';
import {
  type DeletionNote,
  emptyReport,
  type JobPlan,
  type JobRequest,
  type PlannedPartition,
  type SliceRecord,
} from '../../export/records/job.js';
import type { CompartmentSelection } from '../../export/selection/compartment.js';
import { patientSearches } from '../../export/selection/patientSearches.js';
import { selectionOf } from '../../export/selection/selectionOf.js';
import { DELETIONS_TYPE } from './attemptFiles.js';
import type { ActivityDependencies } from '../dependencies.js';
import { watchedSource } from '../waiting.js';
import {
  isCounting,
  lastingIds,
  limitsOf,
  patientCounters,
  type Recorded,
  type SliceContext,
} from './context.js';
import type { Part } from './part.js';

/** What a slice did, of resources or of deletions. */
type Outcome = Omit<SliceResult, 'cursor'> &
  Pick<SliceRecord, 'cursor'> & { note?: DeletionNote | undefined };

/** A slice of what searches give. */
export async function searchSlice(part: Part, shared: SliceContext): Promise<Recorded> {
  const { request, planned } = part;
  const { dependencies, files, level, log, report, onRequest } = shared;
  const { type } = planned.window;
  const compartment = level.compartment(type, planned);
  const logOfType = (line: object): void => log({ type, ...line });
  const source = watchedSource(dependencies, request, logOfType, report, onRequest);
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

function runOf({ isOfDeletions, isReferenced }: PlannedPartition): typeof runResources {
  if (isReferenced === true) return runReferenced;
  return isOfDeletions === true ? runDeletions : runResources;
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
