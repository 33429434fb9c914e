import { ExportError } from '../../common/errors.js';
import { FhirModel } from '../../deid/model/fhirModel.js';
import type { LineMaker } from '../../export/output/lineMaker.js';
import type { Level } from '../../export/plan/level.js';
import type { JobRequest, SliceRecord, Waiting } from '../../export/records/job.js';
import type { Members } from '../../export/selection/members.js';
import { PatientCounter, type PatientCounterInput } from '../../export/selection/patientCount.js';
import type { SliceDependencies, SliceLimits } from '../../export/slice/slice.js';
import { patientCompartment } from '../../fhir/patientCompartment.js';
import type { Settings } from '../../settings/settings.js';
import type { ActivityLog } from '../activity.js';
import type { AttemptFiles } from './attemptFiles.js';
import type { ActivityDependencies } from '../dependencies.js';
import type { Part } from './part.js';

/** What is recorded of a slice, and how many resources were read. */
export type Recorded = Omit<SliceRecord, 'previous' | 'resources' | 'seconds'> & { read: number };

/** What every attempt needs, whatever its source. */
export type SliceContext = Pick<
  SliceDependencies,
  'lineMaker' | 'references' | 'classes' | 'clock' | 'isStopped' | 'tellProgress'
> & {
  dependencies: ActivityDependencies;
  files: AttemptFiles;
  level: Level;
  members: Members | undefined;
  log: ActivityLog;
  /** Called with each request that is sent to the source. */
  onRequest: () => void;
  /** Called where it changes what is waited for. */
  report: (waiting?: Waiting) => void;
};

const BYTES_PER_MEBIBYTE = 1_048_576;

/** Whether patients are counted. */
export const isCounting = ({ minPatients = 0 }: JobRequest): boolean => minPatients > 0;

/** Makes what counts patients, for one type each where the types are not known. */
export async function patientCounters(
  { request, plan, planned }: Part,
  { dependencies, members }: SliceContext,
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
export function limitsOf(
  { sliceMaxPages, sliceMaxMebibytes, sliceMaxSeconds }: Settings,
  { minFileBytes }: Pick<JobRequest, 'minFileBytes'>,
): SliceLimits {
  return {
    pages: minFileBytes === undefined ? sliceMaxPages : Number.POSITIVE_INFINITY,
    bytes: Math.max(sliceMaxMebibytes * BYTES_PER_MEBIBYTE, minFileBytes ?? 0),
    milliseconds: sliceMaxSeconds * 1000,
  };
}

/** @throws ExportError where the plan was wrong: an id is never passed through */
export async function lastingIds(
  lineMaker: LineMaker,
  type: string,
  ids: readonly string[],
): Promise<string[]> {
  const made = (await lineMaker.lastingIds?.(type)?.(ids)) ?? [];
  const lasting = made.filter((id) => id !== undefined);
  if (lasting.length === ids.length) return lasting;
  throw new ExportError('resource-failed', `The id of a deleted ${type} could not be anonymized.`);
}
