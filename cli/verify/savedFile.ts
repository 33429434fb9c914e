import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { GZIP_MAGIC } from '../gzip.js';

const LINE_BREAK = 0x0a;
const CHUNK_BYTES = 1_048_576;
/** Bytes of the longest line that is read: far more than the app writes. */
const MAX_LINE_BYTES = 268_435_456;

/** What a file is as a whole, without the compression that it is saved under. */
export interface FileTotals {
  readonly bytes: number;
  readonly sha256: string;
  /** Whether its last line ends with a line break; true for an empty file. */
  readonly isWhole: boolean;
}

/**
 * Reads the lines of a file, compressed or not, with one chunk and one line in memory.
 * @param onLine takes each line without its line break; the bytes may be used for others afterwards. `undefined`: the line
 * is longer than any that is read
 * @throws Error of the file system or of gzip
 */
export async function readLines(
  path: string,
  onLine: (line: Buffer | undefined, number: number) => void,
): Promise<FileTotals> {
  const hash = createHash('sha256');
  let bytes = 0;
  let number = 0;
  let isTooLong = false;
  let rest: Buffer[] = [];
  let restBytes = 0;
  const end = (last: Buffer): void => {
    const line = rest.length === 0 ? last : Buffer.concat([...rest, last]);
    onLine(isTooLong ? undefined : line, ++number);
    rest = [];
    restBytes = 0;
    isTooLong = false;
  };
  for await (const chunk of await contentOf(path)) {
    hash.update(chunk);
    bytes += chunk.length;
    let start = 0;
    for (let at = chunk.indexOf(LINE_BREAK); at >= 0; at = chunk.indexOf(LINE_BREAK, start)) {
      end(chunk.subarray(start, at));
      start = at + 1;
    }
    restBytes += chunk.length - start;
    if (restBytes > MAX_LINE_BYTES) {
      isTooLong = true;
      rest = [];
    } else if (start < chunk.length) rest.push(chunk.subarray(start));
  }
  const isWhole = restBytes === 0;
  if (!isWhole) end(Buffer.alloc(0));
  return { bytes, sha256: hash.digest('hex'), isWhole };
}

/** The content of a file, decompressed where it begins as gzip does, whatever its name: clients save what they are sent. */
async function contentOf(path: string): Promise<AsyncIterable<Buffer>> {
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  let first: Buffer | undefined;
  for await (const chunk of createReadStream(path, { end: GZIP_MAGIC.length - 1 })) first = chunk as Buffer;
  if (first?.equals(GZIP_MAGIC) !== true) return file;
  const content = createGunzip({ chunkSize: CHUNK_BYTES });
  file.on('error', (error) => content.destroy(error));
  return file.pipe(content);
}
