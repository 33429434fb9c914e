import type { ExportFiles } from '../adapters/exportFiles.js';
import type { JobRequest } from '../export/job.js';

/** Deletes every file of a job, and the container where it was made for the job alone. */
export async function discardOutput(files: ExportFiles, request: JobRequest): Promise<void> {
  if (request.folder === '') await files.deleteContainer(request.container);
  else await files.deleteFiles(request.container, request.folder, () => true);
}
