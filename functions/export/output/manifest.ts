import { quantity } from '../../common/counts.js';
import { addTo } from '../../common/maps.js';
import { isCalledDeidentified } from '../request/approval.js';
import type { DeletionNote, JobPlan, JobRequest, OutputFile, SliceReport } from '../records/job.js';

/** Words of the note by which a client knows that no other export fits this one. */
export const RANDOM_KEYS = 'random keys are used, for this export alone';

/** What a complete export gives: https://hl7.org/fhir/uv/bulkdata/STU2/export.html#response---complete-status */
export interface ExportManifest {
  transactionTime: string;
  request: string;
  requiresAccessToken: boolean;
  /** Where files are organized by the instances of a type; absent: each file has one type. */
  outputOrganizedBy?: 'Patient';
  output: ManifestFile[];
  deleted: ManifestFile[];
  error: ManifestFile[];
  extension: Record<string, unknown>;
  /** Where the next page is; absent in the stored one. */
  link?: Array<{ relation: 'next'; url: string }>;
}

export interface ManifestFile {
  type: string;
  /** In the stored manifest alone: types of the resources that the file reports on, where that is not `type`. */
  of?: string[];
  /** In the stored manifest, the name of the file below the job's folder, percent-encoded. */
  url: string;
  /** The file that goes on with the block that this one ends with, as `url`. */
  continuesInFile?: string;
  count: number;
  /** In the stored manifest alone; absent in those of earlier versions. */
  bytes?: number;
}

interface ManifestInput {
  request: JobRequest;
  plan: JobPlan;
  output: readonly OutputFile[];
  /** Bundles of deletions. */
  deleted: readonly OutputFile[];
  /** Why deletions of a type could not be read to their end. */
  deletionNotes: readonly DeletionNote[];
  errors: readonly OutputFile[];
  report: SliceReport;
  /** Resources left out because they refer to patients by URLs of another base. */
  foreign: number;
  /** Resources left out because they belong to other patients than those asked for, too. */
  ofOthers: number;
  /** Lines of files left out because another one of the same resource counts. */
  superseded?: number;
  /** Members without a Patient in the source's own export. */
  absent?: number;
  /** Resources that exported ones refer to and that the source does not have. */
  unresolved?: number;
  /** Whether what these refer to was not followed to its end. */
  isReferencedCut?: boolean;
  /** What is reported of parts that are withheld. */
  withheld: readonly string[];
  /** Whether callers have seen pages of it while the job ran. */
  isPaged?: boolean;
}

/** Files beside the data, under these names. */
export const MANIFEST_FILE = 'manifest.json';
export const REPORT_FILE = 'report.json';
/** The report as it may be handed on: small counts are not shown. As JSON, and as a page. */
export const SHARED_REPORT_FILE = 'report-shared.json';
export const REPORT_PAGE_FILE = 'report.html';
/** What they are called in a manifest's extension. */
export const REPORT_FILES = {
  report: REPORT_FILE,
  sharedReport: SHARED_REPORT_FILE,
  reportPage: REPORT_PAGE_FILE,
} as const;

/** Said in every manifest, since files outlive the page that explains them. */
const NO_GUARANTEE =
  'De-identified as the configuration says. No legal or regulatory standard is guaranteed by it: anyone who gives the data away answers for it.';
const MAY_IDENTIFY =
  'The configuration leaves what may be identities (configurationCoverage), and neither its coverage nor its digest approves it here. Treat the data as identified.';

/** How the files of a manifest are reached. */
export interface FileLinks {
  requiresAccessToken: boolean;
  /** @param file name of the file below the job's folder */
  urlOf: (file: string) => string;
}

/**
 * The manifest of a complete export as it is stored: its URLs are names of files, which `linkManifest` replaces. One of
 * which callers have seen pages has the fields of these, besides its files.
 */
