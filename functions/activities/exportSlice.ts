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
  type SliceRecord,
  type Waiting,
} from '../export/records/job.js';
import { Level } from '../export/plan/level.js';
import { PatientCounter } from '../export/selection/patientCount.js';
import { PROVENANCE } from '../export/selection/provenance.js';
import { requesterOf } from '../export/source/requestLimiter.js';
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
import { SourceWatch } from './waiting.js';

/** What a slice did, of resources or of deletions. */
type Outcome = Omit<SliceResult, 'cursor'> &
  Pick<SliceRecord, 'cursor'> & { note?: DeletionNote | undefined };

const BYTES_PER_MEBIBYTE = 1_048_576;

/**
 * Exports a bounded part of a partition into a file of its own. The name of the file and of the record has a
 * random part made here, so attempts that run twice, or late, never touch each other's.
 */
export function exportSlice({ settings, jobs, files, sourceOf, cache, now }: ActivityDependencies) {
  return async (
    { jobId, partition, slice, previous }: ExportSliceInput,
    log: ActivityLog,
  ): Promise<ExportSliceOutput> => {
    const startedAt = performance.now();
    const isStopped = async (): Promise<boolean> => !isRunning(stateOf(await jobs.records(jobId)));
    const [asked, plan, before] = await Promise.all([
      jobs.request(jobId),
      jobs.plan(jobId),
      previous === null ? undefined : jobs.slice(jobId, partition, previous),
      jobs.checkClaim(jobId, partition),
    ]);
    const planned = plan?.partitions[partition];
    const window = planned?.window;
    if (
      asked === undefined ||
      plan === undefined ||
      window === undefined ||
      (previous !== null && before?.cursor === undefined)
    ) {
      throw stateMissing();
    }
    checkSource(plan, settings);
    const request = asPlanned(asked, plan);
    const readBefore = before?.resources ?? 0;
    const attempt = randomUUID();
    const cursor = before?.cursor;
    const isOfDeletions = planned?.isOfDeletions === true;
    const writtenType = isOfDeletions ? 'Bundle' : window.type;
    const nameOf = (type: string): string =>
      `${request.folder}${isOfDeletions ? `deleted-${window.type}` : type}-${partition}-${slice}-${attempt}.ndjson`;
    const opened: string[] = [];
    const discard = async (thrown: unknown): Promise<never> => {
      // Only tidier: what this cannot delete is an orphan, which the end of the job or the timer deletes.
      for (const name of opened) await files.deleteFile(request.container, name).catch(() => undefined);
      throw thrown;
    };
    const members = plan.compartment?.hasMembers === true ? await cache.members(jobId) : undefined;
    const level = new Level(plan, settings.fhirVersion, members);
    const compartment = level.compartment(window.type, planned?.memberSearch);
    const selection = selectionOf(request, window.type, compartment);
    let telling: Promise<unknown> = Promise.resolve();
    const lineMaker = await cache.lineMaker(request, plan.transactionTime);
    const isCounting = (request.minPatients ?? 0) > 0;
    const patients = new PatientCounter({
      most: request.minPatients ?? 0,
      fhirVersion: settings.fhirVersion,
      secret: isCounting ? await jobs.secret(jobId) : new Uint8Array(0),
      isCounted: members === undefined ? undefined : (id) => members.indexOf(id) >= 0,
      outside: outsideTypes(plan, settings.fhirVersion),
    });
    let read = readBefore;
    const report = (waiting?: Waiting): void => {
      const progress = { partition, resources: read, isDone: false };
      // Only a hint for people, so its failure is nobody's.
      telling = telling
        .then(() => jobs.putProgress(jobId, waiting === undefined ? progress : { ...progress, waiting }))
        .catch(() => undefined);
    };
    const watch = new SourceWatch(now, report);
    const source = watch.watched(
      sourceOf(requesterOf(request), (line) => {
        watch.failed(line);
        log({ type: window.type, ...line });
      }),
    );
    const pageSize = request.pageSize ?? settings.pageSize;
    const limits: SliceLimits = {
      pages: settings.sliceMaxPages,
      bytes: settings.sliceMaxMebibytes * BYTES_PER_MEBIBYTE,
      milliseconds: settings.sliceMaxSeconds * 1000,
    };
    const openFile = async (type: string): Promise<LineSink> => {
      await files.confirmContainer(request, settings.allowMixedContainers, now());
      opened.push(nameOf(type));
      return files.create(request.container, nameOf(type));
    };
    const sliceDependencies: SliceDependencies = {
      source,
      lineMaker,
      patients,
      companions: level.companions(window.type, request, source),
      openFile,
      clock: now,
      isStopped,
      tellProgress: (resources) => {
        read = readBefore + resources;
        report();
      },
    };
    const patientByPatient = planned?.memberSearch?.patientByPatient;
    const runResources = (): Promise<Outcome> =>
      patientByPatient === undefined || compartment === undefined
        ? runSlice(
            window,
            selection,
            {
              pageSize,
              cursor: cursor !== undefined && 'search' in cursor ? cursor : undefined,
              mayLeaveOut: mayLeaveOut(request, plan, partition),
            },
            limits,
            sliceDependencies,
          )
        : runPatientSlice(
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
            limits,
            sliceDependencies,
          );
    const runDeletions = async (): Promise<Outcome> => {
      const result = await runDeletionSlice(
        window,
        { pageSize, cursor: cursor !== undefined && 'history' in cursor ? cursor : undefined },
        limits,
        {
          source,
          deletedId: (id) => lastingId(lineMaker, window.type, id),
          openFile: () => openFile(writtenType),
          clock: now,
          isStopped,
        },
      );
      return { ...result, report: emptyReport(), companions: { lines: 0, bytes: 0, report: emptyReport() } };
    };
    const run: Promise<Outcome> = isOfDeletions ? runDeletions() : runResources();
    const result = await run.catch((thrown: unknown) => discard(thrown));
    await telling;
    const resources = readBefore + result.report.read;
    const written: OutputFile[] = [
      {
        type: writtenType,
        ...(isOfDeletions ? { of: [window.type] } : {}),
        name: nameOf(writtenType),
        count: result.lines,
        bytes: result.bytes,
      },
      {
        type: PROVENANCE,
        name: nameOf(PROVENANCE),
        count: result.companions.lines,
        bytes: result.companions.bytes,
      },
    ];
    const record: SliceRecord = {
      previous: previous ?? undefined,
      files: written.filter(({ count }) => count > 0),
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
    };
    await jobs.putSlice(jobId, partition, attempt, record);
    // A cancel that came while the last page was written has deleted the job's files before this one was there.
    if (await isStopped()) await discard(new ExportError('job-stopped', 'The job was stopped.'));
    await jobs.putProgress(jobId, { partition, resources, isDone: result.cursor === undefined });
    return { attempt, isDone: result.cursor === undefined };
  };
}

/** Whether nobody has asked by name for the type of a partition, and the partition is all there is of it. */
function mayLeaveOut({ types, typeFilters }: JobRequest, plan: JobPlan, partition: number): boolean {
  const type = plan.partitions[partition]?.window.type;
  const parts = plan.partitions.filter(
    ({ window, isOfDeletions }) => window.type === type && isOfDeletions !== true,
  );
  return types === undefined && parts.length === 1 && !typeFilters.some((filter) => filter.type === type);
}

/** The types of a job that are in nobody's compartment. */
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
