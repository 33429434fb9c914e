import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import tar, { type Extract } from 'tar-stream';
import { ExportError } from '../../common/errors.js';

/** What an archive may unpack to. */
const MAX_UNPACKED_BYTES = 512 * 1_048_576;
const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

/** What an archive, as a layer over others, says of one path. */
export type InArchive =
  | { kind: 'file'; bytes: Buffer }
  | { kind: 'too-large' }
  /** Something is there, but no file: a link is never followed. */
  | { kind: 'not-a-file' }
  /** Not here, and what lower layers have of it does not count. */
  | { kind: 'removed' }
  | { kind: 'absent' };

/**
 * Looks a file up in a tar archive, plain or in gzip, reading the archive to its end. The path is compared with the
 * names of the entries, and nothing is ever written or followed: absolute names and names with `..` match nothing.
 * Whiteouts: https://github.com/opencontainers/image-spec/blob/v1.1.0/layer.md#whiteouts
 * @param path with `/` between its segments, none of them empty, `.` or `..`
 * @throws ExportError where it is no archive, or unpacks to more than 512 MiB
 */
export async function findInArchive(
  source: AsyncIterable<Uint8Array>,
  path: string,
  mostFileBytes: number,
): Promise<InArchive> {
  let found: InArchive = { kind: 'absent' };
  await readArchive(source, (entry) => {
    const relation = relationTo(path, entry);
    if (relation === 'other') return undefined;
    // A whiteout counts for the layers below, never for its own.
    if (relation === 'removes' && found.kind !== 'absent') return undefined;
    if (relation !== 'same' || entry.isDirectory) found = { kind: 'removed' };
    else if (!entry.isFile) found = { kind: 'not-a-file' };
    else if (entry.bytes > mostFileBytes) found = { kind: 'too-large' };
    else {
      return (bytes) => {
        found = { kind: 'file', bytes };
      };
    }
    return undefined;
  });
  return found;
}

/** Names and sizes of the files of an archive. */
export async function listArchive(source: AsyncIterable<Uint8Array>): Promise<Map<string, number>> {
  const files = new Map<string, number>();
  await readArchive(source, ({ name, isFile, bytes }) => {
    if (name !== undefined && isFile && !name.includes(WHITEOUT)) files.set(name, bytes);
    return undefined;
  });
  return files;
}

interface ArchiveEntry {
  /** Relative and plain; `undefined` for a name that leads out of the archive. */
  name: string | undefined;
  isFile: boolean;
  isDirectory: boolean;
  bytes: number;
}

/** Reads an archive to its end. `visit` returns what takes the content of an entry, or nothing to pass it over. */
async function readArchive(
  source: AsyncIterable<Uint8Array>,
  visit: (entry: ArchiveEntry) => ((content: Buffer) => void) | undefined,
): Promise<void> {
  const { first, all, isAtEnd } = await peek(source);
  // The callback is only for the faults that the reader of the last stream sees, too.
  const unpacked = isGzip(first) ? pipeline(Readable.from(all), createGunzip(), () => undefined) : all;
  const extract = tar.extract();
  extract.on('entry', ({ name, type, size }, stream, next) => {
    const take = visit({
      name: plainName(name),
      isFile: type === 'file' || type === 'contiguous-file',
      isDirectory: type === 'directory',
      bytes: size ?? 0,
    });
    const chunks: Uint8Array[] = [];
    // It fails with the archive, which is heard below.
    stream.on('error', () => undefined);
    stream.on('data', (chunk) => {
      if (take !== undefined) chunks.push(chunk as Uint8Array);
    });
    stream.on('end', () => {
      take?.(Buffer.concat(chunks));
      next();
    });
  });
  const ended = new Promise<void>((resolve, reject) => {
    extract.on('finish', resolve);
    extract.on('error', reject);
  });
  try {
    await Promise.all([feed(extract, unpacked), ended]);
    // Only who has seen the end of the source knows that it is what its digest says.
    if (!isAtEnd()) throw new Error('more behind the end of the archive');
  } catch (error) {
    if (error instanceof ExportError) throw error;
    throw invalid('a layer is not a whole tar archive, plain or in gzip. Push the image again');
  }
}

async function feed(extract: Extract, unpacked: AsyncIterable<Uint8Array>): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    extract.once('close', () => resolve());
  });
  try {
    for await (const chunk of bounded(unpacked)) {
      if (extract.destroyed) return;
      if (!extract.write(chunk)) {
        const drained = new Promise<void>((resolve) => {
          extract.once('drain', () => resolve());
        });
        await Promise.race([drained, closed]);
      }
    }
    extract.end(undefined);
  } catch (error) {
    extract.destroy(error instanceof Error ? error : null);
    throw error;
  }
}

async function* bounded(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.byteLength;
    if (bytes > MAX_UNPACKED_BYTES) {
      throw invalid(
        `a layer unpacks to more than ${MAX_UNPACKED_BYTES / 1_048_576} MiB. Push the configurations as an image of their own`,
      );
    }
    yield chunk;
  }
}

/** The first bytes of a source, and the source from its begin. */
async function peek(
  source: AsyncIterable<Uint8Array>,
): Promise<{ first: Buffer; all: AsyncGenerator<Uint8Array>; isAtEnd: () => boolean }> {
  const iterator = source[Symbol.asyncIterator]();
  let first = Buffer.alloc(0);
  let isAtEnd = false;
  while (first.length < 4) {
    const { value, done } = await iterator.next();
    isAtEnd = done === true;
    if (done === true) break;
    first = Buffer.concat([first, value]);
  }
  const all = async function* (): AsyncGenerator<Uint8Array> {
    try {
      if (isZstandard(first)) throw invalid('a layer is compressed with zstd. Push it with gzip');
      if (first.length > 0) yield first;
      while (!isAtEnd) {
        const { value, done } = await iterator.next();
        if (done === true) isAtEnd = true;
        else yield value;
      }
    } finally {
      await iterator.return?.();
    }
  };
  return { first, all: all(), isAtEnd: () => isAtEnd };
}

function isGzip(first: Buffer): boolean {
  return first[0] === 0x1f && first[1] === 0x8b;
}

function isZstandard(first: Buffer): boolean {
  return first.length >= 4 && first.readUInt32LE(0) === 0xfd2fb528;
}

/** How an entry concerns a path. */
function relationTo(
  path: string,
  { name, isDirectory }: ArchiveEntry,
): 'same' | 'removes' | 'replaces-parent' | 'other' {
  if (name === undefined) return 'other';
  if (name === path) return 'same';
  const slash = name.lastIndexOf('/') + 1;
  const folder = name.slice(0, slash);
  const base = name.slice(slash);
  if (base === OPAQUE) return path.startsWith(folder) ? 'removes' : 'other';
  if (base.startsWith(WHITEOUT)) {
    const removed = folder + base.slice(WHITEOUT.length);
    return path === removed || path.startsWith(`${removed}/`) ? 'removes' : 'other';
  }
  return !isDirectory && path.startsWith(`${name}/`) ? 'replaces-parent' : 'other';
}

function plainName(name: string): string | undefined {
  if (name.startsWith('/')) return undefined;
  const segments = name.split('/').filter((segment) => segment !== '' && segment !== '.');
  return segments.length === 0 || segments.includes('..') ? undefined : segments.join('/');
}

function invalid(problem: string): ExportError {
  return new ExportError('configuration-invalid', `_anonymizationConfigCollectionReference: ${problem}.`);
}