export function buildManifest(input: ManifestInput): ExportManifest {
  const { request, plan, report, isPaged = false } = input;
  const entry = (file: OutputFile): ManifestFile => manifestEntry(request, file);
  const files = {
    output: input.output.map((file, nth) => {
      const next = input.output[nth + 1];
      const more = next?.isContinued === true ? { continuesInFile: storedUrl(request, next.name) } : {};
      return { ...entry(file), ...more };
    }),
    deleted: input.deleted.map(entry),
    error: input.errors.map(entry),
  };
  if (isPaged) return { ...earlyManifest(request, plan), ...files };
  const counts =
    request.configuration === undefined
      ? {}
      : { droppedElements: report.dropped, securityLabels: report.labels };
  const notes = notesOf(input);
  return {
    transactionTime: plan.transactionTime,
    request: request.requestUrl,
    requiresAccessToken: true,
    ...organizedBy(request),
    ...files,
    extension: {
      ...configurationOf(request),
      ...instantsOf(request),
      ...counts,
      ...REPORT_FILES,
      resourcesRead: report.read,
      resourcesWritten: report.written,
      ...(notes.length === 0 ? {} : { notes }),
    },
  };
}

/** What is known of a manifest once the job is planned, without files. */
export function earlyManifest(request: JobRequest, plan: JobPlan): ExportManifest {
  const notes = earlyNotes(request, plan);
  return {
    transactionTime: plan.transactionTime,
    request: request.requestUrl,
    requiresAccessToken: true,
    ...organizedBy(request),
    output: [],
    deleted: [],
    error: [],
    extension: {
      ...configurationOf(request),
      ...instantsOf(request),
      ...REPORT_FILES,
      ...(notes.length === 0 ? {} : { notes }),
    },
  };
}

function organizedBy({ organizedBy: type }: JobRequest): Pick<ExportManifest, 'outputOrganizedBy'> {
  return type === undefined ? {} : { outputOrganizedBy: type };
}

/** A file as a stored manifest has it. */
export function manifestEntry(
  request: Pick<JobRequest, 'folder'>,
  { type, of, name, count, bytes }: OutputFile,
): ManifestFile {
  return {
    type,
    ...(of === undefined ? {} : { of }),
    url: storedUrl(request, name),
    count,
    bytes,
  };
}

function configurationOf({ configuration }: Pick<JobRequest, 'configuration'>): Record<string, unknown> {
  if (configuration === undefined) return { deidentified: false };
  return {
    deidentified: isCalledDeidentified(configuration.approval),
    configurationApproval: configuration.approval ?? 'none',
    configurationCoverage: configuration.coverage,
    configuration: configuration.name,
    configurationDigest: configuration.digest,
    configurationExtends: configuration.extends,
    configurationEtag: configuration.etag,
    configurationCollectionReference: configuration.collection?.reference,
    configurationCollectionDigest: configuration.collection?.digest,
    notice: isCalledDeidentified(configuration.approval) ? NO_GUARANTEE : MAY_IDENTIFY,
  };
}

/** The bounds of time that were used, where the request has them. */
function instantsOf({ since, until }: JobRequest): Record<string, string> {
  return { ...(since === undefined ? {} : { since }), ...(until === undefined ? {} : { until }) };
}

function earlyNotes(request: JobRequest, plan: JobPlan): string[] {
  return [
    ...request.notes,
    ...(request.ignored ?? []).map(({ diagnostics }) => diagnostics),
    ...(plan.notes ?? []),
  ];
}

function notesOf(input: ManifestInput): string[] {
  return [...earlyNotes(input.request, input.plan), ...lateNotes(input)];
}

