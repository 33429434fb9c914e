import { join } from 'node:path';
import { PROJECT_ROOT } from '../../local/paths.js';
import { makePackage } from './package.js';

const MEBIBYTE = 1_048_576;

// `npm run package`: what is deployed, as a folder for azd and as an archive for az.
try {
  const made = await makePackage(PROJECT_ROOT, join(PROJECT_ROOT, 'dist', 'package'));
  const size = (bytes: number): string => `${(bytes / MEBIBYTE).toFixed(1)} MiB`;
  console.log(
    `dist/package.zip: ${size(made.archiveBytes)}; ${made.files.length} files, ${size(made.unpackedBytes)} unpacked in dist/package`,
  );
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
