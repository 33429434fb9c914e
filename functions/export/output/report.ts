import { remembered } from '../../common/maps.js';
import type { FhirVersion } from '../../fhir/fhirVersion.js';
import type { Risk } from '../risk/risk.js';
import type { SliceCost } from '../records/cost.js';
import {
  addFailure,
  addReport,
  type ConfigurationOfJob,
  emptyReport,
  isValidated,
  type JobPlan,
  type JobRequest,
  type OutputFile,
  type ReadPart,
  type SliceReport,
} from '../records/job.js';

/**
 * What a job did, per type: written beside the manifest. Element paths, codes and counts only; not the job's id, which
 * lets callers in where they are not distinguished.
 */
export interface ExportReport {
  transactionTime: string;
  startedAt: string;
  finishedAt: string;
  /** From kick-off to the last file, in seconds. */
  seconds: number;
  /** Version of the app, and of the engine in it. */
  engineVersion: string;
  configuration: Omit<ConfigurationOfJob, 'keysDigest'> | null;
  /** FHIR version of the source; absent in jobs that earlier versions planned. */
  fhirVersion?: FhirVersion;
  /** Resources written that are not valid FHIR; absent where they were not validated. */
  notValid?: number;
  /** Of the attempts that it is made of; absent where earlier versions made some, or types are withheld. */
  cost?: SliceCost;
  /** How alike its Patients are; absent where they were not compared: in a raw export, and by earlier versions. */
  risk?: Risk;
  types: ReportOfType[];
  /** The files of the manifest, but for those of errors. */
  files: ReportedFile[];
}

/** A file, by its name below the job's folder. */
export type ReportedFile = Pick<OutputFile, 'type' | 'name' | 'count' | 'bytes' | 'sha256'>;

export interface ReportOfType extends SliceReport {
  type: string;
  files: number;
  bytes: number;
  /** Resources left out because they belong also to patients who were not asked for. */
  ofOthers: number;
  /** Time its slices took, added up. */
  seconds: number;
}

/** What a report is made of besides what was asked for and planned. */
export interface Exported extends Pick<ExportReport, 'finishedAt' | 'engineVersion'> {
  parts: readonly ReadPart[];
  risk: Risk | undefined;
  cost: SliceCost | undefined;
}

/** Adds up what the partitions of a job report, by type in alphabetical order. */
export function buildReport(
  request: JobRequest,
  plan: JobPlan,
  { parts, risk, cost, finishedAt, engineVersion }: Exported,
): ExportReport {
  const types = new Map<string, ReportOfType>();
  const empty = { files: 0, bytes: 0, ofOthers: 0, seconds: 0 };
  const sumOf = (type: string): ReportOfType =>
    remembered(types, type, () => ({ type, ...empty, ...emptyReport() }));
  for (const { planned, record } of parts) {
    if (planned.isOfDeletions === true) continue;
    const sum = sumOf(planned.window.type);
    sum.seconds = Math.round((sum.seconds + record.seconds) * 1000) / 1000;
    addReport(sum, record.report);
    sum.ofOthers += record.ofOthers ?? 0;
    if (record.provenance !== undefined) addReport(sumOf('Provenance'), record.provenance);
    for (const { type, bytes } of record.files) {
      const ofFile = sumOf(type);
      ofFile.files++;
      ofFile.bytes += bytes;
    }
  }
  for (const failure of plan.refused ?? []) addFailure(sumOf(failure.type), failure);
  const validated = isValidated(request) ? [...types.values()] : undefined;
  return {
    transactionTime: plan.transactionTime,
    startedAt: request.startedAt,
    finishedAt,
    seconds: (Date.parse(finishedAt) - Date.parse(request.startedAt)) / 1000,
    engineVersion,
    configuration: publicConfiguration(request),
    ...(plan.source === undefined ? {} : { fhirVersion: plan.source.fhirVersion }),
    ...(validated === undefined
      ? {}
      : { notValid: validated.reduce((sum, { content }) => sum + (content?.notValid ?? 0), 0) }),
    ...(cost === undefined ? {} : { cost }),
    ...(risk === undefined ? {} : { risk }),
    types: [...types.values()]
      .filter(({ read, written, ofOthers, failures }) => read + written + ofOthers + failures.length > 0)
      .sort((a, b) => (a.type < b.type ? -1 : 1)),
    files: parts
      .flatMap(({ record }) => record.files)
      .map(({ of: _of, ...file }) => ({ ...file, name: file.name.slice(request.folder.length) })),
  };
}

/** The digest of the keys is the job's own business. */
function publicConfiguration({ configuration }: JobRequest): ExportReport['configuration'] {
  if (configuration === undefined) return null;
  const { keysDigest: _keysDigest, ...published } = configuration;
  return published;
}