/** What is known at the end of the job. */
export function lateNotes(
  input: Omit<ManifestInput, 'request' | 'plan' | 'output' | 'deleted' | 'errors' | 'isPaged'>,
): string[] {
  const { deletionNotes, report, foreign, ofOthers, withheld } = input;
  const { superseded = 0, absent = 0, unresolved = 0, isReferencedCut = false } = input;
  const { content = { resources: 0, notValid: 0 }, failures, undated = 0, unproven = {} } = report;
  const refused = failures.filter(({ isType }) => isType === true).map(({ type }) => type);
  const { counts = [], order = [] } = unproven;
  // Each with what it is said of: where that is 0, it is not.
  const byCount: readonly (readonly [count: number, note: string])[] = [
    [
      foreign,
      `Resources that refer to patients only by URLs of another base were met ${foreign === 1 ? 'once' : `${foreign} times`} and left out. Where that base is the source's own, set FHIR_SERVER_URL to it.`,
    ],
    [
      ofOthers,
      `${quantity(ofOthers, 'resource belongs also to patients who were not asked for and was', 'resources belong also to patients who were not asked for and were')} left out. report.json counts them by type.`,
    ],
    [
      superseded,
      `${quantity(superseded, 'line of the files is of a resource that has another line, and was', 'lines of the files are of resources that have another line, and were')} left out: of each resource, the line with the latest meta.lastUpdated is exported, then the last one in the order of file names.`,
    ],
    [
      absent,
      `${absent} of the patients asked for have no Patient resource in the source's own export: they do not exist there, or the source has cut its export, so that other resources of theirs may be missing, too.`,
    ],
    [
      unresolved,
      `${quantity(unresolved, 'resource that exported ones refer to is', 'resources that exported ones refer to are')} not at the source.`,
    ],
    [
      Number(isReferencedCut),
      'References were followed from one resource to the next ten times: what is behind that is missing.',
    ],
    [
      refused.length,
      `Left out, since the source refuses to be searched for them although its CapabilityStatement lists them: ${listed(refused)}. The error file has what it answered.`,
    ],
    [
      content.notValid,
      `Of ${quantity(content.resources, 'resource', 'resources')}, ${quantity(content.notValid, 'is', 'are')} not valid FHIR. report.json counts them by type, element and reason.`,
    ],
    [
      counts.length,
      `That nothing is missing is not shown by a count for ${listed(counts)}: the source does not count them, or gives estimates.`,
    ],
    [
      order.length,
      `The source does not sort ${listed(order)} by _lastUpdated, so they were read by its next links: where resources were added, changed or deleted meanwhile, others may be missing or come twice.`,
    ],
    [
      undated,
      `${quantity(undated, 'resource of the source has', 'resources of the source have')} no meta.lastUpdated: what has none is exported whatever _since and _until say.`,
    ],
  ];
  return [
    ...deletionSentences(deletionNotes),
    ...byCount.flatMap(([count, note]) => (count > 0 ? note : [])),
    ...withheld,
  ];
}

/** A stored manifest by STU 2, with the links that a reader of it can use. */
export function linkManifest(
  manifest: ExportManifest,
  { requiresAccessToken, urlOf }: FileLinks,
): Omit<ExportManifest, 'output'> & { output: OutputEntry[] } {
  const linked = ({ type, url, count }: ManifestFile): ManifestFile => ({
    type,
    url: urlOf(fileOf({ url })),
    count,
  });
  return {
    ...manifest,
    requiresAccessToken,
    output: manifest.output.map((file) => ({ ...outputEntry(manifest, file, urlOf), count: file.count })),
    deleted: manifest.deleted.map(linked),
    error: manifest.error.map(linked),
    extension: { ...manifest.extension, ...reportLinks(manifest, urlOf) },
  };
}

/** Where the reports are that a stored manifest names. */
export function reportLinks(
  { extension = {} }: Partial<Pick<ExportManifest, 'extension'>>,
  urlOf: FileLinks['urlOf'],
): Record<string, string> {
  const named = Object.entries(REPORT_FILES).filter(([name]) => name === 'report' || name in extension);
  return Object.fromEntries(named.map(([name, file]) => [name, urlOf(file)]));
}

