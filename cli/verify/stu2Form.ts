import { isRecord } from '../../functions/common/isRecord.js';
import { EXTENSIONS } from '../../functions/export/output/shownManifest.js';

/**
 * A manifest with the names of STU 2, whatever version of the guide it is of: `error` for `outcome`, and an object for a
 * list of extensions, as far as they are this app's and have a value.
 */
export function asStu2(manifest: Readonly<Record<string, unknown>>): Record<string, unknown> {
  if (!('manifestType' in manifest) && !('outcome' in manifest)) return { ...manifest };
  const { manifestType: _manifestType, outcome, deleted, error, extension, ...rest } = manifest;
  return {
    ...rest,
    deleted: typed(deleted, 'Bundle'),
    error: typed(error === undefined ? outcome : [error, outcome ?? []].flat(), 'OperationOutcome'),
    extension: Array.isArray(extension) ? valuesOf(extension) : extension,
  };
}

/** Files whose type STU 4 leaves out. */
function typed(files: unknown, type: string): unknown {
  if (!Array.isArray(files)) return files;
  return files.map((file: unknown) => (isRecord(file) ? { type, ...file } : file));
}

function valuesOf(extensions: readonly unknown[]): Record<string, unknown> {
  const values = new Map<string, unknown[]>();
  for (const extension of extensions.filter(isRecord)) {
    const { url } = extension;
    const [, value] = Object.entries(extension).find(([name]) => name.startsWith('value')) ?? [];
    if (typeof url !== 'string' || !url.startsWith(EXTENSIONS) || value === undefined) continue;
    const name = url.slice(EXTENSIONS.length);
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  return Object.fromEntries([...values].map(([name, all]) => [name, all.length === 1 ? all[0] : all]));
}
