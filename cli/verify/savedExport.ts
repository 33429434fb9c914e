import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isRecord } from '../../functions/common/isRecord.js';
import type { ExportManifest, ManifestFile } from '../../functions/export/output/manifest.js';
import type { ExportReport } from '../../functions/export/output/report.js';
import { UsageError } from '../command.js';
import { asStu2 } from './stu2Form.js';
import { encodedLastPart, lastPart, savedNames } from './savedNames.js';

const KINDS = ['output', 'deleted', 'error'] as const;
/** Names of files of lines. */
export const LINES_FILE = /\.ndjson(?:\.gz)?$/i;

/** A file that the manifest names. */
export interface SavedFile extends Pick<ManifestFile, 'type'> {
  readonly kind: (typeof KINDS)[number];
  /** As the app named it, the last part of its URL; as `fhir-deid export` named it, where that is no name. */
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
  /** Whether the manifest says that the files are not de-identified, of an export that did not ask for raw data. */
  readonly mayHaveIdentities: boolean;
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
  const read = readJson(join(folder, names.manifest));
  const manifest: Partial<ExportManifest> | undefined = read === undefined ? undefined : asStu2({ ...read });
  if (manifest === undefined) {
    throw new UsageError(
      `There is no ${names.manifest} in ${folder}: save the body of the export's complete status there, or name the file with --manifest.`,
    );
  }
  if (manifest.outputOrganizedBy !== undefined) {
    throw new UsageError(
      `${names.manifest} is of an export whose files have several types (organizeOutputBy). Only files of one type each can be verified.`,
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
  const report = readReport(join(folder, names.report));
  const entries = KINDS.flatMap((kind) => (manifest[kind] ?? []).map((file) => [kind, file] as const));
  const savedAs = savedNames(entries.map(([, file]) => file));
  const files = entries.map(([kind, file], index) => savedFile(folder, kind, file, savedAs[index] ?? ''));
  const known = new Set(files.map(({ path }) => path));
  const others = readdirSync(folder).filter(
    (name) => LINES_FILE.test(name) && !known.has(join(folder, name)),
  );
  const written = manifest.extension?.['resourcesWritten'];
  return {
    files,
    mayHaveIdentities: manifest.extension?.['deidentified'] === false && !asksRaw(manifest.request),
    resourcesWritten: typeof written === 'number' ? written : undefined,
    report,
    others,
  };
}

/** Reads a report. @returns `undefined` where there is none @throws UsageError where it is something else */
export function readReport(path: string): Partial<ExportReport> | undefined {
  const report: Partial<ExportReport> | undefined = readJson(path);
  if (isListOf(report?.files, ['name', 'type']) && isListOf(report?.types, ['type'])) return report;
  throw new UsageError(
    `${basename(path)} is no report of an export: files or types is no list of what it should have.`,
  );
}

/** Whether the URL of a kick-off asks for data with identities. A POST has that in its body. */
function asksRaw(request: unknown): boolean {
  return (
    typeof request === 'string' &&
    URL.canParse(request) &&
    new URL(request).searchParams.get('_raw') === 'true'
  );
}

/** Whether a value is absent, or a list of objects that have texts of some names. */
function isListOf(list: unknown, names: readonly string[]): boolean {
  if (list === undefined) return true;
  return (
    Array.isArray(list) &&
    list.every((item) => isRecord(item) && names.every((name) => typeof item[name] === 'string'))
  );
}

/** @param savedAs the name that `fhir-deid export` gives it; other clients take that of its URL */
function savedFile(
  folder: string,
  kind: SavedFile['kind'],
  { type, url, count }: ManifestFile,
  savedAs: string,
): SavedFile {
  const found = [savedAs, lastPart(url), encodedLastPart(url)]
    .flatMap((saved) => [saved, `${saved}.gz`].map((file) => ({ saved, file })))
    // What leads out of the folder is no name of a file.
    .filter(({ file }) => file === basename(file) && !file.includes('\0'))
    .map(({ saved, file }) => ({ saved, path: join(folder, file) }))
    .find(({ path }) => existsSync(path) && statSync(path).isFile());
  return { kind, type, name: found?.saved === savedAs ? savedAs : lastPart(url), count, path: found?.path };
}

/** Reads an object of JSON. @returns `undefined` where there is no file @throws UsageError where it is something else */
export function readJson(path: string): object | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const json: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (isRecord(json)) return json;
  } catch {
    // The same as any other JSON that is no object: the parser's message would quote the file.
  }
  throw new UsageError(`${path} is no JSON object.`);
}
