import { pipeline, Readable, type Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createGunzip } from 'node:zlib';
import tar from 'tar-stream';
import { ExportError } from '../../common/errors.js';
import { invalidImage } from './registryRepository.js';

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
  for await (const entry of entriesOf(source)) {
    const relation = relationTo(path, entry);
    // A whiteout counts for the layers below, never for its own.
    if (relation === 'other' || (relation === 'removes' && found.kind !== 'absent')) continue;
    if (relation !== 'same' || entry.isDirectory) found = { kind: 'removed' };
    else if (!entry.isFile) found = { kind: 'not-a-file' };
    else if (entry.bytes > mostFileBytes) found = { kind: 'too-large' };
    else found = { kind: 'file', bytes: await entry.content() };
  }
  return found;
}

/** Names and sizes of the files of an archive. */
export async function listArchive(source: AsyncIterable<Uint8Array>): Promise<Map<string, number>> {
  const files = new Map<string, number>();
  for await (const { name, isFile, bytes } of entriesOf(source)) {
    if (name !== undefined && isFile && !name.includes(WHITEOUT)) files.set(name, bytes);
  }
  return files;
}

interface ArchiveEntry {
  /** Relative and plain; `undefined` for a name that leads out of the archive. */
  name: string | undefined;
  isFile: boolean;
  isDirectory: boolean;
  bytes: number;
  content: () => Promise<Buffer>;
}

/** The entries of an archive, to its end. */
async function* entriesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<ArchiveEntry> {
  const { first, all, isAtEnd } = await peek(source);
  // The callback is only for the faults that the reader of the last stream sees, too.
  const unpacked = isGzip(first) ? pipeline(Readable.from(all), createGunzip(), () => undefined) : all;
  const bytes = Readable.from(bounded(unpacked));
  const extract = tar.extract();
  bytes.on('error', (error) => extract.destroy(error));
  extract.on('close', () => bytes.destroy());
  bytes.pipe(extract as unknown as Writable);
  try {
    for await (const entry of extract) {
      const { name, type, size } = entry.header;
      yield {
        name: plainName(name),
        isFile: type === 'file' || type === 'contiguous-file',
        isDirectory: type === 'directory',
        bytes: size ?? 0,
        content: () => buffer(entry as AsyncIterable<Uint8Array>).catch(unreadable),
      };
      entry.resume();
    }
    // Only who has seen the end of the source knows that it is what its digest says.
    if (!isAtEnd()) throw new Error('more behind the end of the archive');
  } catch (error) {
    unreadable(error);
  }
}

function unreadable(error: unknown): never {
  if (error instanceof ExportError) throw error;
  throw invalidImage('a layer is not a whole tar archive, plain or in gzip. Push the image again');
}

async function* bounded(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.byteLength;
    if (bytes > MAX_UNPACKED_BYTES) {
      throw invalidImage(
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
      if (isZstandard(first)) throw invalidImage('a layer is compressed with zstd. Push it with gzip');
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
