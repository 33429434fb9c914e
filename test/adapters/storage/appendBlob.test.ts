import { createHash } from 'node:crypto';
import { type ContainerClient, RestError } from '@azure/storage-blob';
import { describe, expect, it } from 'vitest';
import { AppendBlob } from '../../../functions/adapters/storage/appendBlob.js';
import type { ExportError } from '../../../functions/common/errors.js';

/** What happens to one request. `lost`: it takes effect, but its answer does not arrive and the SDK asks again. */
type Fault = 'none' | 'lost' | 'conflict' | 'throttled' | 'unavailable' | 'denied' | 'gone';

const BLOCK = 2 * 1024 * 1024;

/** Append blob storage as the service behaves, conditions included, with a fault per request. */
class FakeStorage {
  content = Buffer.alloc(0);
  exists = false;
  appends = 0;
  #version = 0;
  readonly #faults: Fault[];

  constructor(faults: Fault[]) {
    this.#faults = faults;
  }

  get container(): ContainerClient {
    const client = {
      create: async () => this.#request(() => this.#create()),
      appendBlock: async (
        body: Buffer,
        length: number,
        { conditions }: { conditions: { appendPosition: number; ifMatch: string } },
      ) => this.#request(() => this.#append(body.subarray(0, length), conditions)),
      getProperties: async () => {
        if (!this.exists) throw new RestError('secret text', { statusCode: 404 });
        return { contentLength: this.content.length, etag: this.#etag };
      },
    };
    return { getAppendBlobClient: () => client } as unknown as ContainerClient;
  }

  get #etag(): string {
    return `"${this.#version}"`;
  }

  #request(work: () => { etag: string }): { etag: string } {
    const fault = this.#faults.shift() ?? 'none';
    const status = { conflict: 412, throttled: 429, unavailable: 503, denied: 403, gone: 404 }[
      fault as string
    ];
    if (status !== undefined) throw new RestError('secret text', { statusCode: status });
    const answer = work();
    return fault === 'lost' ? work() : answer;
  }

  #create(): { etag: string } {
    if (this.exists) throw new RestError('secret text', { statusCode: 409 });
    this.exists = true;
    return { etag: this.#etag };
  }

  #append(body: Buffer, conditions: { appendPosition: number; ifMatch: string }): { etag: string } {
    if (conditions.ifMatch !== this.#etag || conditions.appendPosition !== this.content.length) {
      throw new RestError('secret text', { statusCode: 412 });
    }
    this.appends++;
    this.content = Buffer.concat([this.content, body]);
    this.#version++;
    return { etag: this.#etag };
  }
}

async function write(storage: FakeStorage, lines: string[]): Promise<AppendBlob> {
  const file = await AppendBlob.create(storage.container, 'Patient-0-0-random.ndjson');
  for (const line of lines) await file.writeLines(Buffer.from(`${line}\n`), 1);
  await file.close();
  return file;
}

describe('an output file', () => {
  it.each([
    ['a few lines', ['a', 'ä€😀', '{"x":1}']],
    ['nothing', []],
    [
      'lines of just a block, and one byte around it',
      ['x'.repeat(BLOCK - 1), 'y'.repeat(BLOCK), 'z'.repeat(BLOCK - 2)],
    ],
    ['a line of many blocks', ['x'.repeat(5 * BLOCK + 17), 'y']],
    ['many lines', Array.from({ length: 50_000 }, (_, index) => `${index} ${'€'.repeat(index % 200)}`)],
  ])('holds %s byte for byte', async (_name, lines) => {
    const storage = new FakeStorage([]);
    const file = await write(storage, lines);
    expect(storage.content.equals(Buffer.from(lines.map((line) => `${line}\n`).join('')))).toBe(true);
    expect({ bytes: file.bytes, lines: file.lines, sha256: file.sha256 }).toEqual({
      bytes: storage.content.length,
      lines: lines.length,
      sha256: createHash('sha256').update(storage.content).digest('hex'),
    });
  });

  it('is appended in blocks of 2 MiB', async () => {
    const storage = new FakeStorage([]);
    await write(
      storage,
      Array.from({ length: 9000 }, () => 'x'.repeat(1023)),
    );
    expect(storage.appends).toBe(5);
  });

  const blocks = ['x'.repeat(BLOCK), 'y'.repeat(BLOCK), 'z'];

  it.each([
    ['a create whose answer was lost', ['lost']],
    ['an append whose answer was lost', ['none', 'lost']],
    ['every answer lost', ['lost', 'lost', 'lost', 'lost']],
  ] satisfies Array<[string, Fault[]]>)('survives %s, without doubling a line', async (_name, faults) => {
    const storage = new FakeStorage(faults);
    const file = await write(storage, blocks);
    expect(file.sha256).toBe(createHash('sha256').update(storage.content).digest('hex'));
    expect(storage.content.equals(Buffer.from(blocks.map((line) => `${line}\n`).join('')))).toBe(true);
  });

  it.each([
    ['someone else wrote to it', ['none', 'conflict'], 'storage-conflict', true],
    ['it was deleted', ['none', 'none', 'gone'], 'storage-conflict', true],
    ['storage throttles', ['none', 'throttled'], 'storage-unavailable', true],
    ['storage is down', ['unavailable'], 'storage-unavailable', true],
    ['a role is missing', ['denied'], 'storage-denied', false],
  ] satisfies Array<[string, Fault[], string, boolean]>)(
    'fails where %s',
    async (_name, faults, code, retryable) => {
      const failure = await write(new FakeStorage(faults), blocks).then(
        () => undefined,
        (error: ExportError) => error,
      );
      expect({ code: failure?.code, retryable: failure?.retryable }).toEqual({ code, retryable });
      expect(failure?.message).not.toContain('secret text');
      if (code === 'storage-denied') expect(failure?.message).toContain('Storage Blob Data Contributor');
    },
  );
});
