import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unpackedFiles } from '../../console/engine/unpack.js';
import { randomly } from '../random.js';

type Bytes = Uint8Array<ArrayBuffer>;

const LINES = Array.from({ length: 3000 }, (_, at) => `{"resourceType":"Patient","id":"p${at}"}\n`);
const bytesOf = (text: string): Bytes => new TextEncoder().encode(text);
const packed = (content: string | Uint8Array): Bytes => new Uint8Array(gzipSync(content));
const joined = (...parts: Uint8Array[]): Bytes => new Uint8Array(Buffer.concat(parts));

/** What a file holds. */
async function contentOf(data: Bytes, most?: number): Promise<string> {
  const [file] = await unpackedFiles([{ name: 'a.ndjson.gz', data }], most);
  return typeof file?.data === 'string' ? file.data : Buffer.from(file?.data ?? []).toString();
}

describe('a file of gzip', () => {
  it.each([
    ['one member', [LINES.join('')]],
    ['two members', [LINES.slice(0, 2000).join(''), LINES.slice(2000).join('')]],
    ['an empty last member', [LINES.join(''), '']],
    ['a member for each line', LINES.slice(0, 200)],
    ['nothing', ['']],
  ])('is unpacked: %s', async (_what, members) => {
    expect(await contentOf(joined(...members.map(packed)))).toBe(members.join(''));
  });

  it('is unpacked where its content is packed, and looks like further members', async () => {
    const inner = packed(LINES.join(''));
    const stored = new Uint8Array(gzipSync(joined(inner, inner, inner), { level: 0 }));
    expect(await contentOf(joined(stored, packed('end')))).toBe(
      Buffer.concat([inner, inner, inner, bytesOf('end')]).toString(),
    );
  });

  it('is known by how it begins, whatever its name; others stay as they are', async () => {
    const files = [
      { name: 'A.GZ', data: packed('one') },
      { name: 'b.ndjson', data: packed('two') },
      { name: 'c.gz', data: bytesOf('{}') },
      { name: 'd.gz', data: 'text' },
    ];
    const found = await unpackedFiles(files);
    expect(found.map(({ name, data }) => [name, Buffer.from(data as Bytes).toString()])).toEqual([
      ['A', 'one'],
      ['b.ndjson', 'two'],
      ['c.gz', '{}'],
      ['d.gz', 'text'],
    ]);
  });

  it.each([
    ['that was cut off', (file: Bytes) => file.slice(0, -20)],
    ['without its last byte', (file: Bytes) => file.slice(0, -1)],
    ['with another checksum', (file: Bytes) => file.with(file.length - 6, file.at(-6)! ^ 1)],
    ['with another byte in it', (file: Bytes) => file.with(file.length >> 1, file[file.length >> 1]! ^ 1)],
    ['of which the second member is damaged', (file: Bytes) => joined(file, file.slice(0, -9))],
    ['that ends with its header', (file: Bytes) => file.slice(0, 10)],
  ])('%s is refused, by its name', async (_what, damage) => {
    await expect(contentOf(damage(packed(LINES.join(''))))).rejects.toThrow(
      'a.ndjson.gz is packed by gzip, and damaged or not whole. Get it again, or unpack it first.',
    );
  });

  it('that expands to more than can be opened is not unpacked to its end', async () => {
    const bomb = packed(Buffer.alloc(100_000_000));
    await expect(contentOf(bomb, 1_000_000)).rejects.toThrow(
      'a.ndjson.gz unpacks to more than can be opened',
    );
    await expect(contentOf(joined(packed('x'), bomb), 1_000_000)).rejects.toThrow('more than can be opened');
  });

  it('of more members than can be opened is refused, also where all are empty', async () => {
    const file = { name: 'a.gz', data: joined(...Array.from({ length: 5 }, () => packed(''))) };
    await expect(unpackedFiles([file], 1000, 5)).resolves.toHaveLength(1);
    await expect(unpackedFiles([file, file], 1000, 9)).rejects.toThrow(
      'a.gz is packed by gzip in more parts than can be opened at once. Unpack it first, and open the result.',
    );
  });

  it('counts towards the bound with all others', async () => {
    const file = { name: 'a.gz', data: packed('x'.repeat(600)) };
    await expect(unpackedFiles([file, file], 1000)).rejects.toThrow('a.gz unpacks to more');
    await expect(unpackedFiles([file, { name: 'b', data: bytesOf('y'.repeat(600)) }], 1000)).rejects.toThrow(
      'b unpacks to more',
    );
    expect(await unpackedFiles([file, file], 1200)).toHaveLength(2);
  });

  it('that is anything after its header is refused, and nothing else happens', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (rest) => {
        const outcome = await contentOf(joined(Uint8Array.of(0x1f, 0x8b, 0x08), rest)).catch(String);
        expect(outcome).toMatch(/damaged or not whole|^$/);
      }),
      randomly(100),
    );
  });
});
