import type { JobPlan, JobRequest, OutputFile, SliceReport } from './job.js';

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
  errors: readonly OutputFile[];
  report: SliceReport;
  /** Resources left out because they refer to patients by URLs of another base. */
  foreign: number;
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
  errors,
  report,
  foreign,
}: ManifestInput): ExportManifest {
  const entry = ({ type, name, count }: OutputFile): ManifestFile => ({
    type,
    url: fileUrl(request, name),
    count,
  });
  const { configuration } = request;
  const notes = [...request.notes, ...(plan.notes ?? []), ...foreignNotes(foreign)];
  return {
    transactionTime: plan.transactionTime,
    request: request.requestUrl,
    requiresAccessToken: true,
    output: output.map(entry),
    deleted: [],
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

function foreignNotes(count: number): string[] {
  if (count === 0) return [];
  return [
    `Resources that refer to patients only by URLs of another base were met ${count} times and left out. Where that base is the source's own, set FHIR_SERVER_URL to it.`,
  ];
}

/** Names of the blobs that belong to a complete job. */
export function manifestFileNames(
  manifest: ExportManifest,
  request: Pick<JobRequest, 'folder'>,
): ReadonlySet<string> {
  const named = [...manifest.output, ...manifest.error].map(({ url }) =>
    decodeURIComponent(url.slice(url.lastIndexOf('/') + 1)),
  );
  return new Set([...named, MANIFEST_FILE, REPORT_FILE].map((name) => `${request.folder}${name}`));
}

/** URL of a file of a job, by the download route. */
function fileUrl(request: JobRequest, name: string): string {
  const file = name.slice(request.folder.length);
  return `${request.baseUrl}/_operations/export/${request.jobId}/files/${encodeURIComponent(file)}`;
}
