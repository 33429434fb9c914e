import type { ExportFile } from './exportFile.js';

/** The files of an export. */
export interface JobFiles {
  readonly output: readonly ExportFile[];
  readonly deleted: readonly ExportFile[];
  readonly errors: readonly ExportFile[];
}
