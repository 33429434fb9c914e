import { createHash } from 'node:crypto';
import type { AppendBlobClient, ContainerClient } from '@azure/storage-blob';
import { BufferPool } from '../bufferPool.js';
import { ExportError } from '../../common/errors.js';
import { storageFailure, storageStatus } from './storage.js';

/** Bytes of one append: the size that every service version takes. */
const BLOCK_BYTES = 2 * 1024 * 1024;

/** Bytes of memory that wait for the next files. */
const MAX_IDLE_BYTES = 4 * BLOCK_BYTES;
const blocks = new BufferPool(MAX_IDLE_BYTES);

/**
 * An NDJSON file that is written by one attempt of one slice and by no other: created only if it does not
 * exist, each append at the expected position with the last ETag. Two blocks are in memory at most: one is
 * filled while the other is on its way.
 */
export class AppendBlob {
  readonly #client: AppendBlobClient;
  readonly #blockBytes: number;
  #etag: string;
  #position = 0;
  #block: Buffer | undefined;
  #filled = 0;
  #lines = 0;
  readonly #hash = createHash('sha256');
  #sha256: string | undefined;
  #sending: Promise<void> = Promise.resolve();

  private constructor(client: AppendBlobClient, etag: string, blockBytes: number) {
    this.#client = client;
    this.#etag = etag;
    this.#blockBytes = blockBytes;
  }

  /**
   * @param blockBytes bytes of one append: less takes less memory where many files are written at a time
   * @throws ExportError where the blob exists already or storage cannot be used
   */
  static async create(
    container: ContainerClient,
    name: string,
    blockBytes = BLOCK_BYTES,
  ): Promise<AppendBlob> {
    const client = container.getAppendBlobClient(name);
    try {
      const { etag } = await client.create({
        conditions: { ifNoneMatch: '*' },
        blobHTTPHeaders: { blobContentType: 'application/fhir+ndjson' },
      });
      return new AppendBlob(client, requireEtag(etag), blockBytes);
    } catch (error) {
      // The SDK repeats a create that timed out; one that took effect the first time then looks taken. The
      // name is random, so an empty blob of it is ours.
      if (storageStatus(error) === 409) {
        const { contentLength, etag } = await client
          .getProperties()
          .catch(() => ({ contentLength: -1, etag: '' }));
        if (contentLength === 0) return new AppendBlob(client, requireEtag(etag), blockBytes);
      }
      throw storageFailure(error, 'EXPORT_STORAGE', 'creating an output file');
    }
  }

  /** Bytes written so far, those under way included. */
  get bytes(): number {
    return this.#position + this.#filled;
  }

  get lines(): number {
    return this.#lines;
  }

  /** SHA-256 of all that was written, in hexadecimal; once the file is closed. */
  get sha256(): string | undefined {
    return this.#sha256;
  }

  /** Adds lines, each with its line break. Await what it returns, if anything, before the next ones: both blocks are full then. */
  writeLines(lines: Uint8Array, count: number): Promise<void> | undefined {
    this.#lines += count;
    this.#hash.update(lines);
    if (this.#filled + lines.length >= this.#blockBytes) return this.#writeAcross(lines);
    this.#room().set(lines, this.#filled);
    this.#filled += lines.length;
    return undefined;
  }

  /** Sends what is left and waits for all of it. The file is whole after this, not before. */
  async close(): Promise<void> {
    await this.#flush();
    await this.#sending;
    this.#sha256 ??= this.#hash.digest('hex');
    if (this.#block !== undefined) blocks.giveBack(this.#block);
    this.#block = undefined;
  }

  /** The block that is filled. */
  #room(): Buffer {
    return (this.#block ??= blocks.take(this.#blockBytes));
  }

  async #writeAcross(lines: Uint8Array): Promise<void> {
    for (let start = 0; start < lines.length;) {
      const end = Math.min(lines.length, start + this.#blockBytes - this.#filled);
      this.#room().set(lines.subarray(start, end), this.#filled);
      this.#filled += end - start;
      start = end;
      if (this.#filled === this.#blockBytes) await this.#flush();
    }
  }

  async #flush(): Promise<void> {
    await this.#sending;
    const full = this.#block;
    if (full === undefined || this.#filled === 0) return;
    const size = this.#filled;
    this.#block = undefined;
    this.#filled = 0;
    this.#sending = this.#send(full, size);
    // A failure is reported by the next await of #sending; without a handler it would end the process before.
    this.#sending.catch(() => undefined);
  }

  /** Sends the first bytes of a block, which any file may have after that. */
  async #send(block: Buffer, size: number): Promise<void> {
    await this.#append(block.subarray(0, size));
    blocks.giveBack(block);
  }

  async #append(block: Buffer): Promise<void> {
    const position = this.#position;
    this.#position += block.length;
    try {
      const { etag } = await this.#client.appendBlock(block, block.length, {
        conditions: { appendPosition: position, ifMatch: this.#etag },
      });
      this.#etag = requireEtag(etag);
    } catch (error) {
      if (storageStatus(error) === 412 && (await this.#hasLanded(position + block.length))) return;
      throw storageFailure(error, 'EXPORT_STORAGE', 'appending to an output file');
    }
  }

  /** After a 412: whether the append took effect although its answer was lost, which its length shows. */
  async #hasLanded(length: number): Promise<boolean> {
    try {
      const { contentLength, etag } = await this.#client.getProperties();
      if (contentLength !== length) return false;
      this.#etag = requireEtag(etag);
      return true;
    } catch {
      return false;
    }
  }
}

function requireEtag(etag: string | undefined): string {
  if (etag === undefined || etag === '') {
    throw new ExportError('storage-unavailable', 'The storage account of EXPORT_STORAGE gave no ETag.', true);
  }
  return etag;
}
