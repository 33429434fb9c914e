import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants } from 'node:zlib';

const brotli = promisify(brotliCompress);
/** The best: it takes some seconds, for files that changed alone, and a tenth less than 9 counts where the network is slow. */
const BROTLI_QUALITY = constants.BROTLI_MAX_QUALITY;
/** What the compressed form depends on besides the content. */
const COMPRESSION = JSON.stringify({ quality: BROTLI_QUALITY, brotli: process.versions.brotli });
/** What the names of compressed files end with. */
export const COMPRESSED = '.br';

/** What was compressed before, by the path of the file. */
export type Compressed = ReadonlyMap<string, { readonly content: Buffer; readonly packed: Buffer }>;

/** The files of a folder that have their compressed form beside them, made as it is made now; none where there is no folder. */
export function compressedIn(folder: string): Compressed {
  const how = howOf(folder);
  if (!existsSync(how) || readFileSync(how, 'utf8') !== COMPRESSION) return new Map();
  const packed = filesIn(folder).filter((path) => path.endsWith(COMPRESSED));
  return new Map(
    packed.map((path) => {
      const file = path.slice(0, -COMPRESSED.length);
      return [file, { content: readFileSync(file), packed: readFileSync(path) }];
    }),
  );
}

/**
 * Puts the form that browsers take beside each file of a folder that gets smaller by it.
 * @param before of files that are as they were, the form is taken from there
 */
export async function compressFiles(folder: string, before: Compressed): Promise<void> {
  await Promise.all(filesIn(folder).map((path) => compressFile(path, before)));
  writeFileSync(howOf(folder), COMPRESSION);
}

/** A file beside a folder, which says how its files were compressed. */
function howOf(folder: string): string {
  return `${folder}.compression.json`;
}

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
}

async function compressFile(path: string, before: Compressed): Promise<void> {
  const content = readFileSync(path);
  const former = before.get(path);
  const packed = former?.content.equals(content) === true ? former.packed : await packedOf(content);
  if (packed.byteLength < content.byteLength) writeFileSync(path + COMPRESSED, packed);
}

function packedOf(content: Buffer): Promise<Buffer> {
  return brotli(content, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: content.byteLength,
    },
  });
}
