import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { LICENCE, packageOf } from '../installedPackages.js';

/**
 * The licences of the packages whose code is in bundles, as text: most of them ask to go with each copy.
 * @param modules paths of the modules of the bundles
 * @throws Error where a package has no licence
 */
export function licencesOf(root: string, modules: readonly string[]): string {
  const folders = modules.flatMap((module) => packageOf(relative(root, module).replaceAll('\\', '/')) ?? []);
  return [...new Set(folders)]
    .sort()
    .map((folder) => licenceOf(join(root, folder)))
    .join('\n\n');
}

function licenceOf(folder: string): string {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, unknown>;
  const title = `${String(manifest['name'])} ${String(manifest['version'])}: ${String(manifest['license'])}`;
  const files = readdirSync(folder).filter((file) => LICENCE.test(file));
  if (files.length === 0 && typeof manifest['license'] !== 'string') {
    throw new Error(`${title}: the package has no licence.`);
  }
  return [title, ...files.sort().map((file) => readFileSync(join(folder, file), 'utf8').trim())].join('\n\n');
}
