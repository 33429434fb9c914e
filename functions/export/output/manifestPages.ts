import type { JobPlan, JobRequest, OutputFile } from '../records/job.js';
import { earlyManifest, type ExportManifest, manifestEntry, type ManifestFile } from './manifest.js';

/** A part of the manifest that callers have seen while the job ran: it stays as it is. */
export interface ManifestPage extends Pick<ExportManifest, 'output' | 'deleted'> {
  /** The numbers of the partitions whose files it has. */
  parts: number[];
}

/** The pages of a job that were made while it ran. The last page is what they leave of the manifest. */
export interface ManifestPages {
  pages: ManifestPage[];
  /** Whether the job is about to end, so that none is added any more. */
  isClosed?: boolean;
}

/** A complete partition, with its files. */
export interface CompletePart {
  partition: number;
  isOfDeletions: boolean;
  files: readonly OutputFile[];
}

/**
 * Whether files of a job can be given before it ends, since what is complete stays: not where types of too few patients
 * are withheld at the end, or the job may end for its Patients being too unlike, and not where files are read, whose lines may supersede each other.
 */
export function mayShowEarly({
  allowsPartialManifests,
  minPatients = 0,
  risk,
  sourceMode,
}: Pick<JobRequest, 'allowsPartialManifests' | 'minPatients' | 'risk' | 'sourceMode'>): boolean {
  const isDecidedAtEnd = minPatients > 0 || (risk?.minClassSize ?? 0) > 0 || sourceMode !== undefined;
  return allowsPartialManifests === true && !isDecidedAtEnd;
}

/** A page of parts that no page has; `undefined` where these have no files. */
export function pageOf(
  request: Pick<JobRequest, 'folder'>,
  parts: readonly CompletePart[],
): ManifestPage | undefined {
  const entriesOf = (isOfDeletions: boolean): ManifestFile[] =>
    parts
      .filter((part) => part.isOfDeletions === isOfDeletions)
      .flatMap(({ files }) => files.map((file) => manifestEntry(request, file)));
  const page = {
    parts: parts.map(({ partition }) => partition),
    output: entriesOf(false),
    deleted: entriesOf(true),
  };
  return page.output.length + page.deleted.length === 0 ? undefined : page;
}

/** A manifest of which callers get a page, and whether another one follows. */
export interface PageManifest {
  manifest: ExportManifest;
  hasNext: boolean;
}

/**
 * A page of a job that runs; `undefined` where it is not there yet.
 * https://hl7.org/fhir/uv/bulkdata/STU3/export.html#response---in-progress-status
 */
export function pageWhileRunning(
  request: JobRequest,
  plan: JobPlan,
  { pages }: ManifestPages,
  nth: number,
): PageManifest | undefined {
  const page = pages[nth];
  if (page === undefined) return undefined;
  const { output, deleted } = page;
  return {
    manifest: { ...earlyManifest(request, plan), output, deleted },
    hasNext: nth + 1 < pages.length,
  };
}

/** A page of a complete job, after those that were made while it ran; `undefined` where there is none. */
export function pageOfComplete(
  manifest: ExportManifest,
  { pages }: ManifestPages,
  nth: number,
): PageManifest | undefined {
  const rest = withoutPages(manifest, pages);
  const hasRest = rest.output.length + rest.deleted.length + rest.error.length > 0;
  const page = pages[nth];
  if (page !== undefined) {
    const { output, deleted } = page;
    return {
      manifest: { ...manifest, output, deleted, error: [] },
      hasNext: nth + 1 < pages.length || hasRest,
    };
  }
  const isLast = nth === pages.length && (hasRest || nth === 0);
  return isLast ? { manifest: rest, hasNext: false } : undefined;
}

function withoutPages(manifest: ExportManifest, pages: readonly ManifestPage[]): ExportManifest {
  const given = new Set(
    pages.flatMap(({ output, deleted }) => [...output, ...deleted]).map(({ url }) => url),
  );
  const left = (files: readonly ManifestFile[]): ManifestFile[] => files.filter(({ url }) => !given.has(url));
  return { ...manifest, output: left(manifest.output), deleted: left(manifest.deleted) };
}

/** What the pages list together, of files that can be downloaded while the job runs. */
export function filesOfPages({ pages }: ManifestPages): Pick<ExportManifest, 'output' | 'deleted' | 'error'> {
  return {
    output: pages.flatMap(({ output }) => output),
    deleted: pages.flatMap(({ deleted }) => deleted),
    error: [],
  };
}
