import type { Validation } from '../../deid/run/engine.js';
import type { FhirVersion } from '../../fhir/fhirVersion.js';
import type { OutcomeIssue } from '../../fhir/operationOutcome.js';
import type { ApprovalRule, CoverageSummary } from '../request/approval.js';
import type { MemberSearch } from '../selection/compartment.js';
import type { ExportLevel, ExportScope, OutputForm } from '../request/scope.js';
import type { ClassRecord } from '../risk/classCollector.js';
import type { RiskOfJob } from '../risk/risk.js';
import type { PartCounts } from '../selection/patientCount.js';
import type { DeletionCursor } from '../walk/deletionCursor.js';
import type { PatientCursor } from '../walk/patientCursor.js';
import type { SliceCursor } from '../selection/selection.js';
import type { TypeFilter } from '../request/typeFilter.js';
import type { SourceIssue } from '../source/sourceOutcomes.js';
import type { Window } from '../walk/window.js';
import { addedContent, type ContentCounts } from './content.js';
import type { SliceCost } from './cost.js';

/** What was asked for at kick-off, as it stays until the job is deleted. Private: the URL may hold search values. */
export interface JobRequest extends ExportScope, OutputForm {
  jobId: string;
  /** Kick-off URL as the manifest repeats it, without function keys. */
  requestUrl: string;
  /** Names the caller whose job it is, and says nothing else; absent: who knows the job's id may see it. */
  owner?: string;
  /** Types that a job without `types` is narrowed to; absent: it is not. */
  permittedTypes?: string[];
  /** Fewest patients that each part of the job may be of; absent or 0: no limit. */
  minPatients?: number;
  /** Whether its caller may not learn whether the source has the group. */
  isGroupHidden?: true;
  /** Types of which a job below the system level exports what exported resources refer to; absent: none. */
  referencedTypes?: string[];
  /** FHIR base that the caller used; the URLs of status and files begin with it. */
  baseUrl: string;
  startedAt: string;
  container: string;
  /** Folder of the output in `container`, ends with `/`; empty where the container is the job's own. */
  folder: string;
  level: ExportLevel;
  /** What the container is to hold; absent in jobs of versions that stamped it at kick-off. */
  stamp?: ContainerStamp;
  /** Workers the job was started with: the ids of its orchestrations follow from them. */
  workers: number;
  /** How the source is read, where it is not by search alone. */
  sourceMode?: 'files' | 'bulk' | 'auto';
  /** `undefined`: a raw export. */
  configuration: ConfigurationOfJob | undefined;
  /** Of the service that makes its pseudonyms; absent where it needs none. */
  pseudonymsDigest?: string;
  /** Whether what is written is validated, except in a raw export; absent in jobs of earlier versions: `off`. */
  validation?: Validation;
  /** How its Patients are compared; absent in a raw export, and in jobs of earlier versions. */
  risk?: RiskOfJob;
  /** Things a caller should know, such as warnings of the configuration. */
  notes: string[];
  /** What of the request was ignored; absent: nothing. */
  ignored?: OutcomeIssue[];
}

/** What a container holds: giving a container away gives everything that is in it. */
export type ContainerStamp =
  | { content: 'raw' }
  | {
      content: 'deidentified';
      configurationDigest: string;
      keys: 'random' | 'given';
      /** What the domains of pseudonyms begin with by the request, percent-encoded; absent where none are made, or it names none. */
      domainPrefix?: string;
    }
  /** More than one kind of data, or files of unknown origin: so for good. */
  | { content: 'mixed' };

/** Whether an export is of raw data: without a configuration, or by one that does not count as de-identification. */
export function isRawExport({ configuration }: Pick<JobRequest, 'configuration'>): boolean {
  return configuration?.approval === undefined;
}

/** Whether a job validates what it writes. */
export function isValidated({
  configuration,
  validation = 'off',
}: Pick<JobRequest, 'configuration' | 'validation'>): boolean {
  return configuration !== undefined && validation !== 'off';
}

/** Which configuration a job uses, as it was read at kick-off. */
export interface ConfigurationOfJob {
  name: string;
  /** SHA-256 of its text, with that of the sample that it extends. */
  digest: string;
  /** Name and version of the sample that it extends. */
  extends?: string;
  /** Version of the blob it was read from. */
  etag?: string;
  /** The image it was read from: the reference as it was given, and its digest then. */
  collection?: { reference: string; digest: string };
  /** What it leaves; absent in jobs that began before it was looked at. */
  coverage?: CoverageSummary;
  /** Why it counts as de-identification; absent: it does not, and the export is of raw data. */
  approval?: ApprovalRule;
  /** Shows, within the job, whether its keys are still those of the kick-off. */
  keysDigest: string;
}

