import { gzipSync } from 'node:zlib';
import tar, { type Pack } from 'tar-stream';

/** An entry of an archive: a file with its content, or anything else by its header. */
export type Entry = [name: string, content: string] | Parameters<Pack['entry']>[0];

/** A tar archive of these entries, in this order. */
export async function tarOf(entries: readonly Entry[]): Promise<Buffer> {
  const pack = tar.pack();
  for (const entry of entries) {
    if (Array.isArray(entry)) pack.entry({ name: entry[0] }, entry[1]);
    else pack.entry(entry, '');
  }
  pack.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of pack) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

export async function tarGzOf(entries: readonly Entry[]): Promise<Buffer> {
  return gzipSync(await tarOf(entries));
}

/** A header block of a tar archive, made by hand, for what no tool would write. */
export function tarHeader(name: string, typeflag: string, bytes: number): Buffer {
  const block = Buffer.alloc(512);
  block.write(name);
  block.write('0000644\0', 100);
  block.write(`${bytes.toString(8).padStart(11, '0')}\0`, 124);
  block.write(`        ${typeflag}`, 148);
  block.write('ustar\x0000', 257);
  const sum = block.reduce((all, byte) => all + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}
