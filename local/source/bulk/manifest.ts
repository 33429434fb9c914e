import { createHash } from 'node:crypto';
import type { ExportBehaviour } from './behaviours.js';
import type { ExportFile } from './exportFile.js';
import type { Job } from './jobs.js';

const MANIFEST_TYPE = 'http://hl7.org/fhir/uv/bulkdata/StructureDefinition/BulkDataManifest';

/** How the manifest of a job is written. */
export interface ManifestForm {
  behaviours: readonly string[];
  /** The URL of one of the job's files. */
  urlOf: (file: ExportFile) => string;
  /** The URL of a page, from 0. */
  urlOfPage: (page: number) => string;
  /** Output files on a page; infinite where there are no pages. */
  filesPerPage: number;
  /** Pages that are ready. */
  pages: number;
  requiresAccessToken: boolean;
  /** Members that it has instead of its own; `null`: it has none of the name. */
  members: Readonly<Record<string, unknown>>;
}

const BARE = ['transactionTime', 'output'];

/** A page of a job's manifest (Bulk Data Access 2.0, 3.0 and the ballot of 4.0, "Output Manifest"), as JSON. */
export function manifest(job: Job, page: number, form: ManifestForm): string {
  const has = (name: ExportBehaviour) => form.behaviours.includes(name);
  const entries = (files: readonly ExportFile[]): object[] =>
    files.map((file) => ({
      type: file.type,
      url: form.urlOf(file),
      ...(has('export-checksums') ? { extension: checksums(file) } : {}),
      ...(has('export-no-counts') ? {} : { count: file.lines + (has('export-wrong-counts') ? 1 : 0) }),
    }));
  const known = has('export-manifest-grows') && job.readings === 1 ? job.output.slice(0, -1) : job.output;
  const listed = has('export-manifest-changes') && job.readings % 2 === 0 ? known.toReversed() : known;
  const isPaged = form.filesPerPage !== Infinity;
  const output = isPaged ? listed.slice(page * form.filesPerPage, (page + 1) * form.filesPerPage) : listed;
  const isLast = !isPaged || (page + 1) * form.filesPerPage >= listed.length || page + 1 >= form.pages;
  const link = isLast ? {} : { link: [{ relation: 'next', url: form.urlOfPage(page + 1) }] };
  const errors = entries(job.errors);
  const isStu4 = has('export-stu4');
  const members = {
    ...(isStu4 ? { manifestType: MANIFEST_TYPE } : {}),
    transactionTime: new Date(job.started).toISOString(),
    ...(isStu4 ? { outputFormat: 'application/fhir+ndjson' } : { request: job.url }),
    requiresAccessToken: form.requiresAccessToken,
    ...(has('export-no-output') && output.length === 0 ? {} : { output: entries(output) }),
    ...(has('export-no-deleted') ? {} : { deleted: page === 0 ? entries(job.deleted) : [] }),
    ...(isStu4 ? { outcome: errors } : { error: errors }),
    ...link,
  };
  const kept = Object.entries({ ...members, ...form.members }).filter(
    ([name, value]) => value !== null && (BARE.includes(name) || !has('export-bare-manifest')),
  );
  return JSON.stringify(Object.fromEntries(kept));
}

function checksums(file: ExportFile): object[] {
  const hash = createHash('sha256');
  for (const chunk of file.read(0, file.size)) hash.update(chunk);
  return [
    { url: 'https://dpc.cms.gov/checksum', valueString: `sha256:${hash.digest('hex')}` },
    { url: 'https://dpc.cms.gov/file_length', valueDecimal: file.size },
  ];
}
