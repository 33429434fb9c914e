import type { ExportFile } from './exportFile.js';
import type { Job } from './jobs.js';

/** An entry of a manifest. */
interface FileEntry {
  type: string;
  url: string;
  count: number;
}

/** What a file is named in its URL: its number among the job's files, and its type. */
export function fileName(number: number, file: ExportFile): string {
  return `${number}.${file.type}.ndjson`;
}

/** All files of a job, in the order of their numbers. */
export function filesOf({ output, deleted, errors }: Job): ExportFile[] {
  return [...output, ...deleted, ...errors];
}

/** The manifest of a finished job (Bulk Data Access 2.0, "Response - Output Manifest"), as JSON. */
export function manifest(job: Job, filesUrl: string): string {
  const files = filesOf(job);
  const entries = (some: readonly ExportFile[]): FileEntry[] =>
    some.map((file) => ({
      type: file.type,
      url: `${filesUrl}/${job.id}/${fileName(files.indexOf(file), file)}`,
      count: file.lines,
    }));
  return JSON.stringify({
    transactionTime: new Date(job.started).toISOString(),
    request: job.url,
    requiresAccessToken: job.isProtected,
    output: entries(job.output),
    deleted: entries(job.deleted),
    error: entries(job.errors),
  });
}
