import { ExportError } from '../../common/errors.js';
import { patientCompartment } from '../../fhir/patientCompartment.js';
import type { FhirVersion } from '../../fhir/fhirVersion.js';
import { ANY_TYPE, type FilePart, type JobRequest, type PlannedPartition } from '../records/job.js';
import { fileName } from '../source/fileLines.js';
import type { Window } from '../walk/window.js';

/** A file of the source. */
export interface SourceFile {
  name: string;
  etag: string;
  bytes: number;
  /** In milliseconds since the epoch. */
  lastModified: number;
  isGzip: boolean;
}

/** A file as one part, and how large it is. */
export interface WholeFile {
  part: FilePart;
  /** `undefined`: that is not known, or it cannot be read in parts. */
  bytes: number | undefined;
}

const MEBIBYTE = 1_048_576;
/** What one slice reads, about: larger files have more parts, so that several workers read them. */
const PART_BYTES = 64 * MEBIBYTE;
/** A plan is read by each slice. */
const MAX_PARTS = 10_000;
/** Unpacked from its start by each of its slices, which takes minutes. */
const MAX_GZIP_BYTES = 8192 * MEBIBYTE;
/** Later than any resource: files hold what was there when they were written. */
const NO_END = '9999-12-31T23:59:59Z';

/**
 * The parts of the files.
 * @param files in the order of their names
 * @throws ExportError where there is none, or one that cannot be read in parts
 */
export function planFileParts(
  files: readonly SourceFile[],
  request: Pick<JobRequest, 'since' | 'until'>,
): PlannedPartition[] {
  const partitions = planParts(
    files.map((file, index) => ({ part: wholeFile(file, index + 1), bytes: file.bytes })),
    request,
  );
  if (partitions.length === 0) throw noFiles();
  return partitions;
}

/**
 * The parts of files, the largest first, so that none is read alone at the end: one that cannot be read in parts is the
 * largest.
 * @throws ExportError where one is too large for that, or there are too many
 */
export function planParts(
  files: readonly WholeFile[],
  request: Pick<JobRequest, 'since' | 'until'>,
): PlannedPartition[] {
  const total = files.reduce((sum, { bytes = 0 }) => sum + bytes, 0);
  const most = Math.max(PART_BYTES, Math.ceil(total / (MAX_PARTS / 2)));
  const window = fileWindow(request);
  const parts = files.flatMap((file) => partsOf(file, most));
  if (parts.length > MAX_PARTS) throw tooMany(files.length);
  return parts
    .sort((a, b) => b.end - b.begin - (a.end - a.begin))
    .map((file) => ({ window, estimate: undefined, file }));
}

/** What of files is exported: their lines show types and times. */
export function fileWindow({ since, until }: Pick<JobRequest, 'since' | 'until'>): Window {
  return { type: ANY_TYPE, from: since, until: until ?? NO_END, untilAsked: until !== undefined };
}

/** Whether lines of a type are exported of files that have it. */
export function isAsked(
  {
    types,
    permittedTypes,
    level,
    referencedTypes,
  }: Pick<JobRequest, 'types' | 'permittedTypes' | 'level' | 'referencedTypes'>,
  type: string,
  fhirVersion: FhirVersion,
): boolean {
  if (level.kind !== 'system' && !patientCompartment(fhirVersion).has(type))
    return referencedTypes?.includes(type) === true;
  return types?.includes(type) ?? (!NOT_BY_DEFAULT.has(type) && permittedTypes?.includes(type) !== false);
}

/** Attachments of other resources, and what bulk exports report beside resources. */
const NOT_BY_DEFAULT: ReadonlySet<string> = new Set(['Binary', 'OperationOutcome']);

/** When the data is of: of the oldest file, since what is in others may be newer, but not older. */
export function oldestOf(files: readonly SourceFile[]): number {
  return Math.min(...files.map(({ lastModified }) => lastModified));
}

/** All of a file, as one part. */
export function wholeFile({ name, etag, isGzip }: SourceFile, number: number): FilePart {
  const part = { name, etag, number, begin: 0, end: Number.MAX_SAFE_INTEGER };
  return isGzip ? { ...part, isGzip } : part;
}

function partsOf({ part, bytes }: WholeFile, most: number): FilePart[] {
  if (bytes === undefined) return [part];
  if (part.isGzip !== true) {
    const count = Math.ceil(bytes / most);
    const placeOf = (nth: number): number => Math.floor((bytes * nth) / count);
    return Array.from({ length: count }, (_, nth) => ({
      ...part,
      begin: placeOf(nth),
      end: placeOf(nth + 1),
    }));
  }
  if (bytes <= MAX_GZIP_BYTES) return bytes === 0 ? [] : [part];
  throw new ExportError(
    'source-refused',
    `${fileName(part)}: a gzip file cannot be read in parts, so it may have ${MAX_GZIP_BYTES / MEBIBYTE / 1024} GiB at most. Unpack it, or split it.`,
  );
}

function noFiles(): ExportError {
  return new ExportError(
    'source-refused',
    'There is no file with data to export: see SOURCE_CONTAINER and SOURCE_PREFIX. Files are read whose names end with .ndjson, .jsonl, .ndjson.gz or .jsonl.gz.',
  );
}

function tooMany(files: number): ExportError {
  return new ExportError(
    'source-refused',
    `The ${files} files of the source are more than one export takes (${MAX_PARTS}). Join small ones, narrow SOURCE_PREFIX, or export fewer types.`,
  );
}
