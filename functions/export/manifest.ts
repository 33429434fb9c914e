import { deletionSentences } from './deletionPlan.js';
import type { DeletionNote, JobPlan, JobRequest, OutputFile, SliceReport } from './job.js';

/** What a complete export gives: https://hl7.org/fhir/uv/bulkdata/STU2/export.html#response---complete-status */
export interface ExportManifest {
  transactionTime: string;
  request: string;
  requiresAccessToken: boolean;
  output: ManifestFile[];
  deleted: ManifestFile[];
  error: ManifestFile[];
  extension: Record<string, unknown>;
}

export interface ManifestFile {
  type: string;
  url: string;
  count: number;
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
}

/** Files beside the data, under these names. */
export const MANIFEST_FILE = 'manifest.json';
export const REPORT_FILE = 'report.json';

/** Said in every manifest, since files outlive the page that explains them. */
const NO_GUARANTEE =
  'De-identified as the configuration says. No legal or regulatory standard is guaranteed by it: whoever gives the data away answers for it.';

/** The manifest of a complete export; its URLs are the app's own download route, under the same access rules. */
export function buildManifest({
  request,
  plan,
  output,
  deleted,
  deletionNotes,
  errors,
  report,
}: ManifestInput): ExportManifest {
  const entry = ({ type, name, count }: OutputFile): ManifestFile => ({
    type,
    url: fileUrl(request, name),
    count,
  });
  const { configuration } = request;
  const notes = [...request.notes, ...plan.notes, ...deletionSentences(deletionNotes)];
  return {
    transactionTime: plan.transactionTime,
    request: request.requestUrl,
    requiresAccessToken: true,
    output: output.map(entry),
    deleted: deleted.map(entry),
    error: errors.map(entry),
    extension: {
      ...(configuration === undefined
        ? { deidentified: false }
        : {
            deidentified: true,
            configuration: configuration.name,
            configurationDigest: configuration.digest,
            ...(configuration.etag === undefined ? {} : { configurationEtag: configuration.etag }),
            ...(configuration.collection === undefined
              ? {}
              : {
                  configurationCollectionReference: configuration.collection.reference,
                  configurationCollectionDigest: configuration.collection.digest,
                }),
            notice: NO_GUARANTEE,
            droppedElements: report.dropped,
            securityLabels: report.labels,
          }),
      report: fileUrl(request, `${request.folder}${REPORT_FILE}`),
      resourcesRead: report.read,
      resourcesWritten: report.written,
      ...(notes.length === 0 ? {} : { notes }),
    },
  };
}

/** Names of the blobs that belong to a complete job. */
export function manifestFileNames(
  manifest: ExportManifest,
  request: Pick<JobRequest, 'folder'>,
): ReadonlySet<string> {
  const named = [...manifest.output, ...manifest.deleted, ...manifest.error].map(({ url }) =>
    decodeURIComponent(url.slice(url.lastIndexOf('/') + 1)),
  );
  return new Set([...named, MANIFEST_FILE, REPORT_FILE].map((name) => `${request.folder}${name}`));
}

/** URL of a file of a job, by the download route. */
function fileUrl(request: JobRequest, name: string): string {
  const file = name.slice(request.folder.length);
  return `${request.baseUrl}/_operations/export/${request.jobId}/files/${encodeURIComponent(file)}`;
}
