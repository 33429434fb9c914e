import { ExportError } from '../../common/errors.js';
import { ANY_TYPE, type FilePart, type JobRequest, type PlannedPartition } from '../records/job.js';
import { fileName } from '../source/fileLines.js';

/** A file of the source. */
export interface SourceFile {
  name: string;
  etag: string;
  bytes: number;
  /** In milliseconds since the epoch. */
  lastModified: number;
  isGzip: boolean;
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
 * The parts of the files, the largest first, so that none is read alone at the end: a gzip file, which is unpacked, is
 * the largest.
 * @param files in the order of their names
 * @throws ExportError where there is none, or one that cannot be read in parts
 */
export function planFileParts(
  files: readonly SourceFile[],
  { since, until }: Pick<JobRequest, 'since' | 'until'>,
): PlannedPartition[] {
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const most = Math.max(PART_BYTES, Math.ceil(total / (MAX_PARTS / 2)));
  const window = { type: ANY_TYPE, from: since, until: until ?? NO_END, untilAsked: until !== undefined };
  const parts = files.flatMap((file, index) => partsOf(file, index + 1, most));
  if (parts.length === 0) throw noFiles();
  if (parts.length > MAX_PARTS) throw tooMany(files.length);
  return parts
    .sort((a, b) => b.end - b.begin - (a.end - a.begin))
    .map((file) => ({ window, estimate: undefined, file }));
}

/** When the data is of: of the oldest file, since what is in others may be newer, but not older. */
export function oldestOf(files: readonly SourceFile[]): number {
  return Math.min(...files.map(({ lastModified }) => lastModified));
}

/** All of a file, as one part. */
export function wholeFile({ name, etag, isGzip }: SourceFile, number: number): FilePart {
  const part = { name, etag, number, begin: 0, end: Number.MAX_SAFE_INTEGER };
  return isGzip ? { ...part, isGzip } : part;
}

function partsOf(file: SourceFile, number: number, most: number): FilePart[] {
  const { bytes, isGzip } = file;
  const whole = wholeFile(file, number);
  if (!isGzip) {
    const count = Math.ceil(bytes / most);
    const placeOf = (part: number): number => Math.floor((bytes * part) / count);
    return Array.from({ length: count }, (_, part) => ({
      ...whole,
      begin: placeOf(part),
      end: placeOf(part + 1),
    }));
  }
  if (bytes <= MAX_GZIP_BYTES) return bytes === 0 ? [] : [whole];
  throw new ExportError(
    'source-refused',
    `${fileName(number)}: a gzip file cannot be read in parts, so it may have ${MAX_GZIP_BYTES / MEBIBYTE / 1024} GiB at most. Unpack it, or split it.`,
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
    `The ${files} files of the source are more than one export takes (${MAX_PARTS}). Join small ones, or narrow SOURCE_PREFIX.`,
  );
}
