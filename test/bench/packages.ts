import { join, resolve } from 'node:path';
import { makePackage } from '../../infra/tools/package.js';
import { PROJECT_ROOT } from '../../local/paths.js';

/** Folders of the deployment packages to measure. @param named them, separated by commas; empty: that of this build, made anew */
export async function packagesOf(named: string): Promise<string[]> {
  const folders = named
    .split(',')
    .filter(Boolean)
    .map((path) => resolve(path));
  if (folders.length > 0) return folders;
  return [(await makePackage(PROJECT_ROOT, join(PROJECT_ROOT, 'dist', 'package'))).directory];
}