/** What a job exports, made once by the plan activity. */
export interface JobPlan {
  transactionTime: string;
  /** The source as the settings had it then: other settings must not go on with the job. */
  source?: { url: string; fhirVersion: FhirVersion };
  partitions: PlannedPartition[];
  /** The number of the first partition; absent: 0. See `SourceExport`. */
  first?: number;
  /** Which of the source's own exports its files are of; absent: none. */
  start?: number;
  /** The types that its files are read for, where the source is searched for others; absent: any. */
  bulkTypes?: string[];
  /** Below the system level, what is exported of the types. */
  compartment?: PlannedCompartment;
  /** Types of which what exported resources refer to is read when all partitions are; absent: none. */
  referenced?: string[];
  /** The filters that are exported by, where some of the request's are withheld; absent: the request's. */
  typeFilters?: TypeFilter[];
  /** Parts of the request that are withheld, as of too few patients: names of types and numbers of filters. */
  withheld?: string[];
  /** Types that are left out, since the source refuses to be searched for them. */
  refused?: ResourceFailures[];
  /** What the source's own export reports. */
  sourceIssues?: SourceIssue[];
  /** What turned out at the source and the caller should know, for the manifest. Numbers and type names only. */
  notes?: string[];
}

/** A partition by its number. */
export function partitionOf(
  { partitions, first = 0 }: Pick<JobPlan, 'partitions' | 'first'>,
  partition: number,
): PlannedPartition | undefined {
  return partitions[partition - first];
}

/** The partitions of a plan with their numbers. */
export function numbered({
  partitions,
  first = 0,
}: Pick<JobPlan, 'partitions' | 'first'>): Array<[partition: number, planned: PlannedPartition]> {
  return partitions.map((planned, index) => [first + index, planned]);
}

/** A request without the filters that are withheld. */
export function asPlanned<Request extends Pick<JobRequest, 'typeFilters'>>(
  request: Request,
  { typeFilters }: Pick<JobPlan, 'typeFilters'>,
): Request {
  return typeFilters === undefined ? request : { ...request, typeFilters };
}

/** Whose resources are exported, and how they are recognized. */
export interface PlannedCompartment {
  /** Whether only of the members that the job's state lists; else of all patients of the source. */
  hasMembers: boolean;
  /** FHIR bases by which the source's references name its own resources. */
  bases: string[];
  /** Whether the members are all patients of the source, listed. */
  hasAllPatients?: true;
  /** Whether Provenance resources come along with their targets. */
  includesProvenance: boolean;
}

/** Why deletions of a type are not reported, or not all. */
export interface DeletionNote {
  type: string;
  reason: string;
}

/** A part of a file of the source: the lines that begin in a range of its bytes. */
export interface FilePart {
  /** Of a blob; empty in a file of the source's own export, whose URL the manifest in the job's state has. */
  name: string;
  /** The version that all slices read; empty where the source does not say. */
  etag: string;
  /**
   * Its place among the files by name, or in the manifest, from 1 on: messages name it so, since a name can hold a
   * person's.
   */
  number: number;
  /** In bytes of what it holds when it is unpacked. */
  begin: number;
  /** Exclusive. */
  end: number;
  isGzip?: true;
  /** Of a file of the source's own export. */
  bulk?: BulkPart;
}

/** What is known of a file of the source's own export. */
export interface BulkPart {
  /** Whether it can be read in ranges; else each slice reads it from its start. */
  hasRanges: boolean;
  /** Its size, where it can be read in ranges. */
  bytes?: number;
  /** The type that all of its lines have; absent: any. */
  type?: string;
  /** Lines it has, where the manifest says. */
  count?: number;
}

/** A part of the members whose resources are written patient by patient, in an order of the job's own. */
export interface BlockPart {
  /** Of the members in that order. */
  first: number;
  /** Exclusive. */
  end: number;
  /** The searches for one patient's resources, by type, in the order of a block. */
  types: BlockType[];
}

export interface BlockType {
  type: string;
  parameters: readonly string[];
  takesNoCount: boolean;
  /** Whether it is of what members who joined after `_since` had before; others have none. */
  isOfJoined?: true;
}

/** Where the next slice of such a part continues. It holds ids and URLs of the source, so it is private. */
export interface BlockCursor {
  /** Of the members of the part. */
  block: number;
  /** Of the types of a block. */
  type: number;
  /** Whether a file has a part of the block. */
  isBegun: boolean;
  /** Within the type. */
  within?: PatientCursor;
}

/** The type of a part of a file: lines show their own. */
export const ANY_TYPE = '';

