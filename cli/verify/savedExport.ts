import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isRecord } from '../../functions/common/isRecord.js';
import type { ExportManifest, ManifestFile } from '../../functions/export/output/manifest.js';
import { EXTENSIONS } from '../../functions/export/output/shownManifest.js';
import type { ExportReport } from '../../functions/export/output/report.js';
import { UsageError } from '../command.js';

const KINDS = ['output', 'deleted', 'error'] as const;
const LINES_FILE = /\.ndjson(?:\.gz)?$/i;

/** A file that the manifest names. */
export interface SavedFile extends Pick<ManifestFile, 'type'> {
  readonly kind: (typeof KINDS)[number];
  /** As the app named it: the last part of its URL. */
  readonly name: string;
  /** Bulk Data leaves it to servers to give it. */
  readonly count: number | undefined;
  /** Where it was saved; `undefined`: nowhere in the folder. */
  readonly path: string | undefined;
}

/** An export as a client saved it. */
export interface SavedExport {
  readonly files: readonly SavedFile[];
  readonly resourcesWritten: number | undefined;
  /** `undefined` where it was not saved. Reports of earlier versions have less. */
  readonly report: Partial<ExportReport> | undefined;
  /** NDJSON files of the folder that the manifest does not name. */
  readonly others: readonly string[];
}

/** Reads manifest and report of a folder. @throws UsageError where there is no folder, or no manifest */
export function readSavedExport(folder: string, names: { manifest: string; report: string }): SavedExport {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new UsageError(`There is no folder ${folder}.`);
  }
  const manifest = asStu2(readJson(join(folder, names.manifest)));
  if (manifest === undefined) {
    throw new UsageError(
      `There is no ${names.manifest} in ${folder}: save the body of the export's complete status there, or name the file with --manifest.`,
    );
  }
  if (!Array.isArray(manifest.output)) {
    throw new UsageError(`${names.manifest} is no manifest of an export: it has no list output.`);
  }
  for (const kind of KINDS)
    if (!isListOf(manifest[kind], ['type', 'url']))
      throw new UsageError(
        `${names.manifest} is no manifest of an export: ${kind} is no list of files with type and url.`,
      );
  const report: Partial<ExportReport> | undefined = readJson(join(folder, names.report));
  if (!isListOf(report?.files, ['name', 'type']) || !isListOf(report?.types, ['type']))
    throw new UsageError(
      `${names.report} is no report of an export: files or types is no list of what it should have.`,
    );
  const files = KINDS.flatMap((kind) => (manifest[kind] ?? []).map((file) => savedFile(folder, kind, file)));
  const known = new Set(files.map(({ path }) => path));
  const others = readdirSync(folder).filter(
    (name) => LINES_FILE.test(name) && !known.has(join(folder, name)),
  );
  const written = manifest.extension?.['resourcesWritten'];
  return {
    files,
    resourcesWritten: typeof written === 'number' ? written : undefined,
    report,
    others,
  };
}

/** A manifest of STU 4 with the names of STU 2, as far as they are looked at; one of STU 2 as it is. */
function asStu2(read: object | undefined): Partial<ExportManifest> | undefined {
  if (read === undefined || !('manifestType' in read)) return read;
  const { deleted, outcome, extension, ...rest }: Record<string, unknown> = { ...read };
  const written = (Array.isArray(extension) ? extension : []).find(
    (each) => isRecord(each) && each['url'] === `${EXTENSIONS}resourcesWritten`,
  ) as Record<string, unknown> | undefined;
  return {
    ...rest,
    deleted: typed(deleted, 'Bundle'),
    error: typed(outcome, 'OperationOutcome'),
    extension: { resourcesWritten: written?.['valueInteger'] },
  } as Partial<ExportManifest>;
}

function typed(files: unknown, type: string): unknown {
  return Array.isArray(files) ? files.map((file: object) => ({ type, ...file })) : files;
}

/** Whether a value is absent, or a list of objects that have texts of some names. */
function isListOf(list: unknown, names: readonly string[]): boolean {
  if (list === undefined) return true;
  return (
    Array.isArray(list) &&
    list.every((item) => isRecord(item) && names.every((name) => typeof item[name] === 'string'))
  );
}

function savedFile(folder: string, kind: SavedFile['kind'], { type, url, count }: ManifestFile): SavedFile {
  const last = url.replace(/[?#].*$/s, '').replace(/^.*\//s, '');
  const name = decoded(last);
  const path = [name, last]
    .flatMap((saved) => [saved, `${saved}.gz`])
    // What leads out of the folder is no name of a file.
    .filter((saved) => saved === basename(saved) && !saved.includes('\0'))
    .map((saved) => join(folder, saved))
    .find((saved) => existsSync(saved) && statSync(saved).isFile());
  return { kind, type, name, count, path };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function readJson(path: string): object | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const json: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (isRecord(json)) return json;
  } catch {
    // The same as any other JSON that is no object: the parser's message would quote the file.
  }
  throw new UsageError(`${path} is no JSON object.`);
}
