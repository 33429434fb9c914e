import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder: this file is compiled to `dist/local/`. */
export const PROJECT_ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