export interface PlannedPartition {
  window: Window;
  /** What is read of a file of the source; absent: the source is searched. */
  file?: FilePart;
  /** Resources the source counts in the window, where it can. */
  estimate: number | undefined;
  /** Whether it is of the resources that were deleted in the window, which have a list of their own. */
  isOfDeletions?: true;
  /** What is read of it is by patient; absent: it is by type. */
  blocks?: BlockPart;
  /** The searches for the members' resources; absent: the whole type is walked. */
  memberSearch?: MemberSearch;
  /** Whether it is of what members who joined after `_since` had before; absent: of what changed since, of all. */
  isOfJoined?: true;
  /** Whether it is of resources that exported ones refer to; the job's state has their ids. */
  isReferenced?: true;
}

/** What exported resources refer to, and was not read before. */
export interface ReferencedRound {
  /** The number of the first partition. */
  first: number;
  partitions: PlannedPartition[];
}

/** Where the next one of a list of ids is. */
export interface ReferencedCursor {
  nextId: number;
}

/** What one attempt of one slice did. The slice that the orchestrator saw complete names it; others are orphans. */
export interface SliceRecord {
  /** The attempt of the slice before, so that a partition's slices form a chain. */
  previous: string | undefined;
  /** The files it wrote, one a type; none where no resource was left to write. */
  files: OutputFile[];
  /** Where the next slice continues; none where the partition is complete. */
  cursor:
    SliceCursor | DeletionCursor | PatientCursor | FileCursor | BlockCursor | ReferencedCursor | undefined;
  deletionNotes?: DeletionNote[];
  /** Resources that the source gave for the whole partition, exported or not; where that is known. */
  walked?: number;
  /** Resources read so far in the partition, those of earlier slices included. */
  resources: number;
  /** Lines of a part of a file that were read, of whatever type. */
  lines?: number;
  seconds: number;
  /** Absent in records of earlier versions. */
  cost?: SliceCost;
  report: SliceReport;
  /** Of Provenance resources that came along. */
  provenance?: SliceReport;
  /** Resources left out because they refer to patients by URLs of another base. */
  foreign?: number;
  /** Resources left out because they belong to other patients, too. */
  ofOthers?: number;
  /** Whose data it wrote, where that has to be counted. */
  counts?: PartCounts;
  /** Of the Patients that it wrote; absent where there are none, or they are not compared. */
  classes?: ClassRecord;
  /** Of a part of a file, in place of the files, reports and counts above. */
  byType?: Record<string, TypeRecord & Pick<SliceRecord, 'counts'>>;
}

/** The record of an attempt, with those that were made in the same step at the partitions after it, by attempt. */
export interface StoredSlice extends SliceRecord {
  following?: Record<string, SliceRecord>;
}

/** Where the next line of a file begins. */
export interface FileCursor {
  place: number;
  /** SHA-256 of all that is before, where the file is read from its start again. */
  before?: string;
}

/** What was written of one type. */
export type TypeRecord = Pick<SliceRecord, 'files' | 'report' | 'foreign' | 'ofOthers'>;

export interface OutputFile {
  type: string;
  /** Types of the resources that it reports on, where that is not its own type: of what was deleted, or failed. */
  of?: string[];
  /** Name of the blob in the job's container, folder included. */
  name: string;
  count: number;
  bytes: number;
  /** Whether it begins within the block that the file before it ends with. */
  isContinued?: true;
  /** SHA-256 of its bytes, in hexadecimal; absent in files of earlier versions. */
  sha256?: string;
}

/** Counts of one slice, by element paths of the FHIR definition and by codes; no value of any resource. */
export interface SliceReport {
  read: number;
  written: number;
  dropped: Record<string, number>;
  labels: Record<string, number>;
  /** The same by the path of the element's definition; absent in what earlier versions counted. */
  operations?: Record<string, Record<string, number>>;
  /** Conditions of rules that could not be decided, by rule; absent without any. */
  undecided?: Record<string, number>;
  failures: ResourceFailures[];
  /** What the resources written contain; absent where none were, and in a raw export. */
  content?: ContentCounts;
  /** Resources without a time that were exported although the request has bounds of time; absent without any. */
  undated?: number;
  /** Types of which the source did not let something be shown; absent without any. */
  unproven?: Partial<Record<Unproven, string[]>>;
}

/** By a count, that nothing is missing; or the order of what was read, which next links gave. */
export type Unproven = 'counts' | 'order';

/** Resources of one type that could not be anonymized, or a type that could not be read, for one and the same reason. */
export interface ResourceFailures {
  type: string;
  code: string;
  message: string;
  count: number;
  /** Whether the source refuses to be searched for the type, so that all of it is left out. */
  isType?: true;
  /** Whether they end the job, once it is known which parts are of enough patients. */
  endsJob?: true;
}

