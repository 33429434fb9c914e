import { REPORT_FILES } from '../../functions/export/output/manifest.js';

/** The manifest and the reports, which a folder has besides the files that the manifest lists. */
export const FILES_BESIDE = 1 + Object.keys(REPORT_FILES).length;