/** The reports that a stored manifest names; those of earlier versions name one. */
export function reportFiles(manifest: Partial<Pick<ExportManifest, 'extension'>>): string[] {
  return Object.values(reportLinks(manifest, (file) => file));
}

/** A file of `output`, as all versions of the guide have it; of those that are organized by instances, no type. */
export type OutputEntry = Pick<ManifestFile, 'url' | 'count' | 'continuesInFile'> & { type?: string };

/** Of such a file, what says which it is. */
export function outputEntry(
  { outputOrganizedBy }: Pick<ExportManifest, 'outputOrganizedBy'>,
  { type, url, continuesInFile }: ManifestFile,
  urlOf: FileLinks['urlOf'],
): Omit<OutputEntry, 'count'> {
  return {
    ...(outputOrganizedBy === undefined ? { type } : {}),
    url: urlOf(fileOf({ url })),
    ...(continuesInFile === undefined ? {} : { continuesInFile: urlOf(fileOf({ url: continuesInFile })) }),
  };
}

/** The files that a manifest names. */
type ManifestLists = Pick<ExportManifest, 'output' | 'deleted' | 'error'>;

/** Names of the files that a stored manifest names, below the job's folder. */
export function manifestFiles(manifest: ManifestLists): string[] {
  return [...manifest.output, ...manifest.deleted, ...manifest.error].map(fileOf);
}

/** The types of resources that a stored manifest reports on, by which a caller's token is judged. */
export function typesInManifest({ output, deleted, error }: ManifestLists): string[] {
  return typesOf([...output, ...deleted, ...error]);
}

/** Those that a file of it reports on; the reports cover all. */
export function typesInFile(manifest: ManifestLists, file: string): string[] {
  if (Object.values<string>(REPORT_FILES).includes(file)) return typesInManifest(manifest);
  const { output, deleted, error } = manifest;
  return typesOf([...output, ...deleted, ...error].filter((entry) => fileOf(entry) === file));
}

function typesOf(files: readonly ManifestFile[]): string[] {
  return [...new Set(files.flatMap(({ type, of }) => of ?? [type]))];
}

/** Names of the blobs that belong to a complete job. */
export function manifestFileNames(
  manifest: ExportManifest,
  request: Pick<JobRequest, 'folder'>,
): ReadonlySet<string> {
  const names = [...manifestFiles(manifest), MANIFEST_FILE, ...reportFiles(manifest)];
  return new Set(names.map((name) => `${request.folder}${name}`));
}

/** URL of a file of a job by the app's own download route. */
export function downloadUrl({ baseUrl, jobId }: Pick<JobRequest, 'baseUrl' | 'jobId'>, file: string): string {
  return `${baseUrl}/_operations/export/${jobId}/files/${encodeURIComponent(file)}`;
}

/** Name of a file of a stored manifest: its last segment, where it is one with URLs. */
export function fileOf({ url }: Pick<ManifestFile, 'url'>): string {
  return decodeURIComponent(url.slice(url.lastIndexOf('/') + 1));
}

/** A file in a stored manifest. */
function storedUrl(request: Pick<JobRequest, 'folder'>, name: string): string {
  return encodeURIComponent(name.slice(request.folder.length));
}

const MAX_TYPES = 10;

/** Types for people, the first of many. */
export function listed(types: readonly string[]): string {
  const some = types.slice(0, MAX_TYPES).join(', ');
  return types.length > MAX_TYPES ? `${some} and ${types.length - MAX_TYPES} more types` : some;
}

/** Why `deleted` is empty or not complete, for the manifest: one sentence per reason. */
export function deletionSentences(notes: readonly DeletionNote[]): string[] {
  const byReason = new Map<string, string[]>();
  for (const { type, reason } of notes) addTo(byReason, reason, type);
  return [...byReason].map(([reason, types]) => {
    return `Deletions of ${listed(types)} are not reported, or not all: ${reason.replace(/\.$/, '')}.`;
  });
}