/** A complete partition: the slices the orchestrator saw, in order. */
export interface PartitionRecord extends Omit<
  SliceRecord,
  'previous' | 'cursor' | 'resources' | 'counts' | 'byType' | 'classes'
> {
  /** Of a part of a file, in place of the files and reports above. */
  byType?: Record<string, TypeRecord>;
  /** The attempts that count: their indexes of files show doubles, and their references what is exported with them. */
  attempts?: string[];
  /** Of the Patients that they wrote, by attempt; absent where there are none, or they are not compared. */
  classes?: Array<ClassRecord & { attempt: string }>;
}

/** The record of a partition, with those of the ones after it that were completed in the same step. */
export interface StoredPartition extends PartitionRecord {
  following?: PartitionRecord[];
}

/** A part of a file that is read again without lines that others of the same resource supersede. */
export interface RepeatedPart {
  partition: number;
  /** How many such lines it has. */
  lines: number;
}

/** A partition that was read, or of a part of a file what it has of one type. */
export interface ReadPart {
  /** Under which its records are found. */
  partition: number;
  planned: PlannedPartition;
  record: PartitionRecord;
}

/** How far a partition is, as its slices report. */
export interface PartitionProgress {
  partition: number;
  resources: number;
  isDone: boolean;
  /** How far the source's own export is, in words of ours or as a percentage. */
  source?: string;
  /** Since when the source answers no request of it, if it does not; absent: it does. */
  waiting?: Waiting;
}

/** What a part of a job waits for. */
export interface Waiting {
  /** An instant of the app's clock. */
  since: string;
  /** The code of the failure, as `ExportErrorCode` has it. */
  code: string;
}

/** In place of a partition's number: the progress of the plan, before there are any. */
export const PLANNING = -1;

/** Merges the counts of `more` into `sum`. */
export function addReport(sum: SliceReport, more: SliceReport): void {
  sum.read += more.read;
  sum.written += more.written;
  addCounts(sum.dropped, Object.entries(more.dropped));
  addCounts(sum.labels, Object.entries(more.labels));
  addOperations(sum, Object.entries(more.operations ?? {}));
  addUndecided(sum, Object.entries(more.undecided ?? {}));
  for (const failure of more.failures) addFailure(sum, failure);
  if (more.content !== undefined) sum.content = addedContent(sum.content, more.content);
  for (const what of ['counts', 'order'] as const) {
    if (more.unproven?.[what] !== undefined) addUnproven(sum, what, more.unproven[what]);
  }
  if (more.undated !== undefined) sum.undated = (sum.undated ?? 0) + more.undated;
}

/** Adds types of which something was not shown, each once. */
export function addUnproven(sum: SliceReport, what: Unproven, types: readonly string[]): void {
  sum.unproven ??= {};
  sum.unproven[what] = [...new Set([...(sum.unproven[what] ?? []), ...types])].sort();
}

/** Adds operations, by element and label. */
export function addOperations(
  sum: SliceReport,
  more: Iterable<readonly [string, Readonly<Record<string, number>>]>,
): void {
  for (const [element, counts] of more)
    addCounts(((sum.operations ??= {})[element] ??= {}), Object.entries(counts));
}

/** Adds conditions that could not be decided, by rule. */
export function addUndecided(sum: SliceReport, more: Iterable<readonly [string, number]>): void {
  for (const count of more) addCounts((sum.undecided ??= {}), [count]);
}

/** Adds counts by key. */
export function addCounts(sum: Record<string, number>, more: Iterable<readonly [string, number]>): void {
  for (const [key, count] of more) sum[key] = (sum[key] ?? 0) + count;
}

/** Messages of failures that a report has of one type: what is wrong with resources may combine in any way. */
const MAX_MESSAGES = 100;
const OTHER_FAILURES = 'Other reasons of this code: there are too many different ones to list.';

/** Adds failures of one type and reason. */
export function addFailure(sum: SliceReport, more: ResourceFailures): void {
  const known = sum.failures.filter(({ type }) => type === more.type);
  const find = (message: string): ResourceFailures | undefined =>
    known.find((one) => one.code === more.code && one.message === message && one.endsJob === more.endsJob);
  const isFull = known.length >= MAX_MESSAGES;
  const same = find(more.message) ?? (isFull ? find(OTHER_FAILURES) : undefined);
  if (same !== undefined) same.count += more.count;
  else sum.failures.push(isFull ? { ...more, message: OTHER_FAILURES } : { ...more });
}

/** A report of nothing. */
export function emptyReport(): SliceReport {
  return { read: 0, written: 0, dropped: {}, labels: {}, failures: [] };
}
